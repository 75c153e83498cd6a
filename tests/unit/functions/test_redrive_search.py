"""How much of the DLQ an operation has seen, and what it says about the rest."""

import gc
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.publish.envelope import Envelope
from functions.redrive import search
from functions.redrive.control import MAX_IDLE_INVOCATIONS
from functions.redrive.dlq import CONCURRENCY, Walk, bare, receives_at_once
from functions.redrive.moved import Moved
from functions.redrive.operations import Phase, Status
from functions.redrive.plan import Plan
from tests.unit.functions.test_redrive import (
    AT_ONCE,
    NOW,
    FakeDlq,
    FakeOperations,
    Pipeline,
    dead,
    execute,
    many,
)

OTHERS = Plan(error_type="Other")


def others(count: int) -> list[Envelope]:
    return [dead(f"other-{number}", errorType="Other") for number in range(count)]


def test_a_search_finds_the_last_five_of_twelve_thousand_letters() -> None:
    dlq, operations = FakeDlq([*many(11_995), *others(5)]), FakeOperations(OTHERS)
    status, counts, sqs, _ = execute(dlq, OTHERS, operations=operations)
    assert (status, counts.moved, len(sqs.taken)) == (Status.SUCCEEDED, 5, 5)
    assert (operations.why["seen"], operations.why["complete"]) == (12_000, True)
    assert len(dlq.visible) == 11_995
    assert dlq.hidden == []


def test_a_search_that_can_hold_no_more_is_incomplete_and_says_how_much_it_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "MAX_HELD", 50)
    dlq, operations = FakeDlq([*many(95), *others(5)]), FakeOperations(OTHERS)
    status, counts, _, _ = execute(dlq, OTHERS, operations=operations)
    assert (status, counts.moved) == (Status.INCOMPLETE, 0)
    assert not operations.why["complete"]
    assert 50 <= operations.why["seen"] < 100
    assert "letters can be looked through" in operations.why["incompleteReason"]
    assert len(dlq.visible) == 100


def test_an_operation_that_reached_its_limit_has_succeeded_and_may_not_have_seen_every_letter() -> None:
    plan = Plan(max_messages=12)
    operations = FakeOperations(plan)
    status, counts, _, _ = execute(FakeDlq(many(100)), plan, operations=operations)
    assert (status, counts.moved) == (Status.SUCCEEDED, 12)
    assert not operations.why["complete"]
    assert operations.why["seen"] < 100


def test_a_letter_that_died_since_the_request_is_not_counted_as_seen() -> None:
    operations = FakeOperations(Plan())
    execute(FakeDlq([*many(4), dead("again", sent_at=NOW + 1)]), Plan(), operations=operations)
    assert (operations.why["seen"], operations.why["complete"]) == (4, True)


def test_what_an_earlier_invocation_moved_counts_as_seen() -> None:
    plan = Plan(**AT_ONCE)
    operations = FakeOperations(plan)
    operations.row |= {"moved": 7, "phase": Phase.RAMP.value}
    execute(FakeDlq(many(13)), plan, operations=operations)
    assert (operations.why["seen"], operations.why["complete"]) == (20, True)


@pytest.mark.parametrize(
    ("idle", "phase", "moves", "ends"),
    [
        (MAX_IDLE_INVOCATIONS - 1, Phase.RAMP, False, True),
        (MAX_IDLE_INVOCATIONS - 2, Phase.RAMP, False, False),
        (MAX_IDLE_INVOCATIONS - 1, Phase.WATCHING, False, False),
        (MAX_IDLE_INVOCATIONS - 1, Phase.RAMP, True, False),
    ],
)
def test_an_operation_whose_invocations_find_nothing_in_their_time_is_incomplete(
    idle: int, phase: Phase, moves: bool, ends: bool
) -> None:
    """And one that moves something, or waits for its canaries, goes on."""
    plan = Plan(**AT_ONCE) if moves else OTHERS
    operations = FakeOperations(plan)
    canaries = [Moved.of(dead("gone")).as_row()]
    operations.row |= {"phase": phase.value, "idleInvocations": idle, "canaries": canaries}
    status, counts, _, handed_over = execute(
        FakeDlq(many(300)),
        plan,
        operations=operations,
        pipeline=Pipeline(passes=False),
        seconds=[*[100.0] * (8 if moves else 4), *[1.0] * 200],
    )
    assert (counts.moved > 0, status is Status.INCOMPLETE) == (moves, ends)
    assert handed_over == ([] if ends else ["op"])
    if not ends:
        assert operations.handed_over["idle"] == (0 if moves or phase is Phase.WATCHING else idle + 1)


def test_letters_that_there_was_no_time_to_release_are_waited_for_by_the_next_invocation() -> None:
    dlq, operations = FakeDlq(many(300)), FakeOperations(OTHERS)
    operations.row["hiddenUntil"] = NOW + 9_000
    execute(dlq, OTHERS, operations=operations, seconds=[100.0, 100.0, 100.0, 0.5, *[0.5] * 100])
    assert operations.handed_over["await_until"] == NOW + 9_000
    assert dlq.hidden
    assert dlq.released == []


def test_letters_that_are_held_back_cost_no_room_for_their_bodies() -> None:
    class Released(FakeDlq):
        def release(self, envelopes: object) -> None:
            given.extend(envelopes)  # type: ignore[arg-type]

    given: list[Envelope] = []
    execute(Released([dead("m", body="x" * 100_000)]), OTHERS)
    assert [(letter.message_id, letter.receipt_handle, letter.body) for letter in given] == [
        ("m", "handle-m", "")
    ]


def test_the_identity_of_every_message_that_was_moved_is_recorded_before_its_letter_is_deleted() -> None:
    deleted_unrecorded: list[str] = []

    class Watched(FakeDlq):
        def delete(self, envelopes: object) -> list[Envelope]:
            letters: list[Envelope] = list(envelopes)  # type: ignore[call-overload]
            recorded = operations.letters
            deleted_unrecorded.extend(
                letter.message_id for letter in letters if letter.message_id not in recorded
            )
            return super().delete(letters)

    operations = FakeOperations(Plan())
    _, counts, sqs, _ = execute(Watched(many(40)), Plan(), operations=operations)
    assert len(operations.letters) == counts.moved == len(sqs.taken) == 40
    assert deleted_unrecorded == []
    assert operations.letters["m-3"].message_id == 'id-{"orderId":"o-3"}'
    assert operations.letters["m-3"].redrive_count == 1


@pytest.mark.parametrize(("most", "most_bytes"), [(20, 10**9), (10**9, 5_000)])
def test_what_does_not_fit_into_memory_is_received_again_later_and_moved_once(
    monkeypatch: pytest.MonkeyPatch, most: int, most_bytes: int
) -> None:
    monkeypatch.setattr(search, "MAX_READY", most)
    monkeypatch.setattr(search, "READY_BYTES", most_bytes)
    letters = [dead(f"m-{number}", body=f'{{"n":{number},"text":"{"x" * 200}"}}') for number in range(200)]
    dlq, operations = FakeDlq(letters), FakeOperations(Plan(max_messages=150))
    status, counts, sqs, _ = execute(dlq, Plan(max_messages=150), operations=operations)
    assert (status, counts.moved) == (Status.SUCCEEDED, 150)
    bodies = [entry["MessageBody"] for entry in sqs.taken]
    assert len(bodies) == len(set(bodies)) == 150
    assert len(dlq.visible) == 50
    assert dlq.hidden == []
    assert operations.why["seen"] <= 200


def test_letters_that_were_put_off_are_all_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_READY", 10)
    dlq, operations = FakeDlq(many(95)), FakeOperations(Plan(max_messages=1000))
    status, counts, _, _ = execute(dlq, Plan(max_messages=1000), operations=operations)
    assert (status, counts.moved, dlq.visible, dlq.hidden) == (Status.SUCCEEDED, 95, [], [])
    assert (operations.why["seen"], operations.why["complete"]) == (95, True)


@pytest.mark.parametrize(
    ("wanted", "largest", "calls"),
    [
        (1, 200, 1),
        (95, 200, 10),
        (10_000, 200, CONCURRENCY),
        (10_000, 1_048_576, 1),
        (10_000, 300_000, 5),
        (10_000, 10**9, 1),
        (-5, 0, 1),
    ],
)
def test_so_many_letters_are_received_at_once_as_memory_holds(wanted: int, largest: int, calls: int) -> None:
    assert receives_at_once(wanted, largest) == calls


def test_a_walk_keeps_no_letter_that_it_has_given() -> None:
    dlq = FakeDlq(many(50))
    kept: list[weakref.ref[Envelope]] = []
    with ThreadPoolExecutor(4) as threads, Walk(dlq, lambda: 30, 50, threads=threads) as walk:
        for letters in walk:
            kept += map(weakref.ref, letters)
            dlq.hidden = [bare(letter.message_id, letter.receipt_handle) for letter in dlq.hidden]
            del letters
            gc.collect()
        assert walk.seen == len(kept) == 50
        assert sum(letter() is not None for letter in kept) <= 10
    assert sorted(dlq.released) == sorted(f"m-{number}" for number in range(50))


def test_a_walk_that_stops_early_releases_what_was_on_its_way() -> None:
    dlq = FakeDlq(many(60))
    with ThreadPoolExecutor(4) as threads, Walk(dlq, lambda: 30, 60, lambda: 35, threads) as walk:
        looking = iter(walk)
        next(looking)
        next(looking)
    assert (len(dlq.visible), dlq.hidden) == (60, [])
    assert len(dlq.released) == len(set(dlq.released)) == 50


def test_a_walk_receives_on_while_letters_are_looked_at_and_no_more_than_is_of_use() -> None:
    dlq, most = FakeDlq(many(300)), 0
    with ThreadPoolExecutor(4) as threads, Walk(dlq, lambda: 30, 300, threads=threads) as walk:
        for _ in walk:
            most = max(most, len(dlq.received) - walk.seen)
    assert most > 10
    assert (len(dlq.received), walk.seen, walk.complete) == (300, 300, True)
    assert dlq.receives == 30


@pytest.mark.parametrize(
    ("letters", "expected", "receives"), [(40, 40, 4), (45, 40, 5), (60, 40, 6), (0, 0, 1)]
)
def test_a_walk_ends_where_the_queue_holds_no_more_than_was_seen(
    letters: int, expected: int, receives: int
) -> None:
    dlq = FakeDlq(many(letters))
    with ThreadPoolExecutor(4) as threads, Walk(dlq, lambda: 30, expected, threads=threads) as walk:
        assert sum(len(new) for new in walk) == letters
    assert (walk.complete, dlq.receives) == (True, receives)


def test_a_walk_that_is_interrupted_between_a_receive_and_its_letters_releases_them() -> None:
    class Interrupted(Walk):
        def _note(self, letters: Sequence[Envelope]) -> list[Envelope]:
            if not interrupted:
                interrupted.append(True)
                raise KeyboardInterrupt
            return super()._note(letters)

    dlq, interrupted = FakeDlq(many(60)), list[bool]()
    with (
        pytest.raises(KeyboardInterrupt),
        ThreadPoolExecutor(4) as threads,
        Interrupted(dlq, lambda: 30, 60, threads=threads) as walk,
    ):
        next(iter(walk))
    assert (len(dlq.visible), dlq.hidden) == (60, [])
    assert len(dlq.released) == len(dlq.received) > 0


def test_a_walk_whose_next_receive_fails_releases_what_it_has() -> None:
    class Failing(FakeDlq):
        def receive(self, visibility_seconds: int, wait_seconds: int = 1) -> list[Envelope]:
            if self.receives == 2:
                raise TimeoutError
            return super().receive(visibility_seconds, wait_seconds)

    dlq = Failing(many(60))
    with (
        pytest.raises(TimeoutError),
        ThreadPoolExecutor(1) as threads,
        Walk(dlq, lambda: 30, 60, lambda: 20, threads) as walk,
    ):
        for _ in walk:
            pass
    assert (len(dlq.visible), dlq.hidden) == (60, [])
