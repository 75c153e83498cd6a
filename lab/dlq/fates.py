"""Who took a dead letter that is not there any more, as the rows of the redrive table say.

SQS's own move task writes no row, and neither does expiry: what has no fate here was taken by one of these.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from functions.common import codec
from functions.redrive.kinds import DISCARD_KIND, EDIT_KIND, UNDO_KIND
from functions.redrive.operations import MOVED_KIND
from lab.pipeline.observe import Pipeline

UNTOLD = "no row tells of it: SQS's own move task, or the end of its retention"
_BY_HAND = {EDIT_KIND: "edited", UNDO_KIND: "undone", DISCARD_KIND: "discarded"}


def fates(pipeline: Pipeline, names: Collection[str]) -> dict[str, str]:
    """What became of letters, by those of their names (message or order ids) that any row has."""
    found: dict[str, str] = {}
    for row in pipeline.redrive_rows(*_BY_HAND, MOVED_KIND):
        for name, fate in _told(row):
            # An edit of an operation has a row of its own, which says more.
            if name in names and not (name in found and row["kind"].get("S") == MOVED_KIND):
                found[name] = fate
    return found


def _told(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = row["kind"]["S"]
    if kind == MOVED_KIND:
        operation = row["id"]["S"].partition("#")[0]
        for step in row["steps"]["L"]:
            for message in codec.loads(step["S"]):
                for name in (message["dlqMessageId"], message["orderId"]):
                    yield str(name), f"redriven by operation {operation}"
        return
    text = {name: value["S"] for name, value in row.items() if "S" in value}
    word = _BY_HAND[kind]
    operation = f" by operation {text['operationId']}" if "operationId" in text else ""
    person = text.get(f"{word}By", "unknown")
    for name in (text["messageId"], text.get("orderId", "")):
        yield name, f"{word}{operation} of {person}"
