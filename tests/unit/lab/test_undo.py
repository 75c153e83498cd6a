"""Edits taken back: by identity, with a reason for each that cannot be, and nothing lost whatever call fails."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.audit import audit_row
from functions.redrive.moved import Moved
from functions.redrive.repair import edited, patched
from lab.dlq.undo import Left, Undo, Undone
from lab.errors import LabError
from lab.pipeline.observe import Depth
from tests.unit.functions.builders import as_received
from tests.unit.functions.memory import MODES, Crash, Mode
from tests.unit.functions.test_redrive import Doomed, FakeDlq, dead, fail

OPERATION = "op-1"
PATCH = '[{"op":"replace","path":"/amount","value":1}]'


class Place(FakeDlq):
    """A queue that is sent to, and knows its messages again after their visibility timeout."""

    sent = 0

    def add(self, entry: Any) -> str:
        self.sent += 1
        name = f"restored-{self.sent}"
        self.visible.append(Envelope(name, name, entry["MessageBody"], entry["MessageAttributes"], 1, 1_000))
        return name

    def time_out(self) -> None:
        self.visible, self.hidden = [*self.hidden, *self.visible], []


class World:
    """One operation that has edited letters, where its messages are, and which orders have their effect."""

    def __init__(self, letters: Sequence[Envelope], *, copies: int = 1) -> None:
        self.rows: dict[str, Any] = {}
        self.queue, self.dlq = Place([]), Place([])
        self.effects: set[str] = set()
        self.status = "SUCCEEDED"
        for letter in letters:
            for copy in range(copies):
                self._edit(letter, f"new-{letter.message_id}-{copy}")

    def _edit(self, letter: Envelope, message_id: str) -> None:
        new = patched(letter, PATCH)
        message = edited(letter, new, at=1, by="ann", operationId=OPERATION)
        self.queue.visible.append(as_received(message, message_id))
        row = audit_row(
            letter,
            id=f"edit#{letter.message_id}#{message_id}",
            kind="edit",
            operationId=OPERATION,
            newMessageId=message_id,
            newIdempotencyKey=new.text("idempotencyKey") or "",
        )
        self.rows[row["id"]] = {name: {"S": value} for name, value in row.items()}

    # DynamoDB
    def get_item(self, **_: Any) -> Any:
        return {"Item": {"kind": {"S": "operation"}, "status": {"S": self.status}}}

    def redrive_rows(self, *kinds: str) -> list[Any]:
        return [row for row in self.rows.values() if row["kind"]["S"] in kinds]

    def put_item(self, *, Item: Any, **_: Any) -> None:  # noqa: N803
        self.rows[Item["id"]["S"]] = Item

    # SQS
    meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))

    def send_message_batch(self, *, Entries: Sequence[Any], **_: Any) -> Any:  # noqa: N803
        sent = [{"Id": entry["Id"], "MessageId": self.dlq.add(entry)} for entry in Entries]
        return {"Successful": sent, "Failed": []}

    def processed(self, moved: Iterable[Moved]) -> set[str]:
        return {message.letter_id for message in moved if message.order_id in self.effects}

    def undo(self, name: str = OPERATION) -> Undone:
        pipeline: Any = SimpleNamespace(
            aws=SimpleNamespace(client=lambda _service: self),
            stack=SimpleNamespace(
                redrive_table_name="redrive", queue_url="queue", dlq_url="dlq", orders_table_name="orders"
            ),
            redrive_rows=self.redrive_rows,
            queue=lambda: Depth(visible=self.queue.depth(), in_flight=0, delayed=0),
        )
        undoing = Undo(pipeline, name)
        place: Callable[[Place], Any] = lambda place: place  # noqa: E731
        undoing._queue, undoing._dlq = place(self.queue), place(self.dlq)
        undoing._effects = place(self)  # type: ignore[arg-type]
        return undoing.carry_out(seconds=0)


def bad(number: int) -> Envelope:
    return dead(f"m-{number}", body=f'{{"orderId":"o-{number}","amount":-1}}', custom="kept")


def bodies(place: Place) -> list[str]:
    return sorted(letter.body for letter in place.visible)


def test_what_waits_goes_back_as_it_was_and_other_messages_stay() -> None:
    letters = [bad(number) for number in range(25)]
    world = World(letters)
    other = dead("other")
    world.queue.visible.insert(3, other)
    done = world.undo()
    assert sorted(done.orders) == sorted(f"o-{number}" for number in range(25))
    assert not any(done.left.values())
    assert world.queue.visible == [other]
    assert bodies(world.dlq) == sorted(letter.body for letter in letters)
    for letter in world.dlq.visible:
        number = letter.order_id
        (before,) = [one for one in letters if one.order_id == number]
        attributes = dict(letter.attributes)
        lineage = codec.loads(attributes.pop("lineage").get("StringValue", ""))
        assert lineage["undone"] == before.message_id
        assert attributes == before.attributes


def test_an_edit_is_undone_by_the_id_of_its_message() -> None:
    world = World([bad(0), bad(1)])
    assert world.undo("new-m-1-0").orders == ["o-1"]
    assert [letter.order_id for letter in world.queue.visible] == ["o-0"]


def test_an_edit_that_was_processed_is_not_undone_and_named() -> None:
    world = World([bad(0), bad(1)])
    world.queue.visible.pop(0)
    world.effects = {"o-0"}
    done = world.undo()
    assert done.orders == ["o-1"]
    assert done.left[Left.PROCESSED] == ["o-0"]
    assert [letter.order_id for letter in world.dlq.visible] == ["o-1"]


def test_an_edit_that_the_worker_has_is_not_undone_and_named() -> None:
    world = World([bad(0)])
    world.queue.hidden, world.queue.visible = world.queue.visible, []
    done = world.undo()
    assert (done.orders, done.left[Left.UNDER_WAY]) == ([], ["o-0"])
    assert world.dlq.visible == []


def test_an_edit_of_which_one_copy_is_out_of_sight_is_not_undone() -> None:
    world = World([bad(0)], copies=2)
    world.queue.hidden = [world.queue.visible.pop()]
    done = world.undo()
    assert (done.orders, done.left[Left.UNDER_WAY]) == ([], ["o-0"])
    assert [letter.message_id for letter in world.queue.visible] == ["new-m-0-0"]


def test_both_copies_of_an_edit_become_one_letter() -> None:
    world = World([bad(0)], copies=2)
    assert world.undo().orders == ["o-0"]
    assert len(world.dlq.visible) == 1
    assert world.queue.visible == []


def test_an_edit_that_died_again_is_replaced_by_its_original() -> None:
    world = World([bad(0)])
    again = world.queue.visible.pop()
    world.dlq.visible.append(Envelope("again", "again", again.body, again.attributes, 1, 2_000))
    assert world.undo().orders == ["o-0"]
    assert bodies(world.dlq) == [bad(0).body]


def test_an_original_that_was_not_kept_is_said_and_the_edit_stays_on_its_way() -> None:
    world = World([bad(0)])
    (row,) = world.rows.values()
    del row["body"]
    assert world.undo().left[Left.NOT_KEPT] == ["o-0"]
    assert len(world.queue.visible) == 1
    assert world.dlq.visible == []


def test_a_running_operation_is_not_undone() -> None:
    world = World([bad(0)])
    world.status = "RUNNING"
    with pytest.raises(LabError, match="still runs"):
        world.undo()


def test_what_edited_nothing_is_named() -> None:
    with pytest.raises(LabError, match="Nothing was edited by op-2"):
        World([bad(0)]).undo("op-2")


@pytest.mark.parametrize("processed_meanwhile", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", range(12))
def test_an_undo_that_is_ended_anywhere_is_finished_by_its_repetition(
    at: int, mode: Mode, processed_meanwhile: bool
) -> None:
    """Whatever call fails, and however: each order is in one place when the command was repeated, and none is lost."""
    world = World([bad(0), bad(1)])
    faults = Doomed(at=at, mode=mode)
    with pytest.MonkeyPatch.context() as patched_world, suppress(Crash, Exception):
        fail(patched_world, faults, world, "put_item", "send_message_batch", "processed")
        fail(patched_world, faults, world.queue, "receive", "delete", "release")
        fail(patched_world, faults, world.dlq, "receive", "delete", "release")
        world.undo()
    world.queue.time_out()
    world.dlq.time_out()
    everywhere = {letter.order_id for letter in [*world.queue.visible, *world.dlq.visible]}
    assert everywhere == {"o-0", "o-1"}
    if processed_meanwhile:
        world.effects = {letter.order_id or "" for letter in world.queue.visible}
        world.queue.visible = []
    world.undo()
    assert world.queue.depth() == 0
    left = sorted(letter.order_id or "" for letter in world.dlq.visible)
    assert left == sorted({"o-0", "o-1"} - world.effects)
    assert world.dlq.hidden == []
