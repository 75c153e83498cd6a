"""What a team knows of a group of dead letters: its status, a note, and who wrote it and when.

A note is one row of the redrive table under the group's fingerprint, so that it is found again however many of the
group's letters come and go. The latest one counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from functions.common.rows import rows
from lab.common.clock import now_ms
from lab.common.person import person
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GROUP_KIND = "group"
MAX_NOTE = 1024
"""Characters: a note is read in a table."""


class Status(StrEnum):
    """Where a group stands. Nobody has looked at what is `new`. Nobody sets `returned`: letters died after `mended`."""

    NEW = "new"
    KNOWN = "known"
    WORKED_ON = "being worked on"
    MENDED = "mended"
    RETURNED = "returned"


SETTABLE = tuple(status for status in Status if status is not Status.RETURNED)


@dataclass(frozen=True)
class Note:
    """What is known of one group. `at` is in epoch milliseconds."""

    status: Status = Status.NEW
    note: str = ""
    by: str = ""
    at: int = 0

    def of(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """A group as the API tells it, with this note: what died since it was mended has returned."""
        returned = self.status is Status.MENDED and group["lastDeathAt"] > self.at
        known = asdict(self) | ({"status": Status.RETURNED} if returned else {})
        return {**group, **{name: value for name, value in known.items() if value}}


class Notes:
    """The notes of one deployment."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
        self._table = pipeline.stack.redrive_table_name

    def write(self, fingerprint: str, status: Status, note: str) -> Note:
        """Write a group's note in the name of whoever is at the keyboard. An empty note leaves the earlier one."""
        kept = note or self._read([fingerprint]).get(fingerprint, Note()).note
        written = Note(status, kept[:MAX_NOTE], person(), now_ms())
        row = {"id": _id(fingerprint), "kind": GROUP_KIND, "status": written.status.value, "by": written.by}
        item: Any = {name: {"S": value} for name, value in {**row, "note": written.note}.items() if value}
        self._dynamodb.put_item(TableName=self._table, Item=item | {"at": {"N": str(written.at)}})
        return written

    def on(self, groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Groups as the API tells them, each with what is known of it."""
        groups = list(groups)
        found = self._read([group["fingerprint"] for group in groups])
        return [found.get(group["fingerprint"], Note()).of(group) for group in groups]

    def _read(self, fingerprints: Iterable[str]) -> dict[str, Note]:
        keys = ((self._table, {"id": {"S": _id(fingerprint)}}) for fingerprint in fingerprints)
        return {
            row["id"]["S"].removeprefix(f"{GROUP_KIND}#"): _note(row) for _, row in rows(self._dynamodb, keys)
        }


def _id(fingerprint: str) -> str:
    return f"{GROUP_KIND}#{fingerprint}"


def _note(row: Mapping[str, Any]) -> Note:
    texts = {name: row.get(name, {}).get("S", "") for name in ("note", "by")}
    return Note(Status(row["status"]["S"]), **texts, at=int(row["at"]["N"]))
