"""Many dead letters given up at once: each has its audit row before it is deleted, whatever goes wrong in between."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from functions.publish.envelope import Envelope
from lab.dlq.browser import DlqBrowser
from lab.dlq.repair import Discarding
from lab.pipeline.observe import Depth, Pipeline
from tests.unit.functions.memory import failure
from tests.unit.functions.test_redrive import FakeDlq, dead, many

REASON = "test data"


class Rows:
    """The redrive table, which fails at its n-th write."""

    meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))

    def __init__(self, fails_at: int | None = None) -> None:
        self.items: dict[str, Any] = {}
        self._fails_at, self._writes = fails_at, 0
        self._lock = threading.Lock()

    def put_item(self, *, Item: Any, **_: Any) -> None:  # noqa: N803  boto3's names
        with self._lock:
            self._writes += 1
            if self._writes == self._fails_at:
                raise failure("PutItem", "InternalServerError", 500)
            if Item["id"]["S"] in self.items:
                raise failure("PutItem", "ConditionalCheckFailedException")
            self.items[Item["id"]["S"]] = Item

    @property
    def letters(self) -> set[str]:
        return {item["messageId"]["S"] for item in self.items.values()}


class Watched(FakeDlq):
    """A DLQ that refuses to delete some letters, and sees that each has its row before it goes."""

    def __init__(self, letters: Sequence[Envelope], rows: Rows, refused: Sequence[str] = ()) -> None:
        super().__init__(letters)
        self.rows, self.refused = rows, refused

    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        assert {letter.message_id for letter in envelopes} <= self.rows.letters
        left = [letter for letter in envelopes if letter.message_id in self.refused]
        super().delete([letter for letter in envelopes if letter not in left])
        return left


def discarded(dlq: Watched, ids: set[str]) -> tuple[set[str], set[str]]:
    """The ids of what was discarded, and of what SQS did not delete."""
    pipeline: Any = SimpleNamespace(
        aws=SimpleNamespace(client=lambda _service, **_: dlq.rows),
        stack=SimpleNamespace(redrive_table_name="redrive", dlq_url="dlq"),
        dlq=lambda: Depth(visible=len(dlq.visible), in_flight=0, delayed=0),
    )
    browser = DlqBrowser(cast("Pipeline", pipeline))
    browser._dlq = cast("Any", dlq)
    done, left = Discarding(frozenset(ids), REASON).carry_out(cast("Pipeline", pipeline), browser)
    return done, {letter.message_id for letter in left}


def names(letters: Sequence[Envelope]) -> set[str]:
    return {letter.message_id for letter in letters}


def test_the_letters_that_were_seen_are_discarded_with_their_rows_and_no_others() -> None:
    meant, others = many(45), [dead(f"other-{number}") for number in range(7)]
    dlq = Watched([*meant[:30], *others, *meant[30:]], Rows())
    assert discarded(dlq, names(meant)) == (names(meant), set())
    assert names(dlq.visible) == names(others)
    assert dlq.hidden == []
    assert dlq.rows.letters == names(meant)
    assert {item["reason"]["S"] for item in dlq.rows.items.values()} == {REASON}
    assert all(item["body"]["S"] for item in dlq.rows.items.values())


def test_a_discard_that_breaks_loses_nothing_and_its_repetition_finishes_it() -> None:
    meant = many(45)
    dlq = Watched(meant, Rows(fails_at=23))
    with pytest.raises(Exception, match="InternalServerError"):
        discarded(dlq, names(meant))
    assert names(dlq.visible) | dlq.rows.letters == names(meant)
    assert dlq.hidden == []
    discarded(dlq, names(meant))
    assert (dlq.visible, dlq.rows.letters) == ([], names(meant))


def test_what_sqs_does_not_delete_is_told_and_visible_again() -> None:
    meant = many(12)
    dlq = Watched(meant, Rows(), refused=["m-3", "m-11"])
    assert discarded(dlq, names(meant)) == (names(meant) - {"m-3", "m-11"}, {"m-3", "m-11"})
    assert names(dlq.visible) == {"m-3", "m-11"}


def test_a_letter_that_somebody_else_took_meanwhile_is_not_discarded() -> None:
    dlq = Watched(many(5), Rows())
    assert discarded(dlq, names(many(9))) == (names(many(5)), set())
    assert dlq.rows.letters == names(many(5))


def test_a_confirmation_is_of_these_letters_and_this_reason() -> None:
    digests = {
        Discarding(frozenset(ids), reason).digest for ids in ({"a", "b"}, {"a"}) for reason in ("x", "y")
    }
    assert len(digests) == 4
    assert Discarding(frozenset({"b", "a"}), "x").digest == Discarding(frozenset({"a", "b"}), "x").digest
