"""The effect of a processed order: its row, written once.

The row itself keeps the effect single: an idempotency key is forgotten after a while, and a copy of its message may
come back later than that, out of the DLQ or from a client. It finds the row, and is a duplicate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from functions.common.errors import IdempotencyKeyReusedError, OrderIdTakenError
from functions.processor.order import CENT, Order
from functions.processor.pricing import Price

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

PROCESSED = "PROCESSED"


@dataclass(frozen=True)
class Provenance:
    """Where an order came from. Times are epoch milliseconds; `payload` is the digest of what the key stands for."""

    idempotency_key: str
    correlation_id: str
    accepted_at: int
    processed_at: int
    payload: str


def order_row(table: str, order: Order, price: Price, origin: Provenance) -> "UpdateTypeDef":
    """The write of the order's row, where there is none.

    `executions` counts how often it happened: more than 1 is a double side effect.
    """
    values: dict[str, str | int | Decimal | None] = {
        "status": PROCESSED,
        "amount": order.amount,
        "currency": order.currency,
        "customerId": order.customer_id,
        "linesTotal": price.lines_total,
        "charges": price.charges,
        "total": price.total,
        "idempotencyKey": origin.idempotency_key,
        "payload": origin.payload,
        "correlationId": origin.correlation_id,
        "acceptedAt": origin.accepted_at,
        "processedAt": origin.processed_at,
    }
    given = {name: value for name, value in values.items() if value is not None}
    assignments = ", ".join(f"#{name} = :{name}" for name in given)
    return {
        "TableName": table,
        "Key": {"orderId": {"S": order.order_id}},
        "UpdateExpression": f"SET {assignments} ADD #executions :one",
        "ConditionExpression": "attribute_not_exists(#orderId)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*given, "executions", "orderId")},
        "ExpressionAttributeValues": {
            ":one": {"N": "1"},
            **{f":{name}": _value(value) for name, value in given.items()},
        },
    }


def response(order: Order, price: Price, origin: Provenance) -> dict[str, Any]:
    """What is remembered with the idempotency key: enough to publish its event again, money as text."""
    return {
        "orderId": order.order_id,
        "amount": str(order.amount),
        "currency": order.currency,
        "total": str(price.total),
        "acceptedAt": origin.accepted_at,
        "processedAt": origin.processed_at,
    }


def earlier_response(row: Mapping[str, Any], origin: Provenance) -> dict[str, Any]:
    """What `response` was when the row was written, by the same key. `row` is as DynamoDB returns it.

    Raises OrderIdTakenError if another key wrote it, IdempotencyKeyReusedError if the key stood for something else.
    """
    known = {name: next(iter(value.values())) for name, value in row.items()}
    if known.get("idempotencyKey") != origin.idempotency_key:
        raise OrderIdTakenError("this order id was processed before with another content or key")
    if known.get("payload", origin.payload) != origin.payload:
        raise IdempotencyKeyReusedError("the idempotency key came before with another payload")
    return {
        "orderId": known["orderId"],
        "amount": _money(known["amount"]),
        "currency": known.get("currency"),
        "total": _money(known["total"]),
        "acceptedAt": int(known["acceptedAt"]),
        "processedAt": int(known["processedAt"]),
    }


def _money(number: str) -> str:
    """With both decimals, of which DynamoDB drops zeros."""
    return str(Decimal(number).quantize(CENT))


def _value(value: str | int | Decimal) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
