import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.problem import ProblemError
from functions.publish.envelope import Envelope
from functions.publish.publisher import Publisher
from functions.redrive.authorizer import is_bearer
from functions.redrive.canary import choose
from functions.redrive.crash import CrashPoint
from functions.redrive.error_types import UNATTRIBUTED
from functions.redrive.moved import Moved
from functions.redrive.mover import Dependencies
from functions.redrive.mover import execute as execute_operation
from functions.redrive.operations import Counts, Phase, Status, as_row
from functions.redrive.plan import Plan, plan_from, typed
from functions.redrive.preview import preview
from functions.redrive.selection import Verdict, died_at, judge
from functions.redrive.triage import describe
from tests.unit.functions.builders import FakeSqs, envelope
from tests.unit.functions.memory import MODES, Crash, Faults, Mode

DIED = datetime(2026, 11, 1, tzinfo=UTC)
DIED_MS = round(DIED.timestamp() * 1000)
NOW = DIED_MS + 600_000


def dead(message_id: str = "m-1", **more: Any) -> Envelope:
    cause = {"errorType": "SchemaViolation", "errorCategory": "VALIDATION", "failedAt": DIED.isoformat()}
    return envelope(message_id, **(cause | {"sent_at": DIED_MS} | more))


@pytest.mark.parametrize(
    ("plan", "verdict"),
    [
        (Plan(), Verdict.SELECTED),
        (Plan(error_type="SchemaViolation", error_category="VALIDATION"), Verdict.SELECTED),
        (Plan(error_type="Timeout"), Verdict.FILTERED),
        (Plan(error_category="TIMEOUT"), Verdict.FILTERED),
        (Plan(correlation_id="other"), Verdict.FILTERED),
        (Plan(correlation_id="m-1"), Verdict.SELECTED),
        (Plan(body_contains="order-1"), Verdict.SELECTED),
        (Plan(body_contains="order-2"), Verdict.FILTERED),
        (Plan(min_age_seconds=600), Verdict.SELECTED),
        (Plan(min_age_seconds=601), Verdict.TOO_YOUNG),
    ],
)
def test_every_filter_must_match(plan: Plan, verdict: Verdict) -> None:
    assert judge(plan, dead(), NOW) is verdict


def test_a_message_that_died_twice_is_skipped_unless_forced() -> None:
    twice = dead(redriveCount=1)
    assert judge(Plan(), twice, NOW) is Verdict.SECOND_DEATH
    assert judge(Plan(force=True), twice, NOW) is Verdict.SELECTED


def test_a_message_that_dies_during_an_operation_is_not_part_of_it() -> None:
    assert judge(Plan(force=True), dead(), NOW, requested_at=DIED_MS - 1) is Verdict.NEW_DEATH


@pytest.mark.parametrize(
    "failed_at",
    ["2026-11-02T00:00:00+00:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999", "no time", ""],
)
def test_a_death_in_the_future_or_at_no_time_is_as_old_as_its_letter(failed_at: str) -> None:
    letter = dead(failedAt=failed_at)
    assert died_at(letter) == DIED_MS
    assert judge(Plan(min_age_seconds=600), letter, NOW, requested_at=NOW) is Verdict.SELECTED
    assert judge(Plan(min_age_seconds=601), letter, NOW, requested_at=NOW) is Verdict.TOO_YOUNG
    assert describe(letter, Verdict.SELECTED, NOW)["ageSeconds"] == 600


@pytest.mark.parametrize(
    "failed_at", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-14:00"]
)
def test_a_death_before_all_time_is_as_old_as_sqs_keeps_messages(failed_at: str) -> None:
    assert died_at(dead(failedAt=failed_at)) == DIED_MS - 14 * 86_400_000
    assert judge(Plan(), dead(failedAt=failed_at), NOW) is Verdict.SELECTED


def test_a_letter_that_a_clock_ahead_has_sent_is_old_enough_at_once_where_no_age_is_asked_for() -> None:
    letter = dead(sent_at=NOW + 5_000, failedAt="9999-01-01T00:00:00+00:00")
    assert judge(Plan(min_age_seconds=0), letter, NOW) is Verdict.SELECTED
    assert describe(letter, Verdict.SELECTED, NOW)["ageSeconds"] == 0


@given(st.datetimes(timezones=st.timezones()) | st.datetimes(), st.integers(0, 4_000_000_000_000))
def test_an_age_is_never_negative_and_never_beyond_the_retention_of_sqs(
    failed_at: datetime, sent_at: int
) -> None:
    """Property: whatever clock wrote the death's time."""
    letter = dead(failedAt=failed_at.isoformat(), sent_at=sent_at)
    age = describe(letter, Verdict.SELECTED, NOW)["ageSeconds"]
    assert 0 <= age <= max(0, NOW - sent_at) // 1000 + 14 * 86_400


def test_a_message_that_dies_again_under_a_clock_behind_is_not_part_of_the_operation() -> None:
    again = dead(sent_at=NOW, failedAt="2020-01-01T00:00:00+00:00")
    assert judge(Plan(force=True), again, NOW, requested_at=NOW - 1) is Verdict.NEW_DEATH


@pytest.mark.parametrize("count", ["1e5", "9999999999", "1E+126", "0.5", "-0.5e-1", "often"])
def test_no_spelling_of_a_redrive_count_hides_a_second_death(count: str) -> None:
    expected = Verdict.SELECTED if count.startswith("-") else Verdict.SECOND_DEATH
    assert judge(Plan(), dead(redriveCount=count), NOW) is expected


def test_a_message_without_a_cause_can_be_found_as_such() -> None:
    native = envelope("native", body="no json", sent_at=DIED_MS)
    assert judge(Plan(error_category=UNATTRIBUTED), native, NOW) is Verdict.SELECTED
    assert judge(Plan(error_category="VALIDATION"), native, NOW) is Verdict.FILTERED
    assert describe(native, Verdict.SELECTED, NOW)["triage"]["bodyValid"] is False
    assert describe(envelope(), Verdict.SELECTED, NOW)["triage"]["bodyValid"] is True


values = (
    st.integers(min_value=-5, max_value=1500) | st.booleans() | st.sampled_from(["VALIDATION", "", "text"])
)


@given(st.dictionaries(st.sampled_from(["maxMessages", "force", "errorCategory", "x"]), values))
def test_parameters_are_valid_or_every_fault_is_named(document: dict[str, Any]) -> None:
    """Property: a plan is within its limits, or the problem has a violation for each bad parameter."""
    limit = document.get("maxMessages", 1)
    good = {
        "maxMessages": type(limit) is int and 1 <= limit <= 1000,
        "force": isinstance(document.get("force"), bool),
        "errorCategory": document.get("errorCategory") == "VALIDATION",
        "x": False,
    }
    faulty = {name for name in document if not good[name]}
    if not faulty:
        plan_from(document)
        return
    with pytest.raises(ProblemError) as refusal:
        plan_from(document)
    assert {violation.pointer[1:] for violation in refusal.value.violations} == faulty


def test_query_parameters_get_their_types() -> None:
    plan = plan_from(typed({"maxMessages": "5", "minAgeSeconds": "0", "force": "true", "errorType": "7"}))
    assert (plan.max_messages, plan.min_age_seconds, plan.force, plan.error_type) == (5, 0, True, "7")
    with pytest.raises(ProblemError):
        plan_from(typed({"maxMessages": "-5"}))


def test_equal_plans_have_equal_digests() -> None:
    assert Plan(max_messages=5).digest == plan_from({"maxMessages": 5}).digest != Plan().digest


class FakeDlq:
    """A queue whose received messages are hidden until they are released or deleted."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.visible = list(envelopes)
        self.hidden: list[Envelope] = []
        self.released: list[str] = []
        self.received: list[str] = []
        self.receives = 0
        self._lock = threading.Lock()

    def receive(self, visibility_seconds: int, wait_seconds: int = 1) -> list[Envelope]:
        with self._lock:
            return self._receive()

    def _receive(self) -> list[Envelope]:
        self.receives += 1
        taken, self.visible = self.visible[:10], self.visible[10:]
        self.hidden += taken
        self.received += [message.message_id for message in taken]
        return taken

    def depth(self) -> int:
        return len(self.visible) + len(self.hidden)

    def retention_seconds(self) -> int:
        return 1_209_600

    def release(self, envelopes: Sequence[Envelope]) -> None:
        with self._lock:
            ids = [message.message_id for message in envelopes]
            self.visible += [message for message in self.hidden if message.message_id in ids]
            self.hidden = [message for message in self.hidden if message.message_id not in ids]
            self.released += ids

    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        with self._lock:
            self.hidden = [message for message in self.hidden if message not in envelopes]
        return []


class FakeOperations:
    """One operation's row; cancelled after so many recordings of progress, lost to another after so many."""

    def __init__(self, plan: Plan, cancel_after: int | None = None, lost_after: int | None = None) -> None:
        self.row: dict[str, Any] = {
            "id": "op",
            "status": "PENDING",
            "phase": Phase.CANARY.value,
            "plan": plan.as_json(),
            "requestedAt": NOW,
            "requestedBy": "ann",
            "cancelRequested": cancel_after == 0,
            "invocations": 0,
            "moved": 0,
            "notSent": 0,
            "notDeleted": 0,
            "skipped": {},
            "byCategory": {},
        }
        self.ended: tuple[Status, Counts] | None = None
        self.why: dict[str, Any] = {}
        self.letters: dict[str, Moved] = {}
        self.originals: list[tuple[Envelope, Moved]] = []
        self.handed_over: dict[str, Any] = {}
        self._cancel_after = cancel_after
        self._lost_after = lost_after
        self._recorded = 0

    def get(self, operation_id: str) -> dict[str, Any]:
        return self.row

    def claim(
        self, row: dict[str, Any], owner: str, lease_seconds: int, hidden_until: float
    ) -> dict[str, Any]:
        self.row |= {"status": "RUNNING", "invocations": row["invocations"] + 1}
        return dict(self.row)

    def progress(
        self, operation_id: str, owner: str, counts: Counts, *, lease_seconds: int, **more: Any
    ) -> dict[str, Any] | None:
        self._recorded += 1
        self.row |= (
            as_row(counts) | more | {"cancelRequested": self._recorded >= (self._cancel_after or 1_000_000)}
        )
        return None if self._recorded >= (self._lost_after or 1_000_000) else self.row

    def record_moved(self, operation_id: str, already: int, moved: Sequence[Moved]) -> None:
        self.letters |= {message.letter_id: message for message in moved}

    def record_edit(self, operation_id: str, by: str, letter: Envelope, sent: Moved) -> None:
        self.originals.append((letter, sent))

    def hand_over(self, operation_id: str, owner: str, counts: Counts, **more: Any) -> None:
        self.handed_over = more
        self.ended = (Status.PENDING, counts)

    def finish(self, operation_id: str, owner: str, status: Status, counts: Counts, **why: Any) -> None:
        self.ended, self.why = (status, counts), why

    def record_failure(
        self, operation_id: str, owner: str, counts: Counts, failure: str, **more: Any
    ) -> None:
        self.row |= as_row(counts) | more
        self.ended, self.why = (Status.PENDING, counts), {"failure": failure}


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOW / 1000

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Pipeline:
    """What an operation sees of the pipeline: whether canaries pass, and what is wrong."""

    def __init__(self, *, passes: bool = True, reasons_to_halt: Sequence[str | None] = ()) -> None:
        self._passes = passes
        self._reasons_to_halt = iter(reasons_to_halt)
        self.asked: list[Moved] = []

    def has(self, canary: Moved) -> bool:
        self.asked.append(canary)
        return self._passes

    def reason_to_halt(self) -> str | None:
        return next(self._reasons_to_halt, None)


AT_ONCE = {"canary_messages": 0}


def execute(
    dlq: FakeDlq,
    plan: Plan,
    *,
    sqs: FakeSqs | None = None,
    operations: FakeOperations | None = None,
    pipeline: Pipeline | None = None,
    clock: Clock | None = None,
    seconds: Sequence[float] = (),
    max_bytes: int = 10_000,
) -> tuple[Status | None, Counts, FakeSqs, list[str]]:
    sqs, clock = sqs or FakeSqs(), clock or Clock()
    operations, pipeline = operations or FakeOperations(plan), pipeline or Pipeline()
    handed_over: list[str] = []
    remaining = iter(seconds)
    dependencies = Dependencies(
        dlq=dlq,
        publisher=Publisher(sqs, "queue", max_bytes=max_bytes, sleep=lambda _seconds: None),
        operations=operations,  # type: ignore[arg-type]
        guards=pipeline,
        effects=pipeline,
        continue_in_next_invocation=handed_over.append,
        lease_seconds=5,
        canary_seconds=30,
        crash=CrashPoint(),
        rng=random.Random(1),
        clock=clock,
        sleep=clock.sleep,
    )
    execute_operation(dependencies, "op", "owner", lambda: next(remaining, 100.0))
    status, counts = operations.ended or (None, Counts())
    return status, counts, sqs, handed_over


def many(count: int, **more: Any) -> list[Envelope]:
    return [dead(f"m-{number}", body=f'{{"orderId":"o-{number}"}}', **more) for number in range(count)]


def test_every_selected_message_moves_and_leaves_the_dlq() -> None:
    dlq = FakeDlq(many(25))
    status, counts, sqs, _ = execute(dlq, Plan(max_messages=100))
    assert (status, counts.moved, counts.by_category) == (Status.SUCCEEDED, 25, {"VALIDATION": 25})
    assert len(sqs.taken) == 25
    assert dlq.visible == dlq.hidden == []


def test_the_limit_is_kept_and_the_rest_becomes_visible_again_once() -> None:
    dlq = FakeDlq(many(25))
    _, counts, sqs, _ = execute(dlq, Plan(max_messages=13))
    assert counts.moved == len(sqs.taken) == 13
    assert len(dlq.visible) == 12
    assert sorted(dlq.released) == sorted(set(dlq.released))


def test_a_message_that_is_not_selected_is_received_and_released_once() -> None:
    others = [dead(f"other-{number}", errorType="Other") for number in range(12)]
    dlq = FakeDlq([*others, *many(3)])
    _, counts, _, _ = execute(dlq, Plan(error_type="SchemaViolation"))
    assert counts.moved == 3
    assert counts.skipped == {"filtered": 12}
    assert len(dlq.received) == len(set(dlq.received))
    assert sorted(dlq.released) == sorted(message.message_id for message in others)


def test_a_message_that_was_not_sent_is_not_deleted() -> None:
    dlq = FakeDlq(many(3))
    sqs = FakeSqs(lambda entry, _attempt: ("Bad", True) if "o-1" in entry["MessageBody"] else None)
    _, counts, _, _ = execute(dlq, Plan(), sqs=sqs)
    assert (counts.moved, counts.not_sent) == (2, 1)
    assert [message.message_id for message in dlq.visible] == ["m-1"]


def test_a_cancelled_operation_stops_after_the_messages_at_hand() -> None:
    dlq, plan = FakeDlq(many(25)), Plan(**AT_ONCE)
    status, counts, _, _ = execute(dlq, plan, operations=FakeOperations(plan, cancel_after=2))
    assert (status, counts.moved) == (Status.CANCELLED, 10)
    assert len(dlq.visible) == 15


def test_an_operation_cancelled_before_it_began_moves_nothing() -> None:
    dlq, plan = FakeDlq(many(3)), Plan()
    status, counts, _, _ = execute(dlq, plan, operations=FakeOperations(plan, cancel_after=1))
    assert (status, counts.moved, len(dlq.visible)) == (Status.CANCELLED, 0, 3)


def test_an_operation_without_time_goes_on_in_the_next_invocation() -> None:
    dlq = FakeDlq(many(25))
    status, counts, _, handed_over = execute(dlq, Plan(**AT_ONCE), seconds=[*[100.0] * 8, *[1.0] * 50])
    assert (status, handed_over) == (Status.PENDING, ["op"])
    assert counts.moved + len(dlq.visible) == 25


def test_an_invocation_that_lost_the_lease_moves_no_more_and_records_no_end() -> None:
    dlq, plan = FakeDlq(many(40)), Plan(**AT_ONCE)
    operations = FakeOperations(plan, lost_after=2)
    execute(dlq, plan, operations=operations)
    assert operations.ended is None
    assert len(dlq.visible) == 30


def died_again(message_id: str, sent_at: int = NOW + 1) -> Envelope:
    """Order o-0 as a redrive's dead letter."""
    return dead(message_id, body='{"orderId":"o-0"}', correlationId="m-0", redriveCount=1, sent_at=sent_at)


def test_an_older_letter_of_a_canarys_order_is_not_its_death() -> None:
    """It is there when an earlier operation could not delete what it had sent."""
    older = died_again("m-0-older", sent_at=DIED_MS)
    dlq, plan = FakeDlq([*many(10), older]), Plan(canary_messages=1)
    pipeline, answers = Pipeline(), iter([False, False, True])
    pipeline.has = lambda canary: next(answers)
    status, counts, _, _ = execute(dlq, plan, pipeline=pipeline)
    assert (status, counts.moved, counts.skipped) == (Status.SUCCEEDED, 10, {"secondDeath": 1})


def test_the_canaries_go_first_one_of_each_error_type() -> None:
    letters = [*many(5), dead("other", errorType="Other"), envelope("native")]
    assert [message.message_id for message in choose(letters, 3)] == ["m-0", "other", "native"]
    assert [message.message_id for message in choose(letters, 4)] == ["m-0", "other", "native", "m-1"]
    assert choose(letters, 0) == []


def test_the_other_messages_are_moved_when_the_canaries_have_passed() -> None:
    pipeline = Pipeline()
    _, counts, sqs, _ = execute(FakeDlq(many(25)), Plan(canary_messages=2), pipeline=pipeline)
    assert [canary.order_id for canary in pipeline.asked] == ["o-0", "o-1"]
    assert [len(call) for call in sqs.calls][:2] == [2, 10]
    assert counts.moved == 25


def test_canaries_that_are_not_seen_to_pass_halt_the_operation() -> None:
    dlq, plan, clock = FakeDlq(many(25)), Plan(canary_messages=2), Clock()
    operations = FakeOperations(plan)
    status, counts, _, _ = execute(
        dlq, plan, operations=operations, pipeline=Pipeline(passes=False), clock=clock
    )
    assert (status, counts.moved, len(dlq.visible)) == (Status.HALTED, 2, 23)
    assert "not seen" in operations.why["haltReason"]
    assert 30 <= clock.now - NOW / 1000 < 32


def test_a_canary_that_died_again_halts_the_operation_at_once() -> None:
    again = died_again("m-0-again")
    dlq, plan, clock = FakeDlq([*many(10), again]), Plan(canary_messages=1), Clock()
    operations = FakeOperations(plan)
    status, _, _, _ = execute(dlq, plan, operations=operations, pipeline=Pipeline(passes=False), clock=clock)
    assert status is Status.HALTED
    assert operations.why["haltReason"].startswith("a canary died again: order o-0")
    assert clock.now - NOW / 1000 < 1
    assert again in dlq.visible


def refused(*orders: str, senders_fault: bool = True) -> FakeSqs:
    """SQS that does not take some orders' messages."""
    return FakeSqs(
        lambda entry, _attempt: (
            ("InvalidParameterValue", senders_fault)
            if codec.loads(entry["MessageBody"])["orderId"] in orders
            else None
        )
    )


def test_a_canary_that_could_not_be_sent_is_named_and_not_waited_for() -> None:
    dlq, plan, clock = FakeDlq(many(25)), Plan(canary_messages=2), Clock()
    pipeline, operations = Pipeline(), FakeOperations(plan)
    status, counts, _, _ = execute(
        dlq, plan, sqs=refused("o-0"), operations=operations, pipeline=pipeline, clock=clock
    )
    assert [canary.order_id for canary in pipeline.asked] == ["o-1"]
    assert (status, counts.moved, counts.not_sent) == (Status.SUCCEEDED, 24, 1)
    assert counts.refusals == [{"messageId": "m-0", "orderId": "o-0", "reason": "InvalidParameterValue"}]
    assert [message.message_id for message in dlq.visible] == ["m-0"]
    assert clock.now - NOW / 1000 < 1


def test_when_no_canary_could_be_sent_the_next_messages_become_canaries() -> None:
    pipeline, sqs = Pipeline(), refused("o-0", "o-1", "o-2", "o-3")
    status, counts, _, _ = execute(FakeDlq(many(25)), Plan(canary_messages=2), sqs=sqs, pipeline=pipeline)
    assert [canary.order_id for canary in pipeline.asked] == ["o-4", "o-5"]
    assert (status, counts.moved, counts.not_sent) == (Status.SUCCEEDED, 21, 4)


def test_an_operation_of_only_refused_messages_ends_and_leaves_them_in_the_dlq() -> None:
    dlq = FakeDlq(many(7))
    status, counts, sqs, _ = execute(
        dlq, Plan(canary_messages=3), sqs=refused(*(f"o-{number}" for number in range(7)))
    )
    assert (status, counts.moved, counts.not_sent, len(dlq.visible)) == (Status.SUCCEEDED, 0, 7, 7)
    assert [len(call) for call in sqs.calls] == [3, 3, 1]


def test_a_queue_that_refuses_every_message_halts_at_the_canaries_with_the_reason() -> None:
    dlq, plan = FakeDlq(many(25)), Plan(canary_messages=2)
    operations = FakeOperations(plan)
    sqs = refused(*(f"o-{number}" for number in range(25)), senders_fault=False)
    status, counts, _, _ = execute(dlq, plan, sqs=sqs, operations=operations)
    assert (status, counts.moved, counts.not_sent, len(dlq.visible)) == (Status.HALTED, 0, 2, 25)
    assert operations.why["haltReason"] == "no canary could be sent: order o-0: InvalidParameterValue"


def test_an_unsent_message_is_tried_once_in_an_operation_of_several_invocations() -> None:
    dlq, plan = FakeDlq(many(12)), Plan(**AT_ONCE)
    operations, sqs = FakeOperations(plan), refused("o-3")
    operations.row |= {"phase": Phase.RAMP.value, "unsentIds": "m-3", "unsent": [], "notSent": 1}
    _, counts, _, _ = execute(dlq, plan, sqs=sqs, operations=operations)
    assert (counts.moved, counts.not_sent) == (11, 1)
    assert all("o-3" not in entry["MessageBody"] for call in sqs.calls for entry in call)
    assert [message.message_id for message in dlq.visible] == ["m-3"]


def test_an_operation_that_sqs_refuses_too_often_halts() -> None:
    dlq, plan = FakeDlq(many(1_300)), Plan(max_messages=1_000, **AT_ONCE)
    operations = FakeOperations(plan)
    sqs = refused(*(f"o-{number}" for number in range(1_300)))
    status, counts, _, _ = execute(dlq, plan, sqs=sqs, operations=operations)
    assert status is Status.HALTED
    assert 1_000 <= counts.not_sent < 1_300
    assert operations.why["haltReason"].startswith("too many messages could not be sent")


def test_texts_of_strangers_do_not_outgrow_an_operations_row() -> None:
    letters = [
        dead(
            f"m-{number}",
            body=codec.dumps({"orderId": "\ud800" * 300}),
            correlationId=f"{number}" * 2_000,
            errorCategory="\u00e9x" * 300,
            errorType="t" * 2_000,
        )
        for number in range(5)
    ]
    plan = Plan(canary_messages=2)
    operations = FakeOperations(plan)
    execute(FakeDlq(letters), plan, operations=operations, pipeline=Pipeline(passes=False))
    assert set(operations.row["byCategory"]) == {f"{'x ' * 30}x..."}
    written = codec.dumps(operations.row)
    assert len(written) + len(operations.why["haltReason"]) < 3_000


def test_a_canary_that_died_again_is_found_by_the_next_invocation_after_its_deadline() -> None:
    again = died_again("m-0-again")
    dlq, plan = FakeDlq([*many(25)[1:], again]), Plan(canary_messages=1)
    operations = FakeOperations(plan)
    canary = Moved.of(many(1)[0])
    operations.row |= {
        "phase": Phase.WATCHING.value,
        "canaries": [canary.as_row()],
        "canaryDeadline": NOW - 60_000,
    }
    status, counts, _, _ = execute(dlq, plan, operations=operations, pipeline=Pipeline(passes=False))
    assert (status, counts.moved) == (Status.HALTED, 0)
    assert operations.why["haltReason"].startswith("a canary died again: order o-0")


class Doomed(Faults):
    """After a crash nothing of the invocation takes effect any more."""

    crashed = False

    def call[T](self, operation: str, effect: Callable[[], T]) -> T:
        if self.crashed:
            raise Crash(operation)
        try:
            return super().call(operation, effect)
        except Crash:
            self.crashed = True
            raise


def fail(patched: pytest.MonkeyPatch, faults: Faults, part: object, *names: str) -> None:
    """Let calls of a part go wrong as `faults` says."""

    def through(name: str) -> Callable[..., Any]:
        call = getattr(part, name)
        return lambda *given, **named: faults.call(name, lambda: call(*given, **named))

    for name in names:
        patched.setattr(part, name, through(name))


def test_an_invocation_that_lost_the_lease_leaves_its_canaries_to_the_next_owner() -> None:
    """The next owner knows which ones were meant: it finds their letters, and sends and watches them again."""
    letters, plan, sqs = many(9), Plan(canary_messages=2), FakeSqs()
    operations = FakeOperations(plan, lost_after=3)
    dlq = FakeDlq(letters)
    execute(dlq, plan, sqs=sqs, operations=operations)
    assert operations.ended is None
    assert len(dlq.visible) == 9
    taken_over, pipeline = FakeOperations(plan), Pipeline(passes=False)
    taken_over.row |= {"canaries": [Moved.of(message).as_row() for message in letters[:2]]}
    execute(FakeDlq(dlq.visible[::-1]), plan, sqs=sqs, operations=taken_over, pipeline=pipeline)
    assert {canary.order_id for canary in pipeline.asked} == {"o-0", "o-1"}
    assert sorted(codec.loads(entry["MessageBody"])["orderId"] for entry in sqs.taken) == [
        "o-0",
        "o-0",
        "o-1",
        "o-1",
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at", range(14))
def test_a_canary_step_that_is_repeated_keeps_to_the_canaries_it_has_sent(at: int, mode: Mode) -> None:
    """Whatever call fails, and however: no more orders are on their way than canaries were asked for, none is lost,
    and the operation halts since those were not seen to pass. The DLQ gives its letters in any order."""
    letters, plan = many(9), Plan(canary_messages=2)
    sqs, operations = FakeSqs(), FakeOperations(plan)
    for attempt in range(4):
        faults = Doomed(at=None if attempt else at, mode=mode)
        dlq, pipeline = FakeDlq(letters), Pipeline(passes=False)
        with pytest.MonkeyPatch.context() as patched, suppress(Crash, ClientError):
            fail(patched, faults, operations, "claim", "progress", "record_moved", "record_failure", "finish")
            fail(patched, faults, dlq, "receive", "delete", "release")
            fail(patched, faults, pipeline, "has", "reason_to_halt")
            fail(patched, faults, sqs, "send_message_batch")
            execute(dlq, plan, sqs=sqs, operations=operations, pipeline=pipeline)
        letters = [*dlq.hidden, *dlq.visible][::-1]
        if operations.ended and operations.ended[0].final:
            break
    assert operations.ended
    assert operations.ended[0] is Status.HALTED
    assert "not seen" in operations.why["haltReason"]
    on_their_way = {codec.loads(entry["MessageBody"])["orderId"] for entry in sqs.taken}
    assert len(on_their_way) == 2
    assert on_their_way | {message.order_id for message in letters} == {f"o-{number}" for number in range(9)}


def test_an_objection_of_the_pipeline_halts_before_anything_moves() -> None:
    dlq, plan = FakeDlq(many(5)), Plan()
    operations = FakeOperations(plan)
    status, counts, _, _ = execute(
        dlq, plan, operations=operations, pipeline=Pipeline(reasons_to_halt=["the circuit orders is open"])
    )
    assert (status, counts.moved, len(dlq.visible)) == (Status.HALTED, 0, 5)
    assert "the circuit orders is open" in operations.why["haltReason"]


def test_an_objection_halts_the_ramp() -> None:
    dlq, plan = FakeDlq(many(100)), Plan(rate_per_second=10, **AT_ONCE)
    status, counts, _, _ = execute(dlq, plan, pipeline=Pipeline(reasons_to_halt=[None, None, "alarm"]))
    assert (status, counts.moved, len(dlq.visible)) == (Status.HALTED, 20, 80)


def test_the_rate_is_kept() -> None:
    clock = Clock()
    execute(FakeDlq(many(50)), Plan(rate_per_second=10, **AT_ONCE), clock=clock)
    assert 4 <= clock.now - NOW / 1000 <= 5.1


def test_the_next_invocation_waits_for_the_messages_that_the_dead_one_hid() -> None:
    plan, clock = Plan(**AT_ONCE), Clock()
    operations = FakeOperations(plan)
    operations.row["awaitUntil"] = NOW + 20_000

    class Returning(FakeDlq):
        def _receive(self) -> list[Envelope]:
            clock.now += 1
            if clock.now >= NOW / 1000 + 20 and not self.received:
                self.visible = many(3)
            return super()._receive()

    dlq = Returning([])
    _, counts, _, _ = execute(dlq, plan, operations=operations, clock=clock)
    assert counts.moved == 3


def test_a_message_that_could_not_be_deleted_is_tried_again_and_counted() -> None:
    class Stubborn(FakeDlq):
        def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
            return list(envelopes)

    _, counts, sqs, _ = execute(Stubborn(many(3)), Plan())
    assert (counts.moved, counts.not_deleted, len(sqs.taken)) == (3, 3, 3)


@pytest.mark.parametrize("limit", [12, 25, 100])
def test_a_message_moved_by_a_dead_invocation_is_deleted_and_not_sent_again(limit: int) -> None:
    """Else an operation that reaches its limit would leave as many behind as were sent twice."""
    dlq, plan = FakeDlq(many(25)), Plan(max_messages=limit)
    operations = FakeOperations(plan)
    moved = ["m-3", "m-17", "m-24", "m-deleted-but-not-recorded"]
    operations.row |= {"moved": len(moved), "inDoubt": " ".join(moved), "phase": Phase.RAMP.value}
    status, counts, sqs, _ = execute(dlq, plan, operations=operations)
    assert (status, counts.not_deleted, counts.in_doubt) == (Status.SUCCEEDED, 0, set())
    assert len(sqs.taken) == counts.moved - len(moved) == min(limit - len(moved), 22)
    left = [message.message_id for message in dlq.visible]
    assert len(left) == 22 - len(sqs.taken)
    assert not set(left) & set(moved)


def test_a_sent_message_is_deleted_although_its_progress_could_not_be_recorded() -> None:
    """Else it would be sent again, or stay behind in the DLQ as if it had not been."""

    class Unwritable(FakeOperations):
        def progress(self, *args: Any, **more: Any) -> dict[str, Any] | None:
            if sqs.taken:
                raise RuntimeError("the table is not to be reached")
            return super().progress(*args, **more)

    dlq, plan, sqs = FakeDlq(many(5)), Plan(max_messages=2, **AT_ONCE), FakeSqs()
    operations = Unwritable(plan)
    with pytest.raises(RuntimeError):
        execute(dlq, plan, operations=operations, sqs=sqs)
    assert operations.ended == (Status.PENDING, Counts(moved=2, by_category={"VALIDATION": 2}))
    assert dlq.hidden == []
    assert [message.message_id for message in dlq.visible] == ["m-2", "m-3", "m-4"]


def test_a_message_skipped_by_an_earlier_invocation_is_not_counted_again() -> None:
    plan = Plan(error_type="Other")
    operations = FakeOperations(plan)
    operations.row |= {"skipped": {"filtered": 12, "tooYoung": 1}, "phase": Phase.RAMP.value}
    _, counts, _, _ = execute(FakeDlq(many(13)), plan, operations=operations)
    assert counts.skipped == {"filtered": 13, "tooYoung": 1}


def test_messages_are_delayed_within_the_jitter_but_canaries_are_not() -> None:
    _, _, sqs, _ = execute(FakeDlq(many(23)), Plan(per_message_delay_jitter=900))
    delays = [entry.get("DelaySeconds", 0) for entry in sqs.taken]
    assert delays[:3] == [0, 0, 0]
    assert all(0 <= delay <= 900 for delay in delays)
    assert len(set(delays)) > 10


def test_a_preview_shows_and_counts_and_puts_everything_back() -> None:
    dlq = FakeDlq([*many(12), dead("twice", redriveCount=1), envelope("native")])
    shown = preview(dlq, Plan(min_age_seconds=0), lambda: 100.0)
    assert len(dlq.received) == len(dlq.visible) == 14
    assert (shown["sampled"], shown["complete"], shown["eligible"]) == (14, True, 13)
    assert codec.loads(codec.dumps(shown["statistics"])) == {
        "total": 14,
        "byErrorType": {"SchemaViolation": 13, UNATTRIBUTED: 1},
        "byErrorCategory": {"VALIDATION": 13, UNATTRIBUTED: 1},
    }


def test_a_preview_stops_at_its_limit() -> None:
    shown = preview(FakeDlq(many(40)), Plan(max_messages=7, min_age_seconds=0), lambda: 100.0)
    assert len(shown["messages"]) == 7
    assert not shown["complete"]


def test_a_preview_of_large_messages_fits_into_an_answer_and_counts_them_all() -> None:
    lineage = codec.dumps({"acceptedAt": 1, "history": [{"errorMessage": "x" * 256}] * 20})
    dlq = FakeDlq([dead(f"m-{number}", body='"' * 2_000, lineage=lineage) for number in range(1_000)])
    shown = preview(dlq, Plan(max_messages=1_000), lambda: 100.0)
    assert shown["statistics"]["total"] == shown["eligible"] == len(dlq.visible) == 1_000
    assert 0 < len(shown["messages"]) < 1_000
    answer = codec.dumps({"body": codec.dumps(shown)})
    assert len(answer) < 6 * 1024 * 1024


@pytest.mark.parametrize(
    ("authorization", "allowed"),
    [
        ("Bearer token", True),
        ("bearer token", True),
        ("Bearer  token ", True),
        ("Bearer wrong", False),
        ("Bearer tökén", False),
        ("Basic token", False),
        ("token", False),
        ("", False),
        ("Bearer ", False),
    ],
)
def test_only_the_bearer_token_opens_the_door(authorization: str, allowed: bool) -> None:
    assert is_bearer(authorization, "token") is allowed


def test_an_empty_secret_opens_nothing() -> None:
    assert not is_bearer("Bearer ", "")


def test_text_with_half_a_surrogate_pair_is_refused_as_a_filter() -> None:
    """It could not be sent to any API."""
    with pytest.raises(ProblemError) as raised:
        plan_from({"bodyContains": "\ud800", "errorType": "\udfff", "correlationId": "\U0001f600"})
    assert [violation.pointer for violation in raised.value.violations] == ["/bodyContains", "/errorType"]


def test_categories_that_strangers_made_up_fit_into_the_row() -> None:
    counts = Counts()
    for number in range(1000):
        counts.add_moved(f"{number} {'x' * 10_000}")
    assert counts.moved == 1000
    assert len(codec.dumps(counts.by_category)) < 300_000
