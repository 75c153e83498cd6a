"""Entries of PutEvents: which one fails by itself, and how large all of them may be.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from localstack.services.events.provider import ValidationException

from lab_localstack import documents

LIMIT = 1_048_576
"""Bytes of all entries of one call, since January 2026."""
TIME_BYTES = 14
REQUIRED = ("Source", "DetailType", "Detail")

type Entry = Mapping[str, Any]


def size(entry: Entry) -> int:
    """Bytes of an entry, by the documented rule."""
    texts = (*(entry.get(name) or "" for name in REQUIRED), *(entry.get("Resources") or ()))
    return sum(map(documents.size, texts)) + (TIME_BYTES if entry.get("Time") else 0)


def require(entries: Sequence[Entry]) -> None:
    """Raise ValidationException for a call that fails as a whole."""
    if not entries:
        raise ValidationException(
            "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1"
        )
    if sum(map(size, entries)) > LIMIT:
        raise ValidationException("Total size of the entries in the request is over the limit.")


def failure(entry: Entry) -> dict[str, str] | None:
    """The result of an entry that fails alone; None for one that is taken."""
    for name in REQUIRED:
        if not entry.get(name):
            return {
                "ErrorCode": "InvalidArgument",
                "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
            }
    try:
        detail = documents.loads(entry["Detail"])
        json.dumps(detail, allow_nan=False)  # targets get it written again, which no infinite number can be
    except ValueError:
        detail = None
    return (
        None
        if isinstance(detail, dict)
        else {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    )
