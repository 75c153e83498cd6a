import threading
import time
from concurrent.futures import ThreadPoolExecutor

from functions.common.errors import NotBegunError, OutOfTimeError
from functions.events.order_events import OrderEvent
from functions.publish.envelope import Envelope
from functions.worker.batch import BatchRunner
from functions.worker.outcome import Done, Failed, Outcome
from tests.unit.functions.builders import envelope

PLENTY = 10.0


def done(of: Envelope) -> Outcome:
    return Done(of, "key", OrderEvent("OrderProcessed", "{}"), duplicate=False, latency_ms=1)


def run(process: object, envelopes: list[Envelope], seconds_left: object = lambda: PLENTY) -> list[Outcome]:
    with ThreadPoolExecutor(4) as executor:
        return BatchRunner(process, executor, claim_seconds=30).run(envelopes, seconds_left)  # type: ignore[arg-type]


def test_outcomes_are_in_the_order_of_the_messages() -> None:
    batch = [envelope(f"m-{number}") for number in range(10)]
    assert [outcome.envelope for outcome in run(done, batch)] == batch


def test_messages_with_one_key_never_run_at_the_same_time() -> None:
    running: set[str] = set()
    overlaps: list[str] = []
    lock = threading.Lock()

    def process(one: Envelope) -> Outcome:
        key = one.text("idempotencyKey") or ""
        with lock:
            overlaps.extend({key} & running)
            running.add(key)
        time.sleep(0.01)
        with lock:
            running.discard(key)
        return done(one)

    run(process, [envelope(f"m-{number}", idempotencyKey=f"key-{number % 3}") for number in range(9)])
    assert overlaps == []


def test_messages_with_different_keys_run_at_the_same_time() -> None:
    meeting = threading.Barrier(4, timeout=5)

    def process(one: Envelope) -> Outcome:
        meeting.wait()
        return done(one)

    assert len(run(process, [envelope(f"m-{number}") for number in range(4)])) == 4


def test_no_message_is_begun_without_time() -> None:
    begun: list[Envelope] = []
    outcomes = run(begun.append, [envelope("m-1"), envelope("m-2")], lambda: 0.0)
    assert begun == []
    for outcome in outcomes:
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, NotBegunError)
        assert outcome.error.retry_after == 0


def test_a_message_that_does_not_end_fails_alone_and_waits_for_its_claim() -> None:
    release = threading.Event()
    deadline = time.monotonic() + 0.2

    def process(one: Envelope) -> Outcome:
        if one.message_id == "stuck":
            release.wait(5)
        return done(one)

    with ThreadPoolExecutor(2) as executor:
        runner = BatchRunner(process, executor, claim_seconds=30)
        stuck, good = runner.run([envelope("stuck"), envelope("good")], lambda: deadline - time.monotonic())
        release.set()
    assert isinstance(good, Done)
    assert isinstance(stuck, Failed)
    assert type(stuck.error) is OutOfTimeError
    assert stuck.error.retry_after == 30


def test_messages_nearest_to_their_last_receive_are_processed_first() -> None:
    begun: list[str] = []

    def process(one: Envelope) -> Outcome:
        begun.append(one.message_id)
        return done(one)

    with ThreadPoolExecutor(1) as executor:
        BatchRunner(process, executor, claim_seconds=30).run(
            [envelope("fresh", receive_count=1), envelope("old", receive_count=4)], lambda: PLENTY
        )
    assert begun == ["old", "fresh"]
