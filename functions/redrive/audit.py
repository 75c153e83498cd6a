"""Audit rows of single dead letters: what they were before somebody edited them, undid that, or gave them up."""

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functions.common import codec
from functions.publish.attributes import as_json
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_category, error_type

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

MAX_BODY_IN_ROW = 300_000
"""A DynamoDB item holds 400 KB; a longer body is recorded by its digest alone."""

MAX_ATTRIBUTES_IN_ROW = 60_000

MAX_TEXT_IN_ROW = 2048
"""Characters of anything else that is recorded: SQS lets one attribute be larger than an item."""


def audit_row(letter: Envelope, **more: str) -> dict[str, str]:
    """What is kept of a dead letter: its ids, its cause of death, and the body and attributes where they fit."""
    row: dict[str, str] = {
        "messageId": letter.message_id,
        "correlationId": letter.correlation_id,
        "idempotencyKey": letter.text("idempotencyKey") or "",
        "errorType": error_type(letter),
        "errorCategory": error_category(letter),
        "bodySha256": digest(letter.body),
        "orderId": letter.order_id or "",
        "messageGroup": letter.group or "",
        **more,
    }
    row = {name: storable(value)[:MAX_TEXT_IN_ROW] for name, value in row.items() if value}
    body, attributes = storable(letter.body), _attributes(letter)
    if len(body.encode()) <= MAX_BODY_IN_ROW:
        row["body"] = body
    if len(attributes) <= MAX_ATTRIBUTES_IN_ROW:
        row["attributes"] = attributes
    return row


def is_kept_whole(letter: Envelope) -> bool:
    """Whether its audit row can give the letter back as it was."""
    fits = len(storable(letter.body).encode()) <= MAX_BODY_IN_ROW and storable(letter.body) == letter.body
    return fits and len(_attributes(letter)) <= MAX_ATTRIBUTES_IN_ROW


def original(row: Mapping[str, Any]) -> "tuple[str, dict[str, Attribute]] | None":
    """The body and the attributes of the letter that a row keeps; None where it was too large to be kept."""
    if "body" not in row or "attributes" not in row:
        return None
    given: dict[str, Any] = codec.loads(row["attributes"])
    return row["body"], {name: _attribute(value) for name, value in given.items()}


def storable(text: str) -> str:
    """Text as a database takes it: half a surrogate pair, which UTF-8 cannot spell, as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def digest(body: str) -> str:
    """SHA-256 of a body, which tells versions of it apart."""
    return hashlib.sha256(storable(body).encode()).hexdigest()


def _attributes(letter: Envelope) -> str:
    return codec.dumps({name: as_json(value) for name, value in letter.attributes.items()})


def _attribute(given: Mapping[str, str]) -> "Attribute":
    if "BinaryValue" in given:
        return {"DataType": given["DataType"], "BinaryValue": base64.b64decode(given["BinaryValue"])}
    return {"DataType": given["DataType"], "StringValue": given["StringValue"]}
