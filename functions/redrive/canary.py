"""The first messages of a redrive: the others follow when these were seen to pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from functions.publish.death import short
from functions.publish.envelope import Envelope
from functions.redrive.selection import error_type

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


KEPT_CHARACTERS = 256
"""As much as an operation's row keeps of an attribute that anybody may have written."""


@dataclass(frozen=True)
class Canary:
    """A message that is sent ahead. `redrive_count` is what it is sent with, `letter_id` the id of its dead letter.

    It has no order id if the body has none that an order could have.
    """

    order_id: str | None
    idempotency_key: str | None
    correlation_id: str
    redrive_count: int
    letter_id: str = ""

    @classmethod
    def of(cls, envelope: Envelope) -> "Canary":
        """The canary that a dead letter becomes."""
        order_id, key = envelope.order_id or "", envelope.text("idempotencyKey")
        return cls(
            order_id=order_id if order_id and short(order_id) == order_id else None,
            idempotency_key=None if key is None else key[:KEPT_CHARACTERS],
            correlation_id=envelope.correlation_id[:KEPT_CHARACTERS],
            redrive_count=envelope.next_redrive_count,
            letter_id=envelope.message_id,
        )

    @classmethod
    def from_row(cls, values: dict[str, Any]) -> "Canary":
        """A canary that an earlier invocation recorded."""
        return cls(
            order_id=values["orderId"],
            idempotency_key=values["idempotencyKey"],
            correlation_id=values["correlationId"],
            redrive_count=int(values["redriveCount"]),
            letter_id=values.get("dlqMessageId", ""),
        )

    def as_row(self) -> dict[str, Any]:
        """What the operation's row keeps of it, in the API's names."""
        return {
            "orderId": self.order_id,
            "idempotencyKey": self.idempotency_key,
            "correlationId": self.correlation_id,
            "redriveCount": self.redrive_count,
            "dlqMessageId": self.letter_id,
        }

    def died_as(self, envelope: Envelope) -> bool:
        """Whether a dead letter is this canary, dead again."""
        again = Canary.of(envelope)
        same = (again.correlation_id, again.order_id) == (self.correlation_id, self.order_id)
        return same and again.letter_id != self.letter_id and envelope.redrive_count >= self.redrive_count


class Effects(Protocol):
    """Tells whether an order has its effect."""

    def has(self, canary: Canary) -> bool: ...


class OrdersTable:
    """The effects as rows of the table of orders."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def has(self, canary: Canary) -> bool:
        """Whether the order was processed, under the canary's idempotency key where that is known."""
        if canary.order_id is None:
            return False
        answer = self._dynamodb.get_item(
            TableName=self._table, Key={"orderId": {"S": canary.order_id}}, ConsistentRead=True
        )
        if "Item" not in answer:
            return False
        key = answer["Item"].get("idempotencyKey", {}).get("S")
        return canary.idempotency_key in (None, key and key[:KEPT_CHARACTERS])


def choose(envelopes: Sequence[Envelope], number: int) -> list[Envelope]:
    """The canaries among messages: one of each error type first, since types fail for different reasons."""
    first_of_type = {error_type(envelope): envelope for envelope in reversed(envelopes)}
    pioneers = list(first_of_type.values())[::-1]
    others = [envelope for envelope in envelopes if envelope not in pioneers]
    return [*pioneers, *others][:number]
