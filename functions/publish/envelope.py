"""A message as it was received: its body, and what its attributes say about the order's way so far."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.common.tracing import TRACEPARENT

LAST_MS = 253_402_300_799_999
"""The end of the year 9999 in epoch milliseconds: no calendar here has a time after it."""

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute
    from mypy_boto3_sqs.type_defs import MessageTypeDef


@dataclass(frozen=True)
class Envelope:
    """A received message. `sent_at` is its first enqueue time in epoch milliseconds."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: "Mapping[str, Attribute]"
    receive_count: int
    sent_at: int

    def text(self, name: str) -> str | None:
        """The value of a String or Number attribute."""
        return self.attributes[name].get("StringValue") if name in self.attributes else None

    @property
    def correlation_id(self) -> str:
        """The id that ties all traces of the order together; SQS's id where the sender gave none."""
        return self.text("correlationId") or self.message_id

    @property
    def redrive_count(self) -> int:
        """How often it was brought back from the DLQ."""
        text = self.text("redriveCount") or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def lineage(self) -> dict[str, Any]:
        """When the order was accepted, and its earlier deaths; made up where it is missing."""
        made_up = {"acceptedAt": self.sent_at, "history": list[Any]()}
        try:
            given = codec.loads(self.text("lineage") or "{}")
        except MalformedJsonError:
            return made_up
        return made_up | cast(dict[str, Any], given) if isinstance(given, dict) else made_up

    @property
    def requeues(self) -> int:
        """How often the worker has sent it to its queue anew since it was accepted or brought back."""
        count = self.lineage.get("requeues")
        return count if isinstance(count, int) else 0

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
    def order_id(self) -> str | None:
        """The order's id, if the body has one."""
        try:
            document = codec.loads(self.body)
        except MalformedJsonError:
            return None
        order_id = cast(dict[str, Any], document).get("orderId") if isinstance(document, dict) else None
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
    )


def _attribute(value: Mapping[str, Any]) -> "Attribute":
    """Lambda's spelling of an attribute in SQS's own."""
    if value.get("binaryValue"):
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value.get("stringValue") or ""}


def _object(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
