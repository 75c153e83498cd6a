"""The identity of a message that a redrive sent: by it the message is found again, wherever it ended."""

from dataclasses import dataclass
from typing import Any

from functions.publish.death import short
from functions.publish.envelope import Envelope

KEPT_CHARACTERS = 256
"""As much as is kept of an attribute that anybody may have written."""


@dataclass(frozen=True)
class Moved:
    """A message on its way back, and how to know it again.

    `redrive_count` is what it is sent with, `letter_id` the id of the dead letter that it was, `message_id` its own id,
    which is empty before it is sent. It has no order id if the body has none that an order could have.
    """

    order_id: str | None
    idempotency_key: str | None
    correlation_id: str
    redrive_count: int
    letter_id: str = ""
    message_id: str = ""

    @classmethod
    def of(cls, envelope: Envelope, message_id: str = "") -> "Moved":
        """What a dead letter becomes."""
        order_id, key = envelope.order_id or "", envelope.text("idempotencyKey")
        return cls(
            order_id=order_id if order_id and short(order_id) == order_id else None,
            idempotency_key=None if key is None else key[:KEPT_CHARACTERS],
            correlation_id=envelope.correlation_id[:KEPT_CHARACTERS],
            redrive_count=envelope.next_redrive_count,
            letter_id=envelope.message_id,
            message_id=message_id,
        )

    @classmethod
    def from_row(cls, values: dict[str, Any]) -> "Moved":
        """One that was recorded."""
        return cls(
            order_id=values["orderId"],
            idempotency_key=values["idempotencyKey"],
            correlation_id=values["correlationId"],
            redrive_count=int(values["redriveCount"]),
            letter_id=values.get("dlqMessageId", ""),
            message_id=values.get("messageId", ""),
        )

    def as_row(self) -> dict[str, Any]:
        """What is recorded of it, in the API's names."""
        return {
            "orderId": self.order_id,
            "idempotencyKey": self.idempotency_key,
            "correlationId": self.correlation_id,
            "redriveCount": self.redrive_count,
            "dlqMessageId": self.letter_id,
            "messageId": self.message_id,
        }

    def died_as(self, envelope: Envelope) -> bool:
        """Whether a dead letter is this message, dead again."""
        again = Moved.of(envelope)
        same = (again.correlation_id, again.order_id) == (self.correlation_id, self.order_id)
        return same and again.letter_id != self.letter_id and envelope.redrive_count >= self.redrive_count
