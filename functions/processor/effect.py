"""The effect of a processed order: its row, written once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from functions.processor.order import Order
from functions.processor.pricing import Price

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

PROCESSED = "PROCESSED"


@dataclass(frozen=True)
class Provenance:
    """Where an order came from. Times are epoch milliseconds."""

    idempotency_key: str
    correlation_id: str
    accepted_at: int
    processed_at: int


def order_row(table: str, order: Order, price: Price, origin: Provenance) -> "UpdateTypeDef":
    """The write of the order's row.

    `executions` counts how often it happened: more than 1 is a double side effect. A row that another
    idempotency key wrote is not overwritten.
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
        "ConditionExpression": "attribute_not_exists(#orderId) OR #idempotencyKey = :idempotencyKey",
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


def _value(value: str | int | Decimal) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
