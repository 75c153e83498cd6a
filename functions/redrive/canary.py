"""The first messages of a redrive: the others follow when these were seen to pass."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from functions.common.rows import rows
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_type
from functions.redrive.moved import KEPT_CHARACTERS, Moved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Effects(Protocol):
    """Tells whether an order has its effect."""

    def has(self, canary: Moved) -> bool: ...


class OrdersTable:
    """The effects as rows of the table of orders."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def has(self, canary: Moved) -> bool:
        """Whether the order was processed, under the message's idempotency key where that is known."""
        return bool(self.processed([canary]))

    def processed(self, moved: Iterable[Moved]) -> set[str]:
        """The letter ids of those messages whose order has its effect, under their own idempotency key."""
        by_order = defaultdict[str, list[Moved]](list)
        for message in moved:
            if message.order_id is not None:
                by_order[message.order_id].append(message)
        return {
            message.letter_id
            for _, row in rows(
                self._dynamodb, [(self._table, {"orderId": {"S": order_id}}) for order_id in by_order]
            )
            for message in by_order[row["orderId"].get("S", "")]
            if message.idempotency_key in (None, row.get("idempotencyKey", {}).get("S", "")[:KEPT_CHARACTERS])
        }


def choose(envelopes: Sequence[Envelope], number: int) -> list[Envelope]:
    """The canaries among messages: one of each error type first, since types fail for different reasons."""
    first_of_type = {error_type(envelope): envelope for envelope in reversed(envelopes)}
    pioneers = list(first_of_type.values())[::-1]
    others = [envelope for envelope in envelopes if envelope not in pioneers]
    return [*pioneers, *others][:number]
