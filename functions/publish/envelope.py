"""A message as it was received: its body, and what its attributes say about the order's way so far."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.common.tracing import TRACEPARENT
from functions.publish.key import idempotency_key

LAST_MS = 253_402_300_799_999
"""The end of the year 9999 in epoch milliseconds: no calendar here has a time after it."""

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute
    from mypy_boto3_sqs.type_defs import MessageTypeDef


MAX_COUNT = 1_000_000
"""No count of redrives or requeues is read as more."""


@dataclass(frozen=True)
class Envelope:
    """A received message. `sent_at` is its first enqueue time in epoch milliseconds."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: "Mapping[str, Attribute]"
    receive_count: int
    sent_at: int
    group: str | None = None
    """Whose message it is, where queues are fair (MessageGroupId)."""

    def text(self, name: str) -> str | None:
        """The value of a String or Number attribute."""
        return self.attributes[name].get("StringValue") if name in self.attributes else None

    @property
    def correlation_id(self) -> str:
        """The id that ties all traces of the order together; SQS's id where the sender gave none."""
        return self.text("correlationId") or self.message_id

    def idempotency_key(self, order: Mapping[str, Any] | None = None) -> str:
        """The key it was sent with; without one its order's, where that is known, else SQS's id."""
        return self.text("idempotencyKey") or (idempotency_key(order) if order else self.message_id)

    @property
    def redrive_count(self) -> int:
        """How often it was brought back from the DLQ, 0 to MAX_COUNT.

        Whatever SQS takes for a number is read as one. A text that is none says that somebody brought the message
        back: it counts as once, so that no spelling hides a second death.
        """
        text = self.text("redriveCount")
        return 0 if text is None else _count(text)

    @property
    def next_redrive_count(self) -> int:
        """What it is brought back with."""
        return min(self.redrive_count + 1, MAX_COUNT)

    @cached_property
    def lineage(self) -> dict[str, Any]:
        """When the order was accepted, and its earlier deaths; made up where it is missing."""
        return {"acceptedAt": self.sent_at, "history": list[Any]()} | (self._given_lineage or {})

    @property
    def has_lineage(self) -> bool:
        """Whether its attribute `lineage` can be read as one."""
        return self._given_lineage is not None

    @cached_property
    def _given_lineage(self) -> dict[str, Any] | None:
        try:
            given = codec.loads(self.text("lineage") or "")
        except MalformedJsonError:
            return None
        return cast(dict[str, Any], given) if isinstance(given, dict) else None

    @property
    def requeues(self) -> int:
        """How often the worker has requeued it since it was accepted or brought back, 0 to MAX_COUNT."""
        count = self.lineage.get("requeues")
        return min(max(count, 0), MAX_COUNT) if isinstance(count, int) else 0

    @property
    def traceparent(self) -> str | None:
        """The trace it belongs to, where tracing is deployed; a message that died has it in its lineage."""
        foreign = _object(self.lineage.get("foreign"))
        kept = _object(foreign.get(TRACEPARENT)).get("StringValue")
        return self.text(TRACEPARENT) or (kept if isinstance(kept, str) else None)

    @property
    def accepted_at(self) -> int:
        """When the API accepted the order, in epoch milliseconds."""
        accepted = self.lineage["acceptedAt"]
        return accepted if type(accepted) is int and 0 <= accepted <= LAST_MS else self.sent_at

    @property
    def waiting_since(self) -> int:
        """Since when the order waits, in epoch milliseconds: since it was accepted, or brought back from the DLQ.

        Time in the DLQ is no waiting: there an order stays until somebody acts.
        """
        since = self.lineage.get("waitingSince")
        if type(since) is int and 0 <= since <= LAST_MS:
            return since
        was_dead = self.redrive_count > 0 or self.text("failedAt") is not None
        return self.sent_at if was_dead else self.accepted_at

    @cached_property
    def document(self) -> Any:
        """The body, parsed once. Raises MalformedJsonError."""
        return codec.loads(self.body)

    @property
    def order_id(self) -> str | None:
        """The order's id, if the body has one."""
        try:
            order_id = _object(self.document).get("orderId")
        except MalformedJsonError:
            return None
        return order_id if isinstance(order_id, str) else None


def from_lambda(record: Mapping[str, Any]) -> Envelope:
    """The message of one record of an SQS event."""
    system: Mapping[str, str] = record.get("attributes") or {}
    given: Mapping[str, Mapping[str, Any]] = record.get("messageAttributes") or {}
    return Envelope(
        message_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        body=record["body"],
        attributes={name: _attribute(value) for name, value in given.items()},
        receive_count=int(system.get("ApproximateReceiveCount", "1")),
        sent_at=int(system.get("SentTimestamp", "0")),
        group=system.get("MessageGroupId"),
    )


def from_receive(message: "MessageTypeDef") -> Envelope:
    """A message of ReceiveMessage, asked for with all attributes and system attributes."""
    system = message.get("Attributes", {})
    return Envelope(
        message_id=message.get("MessageId", ""),
        receipt_handle=message.get("ReceiptHandle", ""),
        body=message.get("Body", ""),
        attributes=message.get("MessageAttributes", {}),
        receive_count=int(system.get("ApproximateReceiveCount", "1")),
        sent_at=int(system.get("SentTimestamp", "0")),
        group=system.get("MessageGroupId"),
    )


def _attribute(value: Mapping[str, Any]) -> "Attribute":
    """Lambda's spelling of an attribute in SQS's own."""
    if value.get("binaryValue"):
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value.get("stringValue") or ""}


def _count(text: str) -> int:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return 1
    if number.is_nan():
        return 1
    return int(min(max(number, Decimal(0)), Decimal(MAX_COUNT)).to_integral_value(ROUND_CEILING))


def _object(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
