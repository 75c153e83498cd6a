"""What is known of a group of dead letters, kept beside the operations."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.dlq import notes
from lab.dlq.notes import Notes, Status
from lab.pipeline.observe import Pipeline

ONE, OTHER = "0123456789ab", "ba9876543210"


class Table:
    """A DynamoDB table of at most two items an answer."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    def put_item(self, *, TableName: str, Item: Any) -> None:  # noqa: N803  boto3's names
        assert TableName == "redrive"
        assert all(value for attribute in Item.values() for value in attribute.values())
        self.items[Item["id"]["S"]] = Item

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        keys = RequestItems["redrive"]["Keys"]
        assert len(keys) <= 100
        found = [self.items[key["id"]["S"]] for key in keys[:2] if key["id"]["S"] in self.items]
        left = {"redrive": {"Keys": keys[2:]}} if keys[2:] else {}
        return {"Responses": {"redrive": found}, "UnprocessedKeys": left}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> Notes:
    monkeypatch.setattr(notes, "person", lambda: "Ada")
    monkeypatch.setattr(notes, "now_ms", lambda: 1_000)
    pipeline: Any = SimpleNamespace(
        aws=SimpleNamespace(client=lambda _service: table),
        stack=SimpleNamespace(redrive_table_name="redrive"),
    )
    return Notes(cast("Pipeline", pipeline))


def group(name: str, last_death: int = 1) -> dict[str, Any]:
    return {"fingerprint": name, "lastDeathAt": last_death}


def test_a_group_that_nobody_has_noted_is_new(kept: Notes) -> None:
    assert kept.on([group(ONE)]) == [{**group(ONE), "status": "new"}]


def test_a_note_tells_status_text_person_and_time_of_its_own_group_alone(kept: Notes) -> None:
    kept.write(ONE, Status.WORKED_ON, "prices")
    one, other = kept.on([group(ONE), group(OTHER)])
    assert one == {**group(ONE), "status": "being worked on", "note": "prices", "by": "Ada", "at": 1_000}
    assert other["status"] == "new"


def test_a_status_without_a_note_keeps_the_earlier_note(kept: Notes) -> None:
    kept.write(ONE, Status.KNOWN, "prices")
    kept.write(ONE, Status.MENDED, "")
    assert [(found["status"], found["note"]) for found in kept.on([group(ONE)])] == [("mended", "prices")]


@pytest.mark.parametrize(("last_death", "status"), [(999, "mended"), (1_000, "mended"), (1_001, "returned")])
def test_a_mended_group_whose_letters_die_again_has_returned(
    kept: Notes, last_death: int, status: str
) -> None:
    kept.write(ONE, Status.MENDED, "")
    assert kept.on([group(ONE, last_death)])[0]["status"] == status


def test_the_notes_of_any_number_of_groups_are_read(kept: Notes) -> None:
    names = [f"{number:012x}" for number in range(250)]
    for name in names:
        kept.write(name, Status.KNOWN, name)
    assert [found["note"] for found in kept.on(map(group, names))] == names


def test_a_long_note_is_cut(kept: Notes) -> None:
    assert len(kept.write(ONE, Status.KNOWN, "x" * 5_000).note) == notes.MAX_NOTE
