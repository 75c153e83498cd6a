"""What attributes a message takes along: the pipeline's own, and whatever a sender attached, within SQS's ten.

A sender's attribute stays an attribute where there is room for it. Otherwise it is kept in the attribute `lineage`,
with its type, and comes back as soon as there is room.
"""

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.publish.message import MAX_ATTRIBUTES, attribute_size, text

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

LINEAGE = "lineage"
OWN_ATTRIBUTES = ("correlationId", "idempotencyKey", LINEAGE)
CAUSE_ATTRIBUTES = ("errorType", "errorCategory", "errorMessage", "failedAt", "receiveCount", "codeVersion")
REDRIVE_COUNT = "redriveCount"
FOREIGN = "foreign"
"""Of the lineage: the sender's attributes for which there was no room."""
_KNOWN = frozenset({*OWN_ATTRIBUTES, *CAUSE_ATTRIBUTES, REDRIVE_COUNT})

# What SQS takes (API reference, MessageAttributeValue and SendMessage; developer guide, message metadata). Anybody
# may have written a lineage: an attribute that SQS might refuse does not come back from it.
_NAME = re.compile(r"(?!(?i:aws\.|amazon\.)|\.|.*\.\.|.*\.\Z)[A-Za-z0-9_.-]{1,255}\Z")
_TYPE = re.compile(r"(String|Number|Binary)(\.[ -~]{1,240})?\Z")
_TEXT = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+\Z")
_NUMBER = re.compile(r"-?\d{1,26}(\.\d{1,12})?([eE][+-]?\d{1,2})?\Z", re.ASCII)


def own(envelope: Envelope) -> dict[str, "Attribute"]:
    """The attributes that are the pipeline's own."""
    return {name: value for name, value in envelope.attributes.items() if _is_own(envelope, name, value)}


def carrying(
    envelope: Envelope, lineage: Mapping[str, Any], mine: "Mapping[str, Attribute]"
) -> dict[str, "Attribute"]:
    """`mine`, the lineage, and every attribute of the sender's: the largest stay attributes, as many as fit."""
    kept = _object(lineage.get(FOREIGN))
    readable = {name: value for name, given in kept.items() if (value := _from_json(name, given))}
    theirs = readable | {
        name: value for name, value in envelope.attributes.items() if not _is_own(envelope, name, value)
    }
    taken = {*mine, LINEAGE}
    by_size = sorted(theirs.keys() - taken, key=lambda name: (-attribute_size(name, theirs[name]), name))
    fitting = by_size[: MAX_ATTRIBUTES - len(taken)]
    left = {name: given for name, given in kept.items() if name not in readable}
    left |= {name: as_json(value) for name, value in theirs.items() if name not in fitting}
    whole = {name: value for name, value in lineage.items() if name != FOREIGN}
    return {
        **mine,
        LINEAGE: text(codec.dumps(whole | ({FOREIGN: left} if left else {}))),
        **{name: theirs[name] for name in fitting},
    }


def _is_own(envelope: Envelope, name: str, value: "Attribute") -> bool:
    """Own by its name, unless it is of another kind than the pipeline's: bytes, or a lineage that is not an object."""
    if name not in _KNOWN or "StringValue" not in value:
        return False
    return name != LINEAGE or envelope.has_lineage


def as_json(attribute: "Attribute") -> Mapping[str, str]:
    """An attribute as JSON has it: bytes in Base64."""
    if "BinaryValue" in attribute:
        encoded = base64.b64encode(attribute["BinaryValue"]).decode()
        return {"DataType": attribute["DataType"], "BinaryValue": encoded}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}


def _from_json(name: str, given: object) -> "Attribute | None":
    """An attribute out of a lineage; None if SQS would not take it, or if it would pass for the pipeline's own."""
    kind, words, encoded = (_object(given).get(part) for part in ("DataType", "StringValue", "BinaryValue"))
    if not (_NAME.match(name) and isinstance(kind, str) and _TYPE.match(kind)):
        return None
    if kind.startswith("Binary"):
        data = _decoded(encoded)
        return {"DataType": kind, "BinaryValue": data} if data else None
    pattern = _NUMBER if kind.startswith("Number") else _TEXT
    poses = name in _KNOWN and name != LINEAGE
    if poses or not isinstance(words, str) or not pattern.match(words):
        return None
    return {"DataType": kind, "StringValue": words}


def _decoded(encoded: object) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError:
        return b""


def _object(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
