import random
from collections.abc import Sequence

from functions.common import codec
from functions.common.errors import (
    CircuitOpenError,
    DependencyTimeoutError,
    EventNotPublishedError,
    SchemaViolationError,
)
from functions.common.observability import metrics
from functions.events.order_events import OrderEvent, processed_event
from functions.publish.envelope import Envelope
from functions.publish.publisher import Publisher
from functions.worker.outcome import Done, Failed
from functions.worker.policy import RetryPolicy
from functions.worker.settlement import Settlement
from tests.unit.functions.builders import FakeSqs, envelope
from tests.unit.functions.test_events import RESPONSE


class Bus:
    """Takes every event, unless it is `down`."""

    def __init__(self) -> None:
        self.down = False
        self.taken: list[OrderEvent] = []

    def publish(self, events: Sequence[OrderEvent]) -> Sequence[EventNotPublishedError | None]:
        if not self.down:
            self.taken += events
        return [EventNotPublishedError("Throttled") if self.down else None] * len(events)


class Scene:
    """A settlement with its queue, DLQ and bus."""

    def __init__(self, dlq: FakeSqs | None = None, queue: FakeSqs | None = None) -> None:
        self.bus = Bus()
        self.dlq = dlq or FakeSqs()
        self.queue = queue or FakeSqs()
        dead_lettering, requeueing = (
            Publisher(sqs, "url", max_bytes=10_000, sleep=lambda _seconds: None)
            for sqs in (self.dlq, self.queue)
        )
        policy = RetryPolicy(5, 6, 300, 30, "defer", random.Random(1))
        self.settlement = Settlement(
            self.bus.publish, dead_lettering, requeueing, self.queue, "queue", policy, "v1"
        )

    def cause(self, name: str) -> str:
        [letter] = self.dlq.taken
        return letter["MessageAttributes"][name]["StringValue"]


def done(of: Envelope) -> Done:
    event = processed_event(RESPONSE, idempotency_key="key", correlation_id="c")
    return Done(of, "key", event, duplicate=False, latency_ms=1)


def test_a_processed_order_is_acknowledged_once_its_event_is_out() -> None:
    scene = Scene()
    assert scene.settlement.settle([done(envelope("good"))]) == set()
    assert [event.detail_type for event in scene.bus.taken] == ["OrderProcessed"]


def test_the_latency_of_a_redriven_order_is_not_measured_again() -> None:
    metrics.clear_metrics()
    Scene().settlement.settle([done(envelope("first-life")), done(envelope("redriven", redriveCount="1"))])
    measured = metrics.metric_set["EndToEndLatency"]["Value"]
    metrics.clear_metrics()
    assert measured == [1.0]


def test_a_processed_order_whose_event_is_not_out_is_delivered_again() -> None:
    scene = Scene()
    scene.bus.down = True
    assert scene.settlement.settle([done(envelope("good"))]) == {"good"}
    assert set(scene.queue.hidden) == {"handle-good"}
    assert scene.dlq.taken == []


def test_an_event_that_is_not_out_at_the_last_receive_leaves_the_message_in_the_dlq() -> None:
    scene = Scene()
    scene.bus.down = True
    assert scene.settlement.settle([done(envelope("good", receive_count=5))]) == set()
    assert scene.cause("errorType") == "EventNotPublished"


def test_a_hopeless_message_goes_to_the_dlq_and_is_then_acknowledged() -> None:
    scene = Scene()
    message = envelope("bad", body='{"orderId":"o"}', correlationId="c")
    assert scene.settlement.settle([Failed(message, "key", SchemaViolationError("/x is bad"))]) == set()
    assert scene.dlq.taken[0]["MessageBody"] == message.body
    assert scene.cause("errorCategory") == "VALIDATION"
    assert scene.queue.hidden == {}
    [event] = scene.bus.taken
    assert event.detail_type == "OrderFailed"
    assert codec.loads(event.detail)["orderId"] == "o"


def test_a_message_the_dlq_does_not_take_is_not_acknowledged() -> None:
    scene = Scene(FakeSqs(lambda _entry, _attempt: ("InternalError", False)))
    assert scene.settlement.settle([Failed(envelope("bad"), "key", SchemaViolationError("x"))]) == {"bad"}
    assert scene.bus.taken == []


def test_a_death_that_cannot_be_published_is_not_repeated() -> None:
    scene = Scene()
    scene.bus.down = True
    assert scene.settlement.settle([Failed(envelope("bad"), "key", SchemaViolationError("x"))]) == set()
    assert len(scene.dlq.taken) == 1


def test_a_failure_that_may_pass_waits_for_its_next_receive_and_spares_its_neighbours() -> None:
    scene = Scene()
    slow = Failed(envelope("slow", receive_count=2), "other", DependencyTimeoutError("late"))
    assert scene.settlement.settle([slow, done(envelope("good"))]) == {"slow"}
    assert 0 <= scene.queue.hidden["handle-slow"] <= 12


def test_a_message_near_its_last_receive_at_an_open_circuit_is_requeued_then_acknowledged() -> None:
    scene = Scene()
    held_up = Failed(envelope("held-up", receive_count=4, correlationId="c"), "key", CircuitOpenError("x"))
    assert scene.settlement.settle([held_up]) == set()
    [resent] = scene.queue.taken
    assert resent["MessageBody"] == held_up.envelope.body
    assert resent["MessageAttributes"]["correlationId"]["StringValue"] == "c"
    assert codec.loads(resent["MessageAttributes"]["lineage"]["StringValue"])["requeues"] == 1
    assert 30 <= resent["DelaySeconds"] <= 900
    assert scene.dlq.taken == scene.bus.taken == []
    assert scene.queue.hidden == {}


def test_a_message_that_could_not_be_requeued_is_not_acknowledged() -> None:
    scene = Scene(queue=FakeSqs(lambda _entry, _attempt: ("InternalError", False)))
    held_up = Failed(envelope("held-up", receive_count=4), "key", CircuitOpenError("x"))
    assert scene.settlement.settle([held_up]) == {"held-up"}
    assert scene.dlq.taken == []
