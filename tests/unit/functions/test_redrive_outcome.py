"""What became of what an operation moved, by identity."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from functions.publish.envelope import Envelope
from functions.redrive.canary import OrdersTable
from functions.redrive.moved import Moved
from functions.redrive.operations import PART, Operations
from functions.redrive.outcome import LOOK_AFTER_IN_TRAFFIC_MS, LOOK_AFTER_MS, Follower, Outcome, died_again
from tests.unit.functions.builders import envelope
from tests.unit.functions.test_redrive import FakeDlq

REQUESTED = 1_000_000
ENDED = 2_000_000


def letter(name: str, **more: Any) -> Envelope:
    return envelope(f"letter-{name}", body=f'{{"orderId":"o-{name}"}}', correlationId=f"c-{name}", **more)


def moved(*names: str) -> list[Moved]:
    return [Moved.of(letter(name), f"new-{name}") for name in names]


def dead_again(name: str, **more: Any) -> Envelope:
    more = {"redriveCount": 1, "sent_at": REQUESTED + 1, "correlationId": f"c-{name}"} | more
    return envelope(f"again-{name}", body=f'{{"orderId":"o-{name}"}}', **more)


class Records:
    """What an operation moved, which orders have their effect, and what a look found."""

    def __init__(self, sent: Sequence[Moved], processed: Iterable[str] = ()) -> None:
        self.sent = sent
        self.row: dict[str, Any] = {
            "id": "op",
            "moved": len(sent),
            "requestedAt": REQUESTED,
            "finishedAt": ENDED,
        }
        self._processed = {f"letter-{name}" for name in processed}

    def moved(self, row: dict[str, Any]) -> list[Moved]:
        return list(self.sent)

    def processed(self, moved: Iterable[Moved]) -> set[str]:
        return {message.letter_id for message in moved} & self._processed

    def record_died_again(self, operation_id: str, letter_ids: Iterable[str]) -> None:
        self.row |= {"diedAgainIds": " ".join(letter_ids), "lookedAt": ENDED}


def outcome(records: Records, dlq: FakeDlq, *, queued: int = 0, after_ms: int = LOOK_AFTER_MS) -> Outcome:
    now = (ENDED + after_ms) / 1000
    follower = Follower(
        operations=records, effects=records, dlq=dlq, queued=lambda: queued, clock=lambda: now
    )
    return follower.outcome(records.row)


def names(messages: Iterable[Moved]) -> set[str]:
    return {(message.order_id or "").removeprefix("o-") for message in messages}


def test_what_was_moved_is_processed_or_dead_again_or_waiting_or_unknown() -> None:
    records = Records(moved("a", "b", "c"), processed="a")
    dlq = FakeDlq([dead_again("b")])
    found = outcome(records, dlq)
    assert (names(found.processed), names(found.died_again)) == ({"a"}, {"b"})
    assert (names(found.waiting), names(found.unknown)) == (set(), {"c"})
    assert dlq.hidden == [], "the letters that were looked at are visible again"


def test_what_was_processed_between_two_questions_is_neither_looked_for_nor_unknown() -> None:
    """The effect is missing, then the worker commits it and empties the queue, and only then the queue is asked."""
    records, dlq = Records(moved("a")), FakeDlq([dead_again("other")])

    def queued() -> int:
        records.processed = lambda moved: {message.letter_id for message in moved}
        return 0

    follower = Follower(
        operations=records, effects=records, dlq=dlq, queued=queued, clock=lambda: ENDED / 1000 + 60
    )
    found = follower.outcome(records.row)
    assert (names(found.processed), found.unknown, dlq.received) == ({"a"}, [], [])


def test_what_is_in_the_queue_is_waiting_and_not_unknown() -> None:
    found = outcome(Records(moved("a")), FakeDlq([]), queued=1, after_ms=LOOK_AFTER_IN_TRAFFIC_MS)
    assert (names(found.waiting), found.unknown) == ({"a"}, [])


def test_nothing_is_unknown_while_a_letter_is_hidden_from_the_look() -> None:
    dlq = FakeDlq([])
    dlq.hidden = [dead_again("a")]
    found = outcome(Records(moved("a")), dlq)
    assert (names(found.waiting), found.unknown) == ({"a"}, [])


@pytest.mark.parametrize(
    ("foreign", "why"),
    [
        (dead_again("b"), "of another order"),
        (dead_again("a", sent_at=REQUESTED - 1), "sent before the request"),
        (dead_again("a", redriveCount=0), "never redriven"),
        (dead_again("a", correlationId="c-other"), "of another acceptance"),
        (letter("a", redriveCount=1, sent_at=REQUESTED + 1), "the letter itself, which could not be deleted"),
    ],
)
def test_a_letter_that_is_not_the_moved_one_is_not_its_death(foreign: Envelope, why: str) -> None:
    assert died_again(moved("a"), [foreign], REQUESTED) == set(), why
    assert not moved("a")[0].died_as(foreign) or foreign.sent_at < REQUESTED, why
    assert died_again(moved("a"), [dead_again("a")], REQUESTED) == {"letter-a"}


@pytest.mark.parametrize(
    ("after_ms", "queued", "looks"),
    [
        (LOOK_AFTER_MS - 1, 0, False),
        (LOOK_AFTER_MS, 0, True),
        (LOOK_AFTER_MS, 1, False),
        (LOOK_AFTER_IN_TRAFFIC_MS, 1, True),
    ],
)
def test_a_look_costs_the_letters_a_receive_and_so_waits_until_it_can_tell(
    after_ms: int, queued: int, looks: bool
) -> None:
    dlq = FakeDlq([dead_again("a")])
    found = outcome(Records(moved("a")), dlq, queued=queued, after_ms=after_ms)
    assert bool(dlq.received) is looks
    assert bool(found.died_again) is looks


def test_orders_that_are_all_processed_cost_no_look() -> None:
    dlq = FakeDlq([dead_again("other")])
    assert names(outcome(Records(moved("a", "b"), processed="ab"), dlq).processed) == {"a", "b"}
    assert dlq.received == []


def test_a_death_that_was_seen_is_remembered_although_its_letter_is_gone() -> None:
    records = Records(moved("a"))
    outcome(records, FakeDlq([dead_again("a")]))
    later = outcome(records, FakeDlq([]), after_ms=2 * LOOK_AFTER_MS)
    assert (names(later.died_again), later.processed, later.unknown) == ({"a"}, [], [])


def test_a_message_that_left_no_identity_is_counted_as_such() -> None:
    records = Records(moved("a"), processed="a")
    records.row["moved"] = 3
    assert outcome(records, FakeDlq([])).as_json() == {
        "processed": 1,
        "diedAgain": 0,
        "waiting": 0,
        "unknown": 0,
        "unrecorded": 2,
    }


def test_orders_that_were_not_processed_are_named_up_to_ten() -> None:
    told = outcome(Records(moved(*map(str, range(12)))), FakeDlq([])).as_json()
    assert (told["unknown"], told["unknownOrders"]) == (12, [f"o-{number}" for number in range(10)])


class Rows:
    """A table in memory, as far as the operations and the orders table use it."""

    def __init__(self, **orders: str) -> None:
        self.items: dict[str, Any] = {}
        self.asked: list[int] = []
        self._orders = orders

    def update_item(self, *, Key: Any, ExpressionAttributeValues: Any, **_: Any) -> None:  # noqa: N803
        steps = self.items.setdefault(Key["id"]["S"], {"steps": {"L": []}})["steps"]["L"]
        steps += ExpressionAttributeValues[":step"]["L"]

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803
        item = self.items.get(Key["id"]["S"])
        return {"Item": item} if item else {}

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        ids = [key["orderId"]["S"] for key in wanted["Keys"]]
        self.asked.append(len(ids))
        left = {table: {"Keys": wanted["Keys"][60:]}} if len(ids) > 60 else {}
        found = [
            {"orderId": {"S": id_}, "idempotencyKey": {"S": self._orders[id_]}}
            for id_ in ids[:60]
            if id_ in self._orders
        ]
        return {"Responses": {table: found}, "UnprocessedKeys": left}


def test_what_was_moved_is_read_as_it_was_recorded_and_a_repeated_step_counts_once() -> None:
    operations = Operations(Rows(), "redrive")  # type: ignore[arg-type]
    names = [str(number) for number in range(250)]
    for first in range(0, 250, 50):
        operations.record_moved("op", first, moved(*names[first : first + 50]))
    operations.record_moved("op", 200, moved(*names[200:250]))
    assert operations.moved({"id": "op", "moved": 250}) == moved(*names)
    assert operations.moved({"id": "other", "moved": 250}) == []
    assert PART < 250


def test_an_effect_counts_under_the_messages_own_key_alone() -> None:
    table = OrdersTable(Rows(**{"o-a": "k-a", "o-b": "another"}), "orders")  # type: ignore[arg-type]
    sent = [Moved.of(letter(name, idempotencyKey=f"k-{name}")) for name in "abc"]
    assert table.processed(sent) == {"letter-a"}


def test_effects_are_asked_for_a_hundred_at_a_time_and_again_for_what_was_left_out() -> None:
    orders = {f"o-{number}": "k" for number in range(150)}
    rows = Rows(**orders)
    sent = [Moved.of(letter(str(number), idempotencyKey="k")) for number in range(150)]
    assert len(OrdersTable(rows, "orders").processed(sent)) == 150  # type: ignore[arg-type]
    assert rows.asked == [100, 40, 50]
