"""The cause of death that a message carries in the DLQ, and what is left of it when the message comes back.

SQS allows ten attributes; an order's own three, its redrive count and the six of its death are ten. Whatever
else a sender attached therefore moves into the lineage.
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
MESSAGE_LENGTH = 256
MAX_HISTORY = 20
"""Deaths that are remembered, the latest ones: a message must not outgrow SQS's limit by dying."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def dead_letter(
    envelope: Envelope, error: BaseException, *, key: str, failed_at: datetime, code_version: str
) -> OutgoingMessage:
    """The message for the DLQ: the body untouched, the attributes, and why it died."""
    lineage = envelope.lineage
    foreign = {
        name: value
        for name, value in envelope.attributes.items()
        if name not in (*OWN_ATTRIBUTES, *CAUSE_ATTRIBUTES, REDRIVE_COUNT)
    }
    if foreign:
        lineage["foreign"] = {name: _as_json(value) for name, value in foreign.items()}
    return OutgoingMessage(
        body=envelope.body,
        attributes={
            "correlationId": text(envelope.correlation_id),
            "idempotencyKey": text(key),
            "lineage": text(codec.dumps(lineage)),
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
    lineage = envelope.lineage
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


def short(message: str) -> str:
    """A message that fits into an attribute: one line of printable ASCII, at most 256 characters."""
    line = _UNPRINTABLE.sub(" ", message).strip()
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 3]}..."


def _as_json(attribute: "Attribute") -> Mapping[str, str]:
    if "BinaryValue" in attribute:
        encoded = base64.b64encode(attribute["BinaryValue"]).decode()
        return {"DataType": attribute["DataType"], "BinaryValue": encoded}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}
