"""The cause of death that a message carries in the DLQ, and what is left of it when the message comes back.

SQS allows ten attributes; an order's own three, its redrive count and the six of its death are ten. Whatever
else a sender attached therefore moves into the lineage.

A message that is requeued has not died: the worker sends it to its queue anew before its receives run out.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.common import codec
from functions.common.errors import category_of, type_of
from functions.publish.envelope import Envelope
from functions.publish.message import OutgoingMessage, number, text

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

OWN_ATTRIBUTES = ("correlationId", "idempotencyKey", "lineage")
CAUSE_ATTRIBUTES = ("errorType", "errorCategory", "errorMessage", "failedAt", "receiveCount", "codeVersion")
REDRIVE_COUNT = "redriveCount"
REQUEUES = "requeues"
"""Of the lineage."""
_KNOWN_ATTRIBUTES = frozenset({*OWN_ATTRIBUTES, *CAUSE_ATTRIBUTES, REDRIVE_COUNT})
MESSAGE_LENGTH = 256
MAX_HISTORY = 20
"""Deaths that are remembered, the latest ones: a message must not outgrow SQS's limit by dying."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def dead_letter(
    envelope: Envelope, error: BaseException, *, key: str, failed_at: datetime, code_version: str
) -> OutgoingMessage:
    """The message for the DLQ: the body untouched, the attributes, and why it died."""
    return OutgoingMessage(
        body=envelope.body,
        attributes={
            "correlationId": text(envelope.correlation_id),
            "idempotencyKey": text(key),
            "lineage": text(codec.dumps(_with_foreign(envelope))),
            REDRIVE_COUNT: number(envelope.redrive_count),
            "errorType": text(type_of(error)),
            "errorCategory": text(category_of(error)),
            "errorMessage": text(short(str(error)) or type_of(error)),
            "failedAt": text(failed_at.isoformat(timespec="milliseconds")),
            "receiveCount": number(envelope.receive_count),
            "codeVersion": text(code_version),
        },
    )


def resurrected(envelope: Envelope, delay_seconds: int) -> OutgoingMessage:
    """A dead letter as it goes back to the queue: its death becomes history, every other attribute stays."""
    lineage = {name: value for name, value in envelope.lineage.items() if name != REQUEUES}
    cause = {name: value for name in CAUSE_ATTRIBUTES if (value := envelope.text(name)) is not None}
    history: Any = lineage["history"]
    deaths: list[Any] = history if isinstance(history, list) else []  # pyright: ignore[reportUnknownVariableType]
    lineage["history"] = [*deaths, {**cause, REDRIVE_COUNT: envelope.redrive_count}][-MAX_HISTORY:]
    kept = {name: value for name, value in envelope.attributes.items() if name not in CAUSE_ATTRIBUTES}
    return OutgoingMessage(
        body=envelope.body,
        attributes={
            **kept,
            "correlationId": text(envelope.correlation_id),
            "lineage": text(codec.dumps(lineage)),
            REDRIVE_COUNT: number(envelope.redrive_count + 1),
        },
        delay_seconds=delay_seconds,
    )


def requeued(envelope: Envelope, delay_seconds: int) -> OutgoingMessage:
    """A message as it is sent to its queue anew: SQS counts its receives from the start, the lineage its requeues."""
    kept = {name: value for name, value in envelope.attributes.items() if name in _KNOWN_ATTRIBUTES}
    return OutgoingMessage(
        body=envelope.body,
        attributes={
            **kept,
            "correlationId": text(envelope.correlation_id),
            "lineage": text(codec.dumps(_with_foreign(envelope) | {REQUEUES: envelope.requeues + 1})),
        },
        delay_seconds=delay_seconds,
    )


def short(message: str) -> str:
    """A message that fits into an attribute: one line of printable ASCII, at most 256 characters."""
    line = _UNPRINTABLE.sub(" ", message).strip()
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 3]}..."


def _with_foreign(envelope: Envelope) -> dict[str, Any]:
    """The lineage with whatever attributes are not the pipeline's own."""
    foreign = {
        name: _as_json(value) for name, value in envelope.attributes.items() if name not in _KNOWN_ATTRIBUTES
    }
    lineage = envelope.lineage
    return lineage | {"foreign": foreign} if foreign else lineage


def _as_json(attribute: "Attribute") -> Mapping[str, str]:
    if "BinaryValue" in attribute:
        encoded = base64.b64encode(attribute["BinaryValue"]).decode()
        return {"DataType": attribute["DataType"], "BinaryValue": encoded}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}
