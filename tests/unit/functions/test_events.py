import random
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from functions.common import codec
from functions.common.errors import NoTimeLeftError
from functions.events.event_publisher import ATTEMPTS, EventPublisher
from functions.events.order_events import OrderEvent, event_id, failed_event, processed_event

RESPONSE = {
    "orderId": "o",
    "amount": "12.50",
    "total": "12.50",
    "currency": None,
    "acceptedAt": 1,
    "processedAt": 2,
}


class FakeBus:
    """`refuse` says for an event's detail at its n-th try whether the bus takes it."""

    def __init__(self, refuse: Callable[[str, int], bool] = lambda _detail, _attempt: False) -> None:
        self.calls: list[int] = []
        self.taken: list[str] = []
        self._refuse = refuse
        self._tries: dict[str, int] = {}

    def put_events(self, *, Entries: Sequence[Any]) -> Any:  # noqa: N803
        self.calls.append(len(Entries))
        answers: list[dict[str, str]] = []
        for entry in Entries:
            detail = entry["Detail"]
            self._tries[detail] = self._tries.get(detail, 0) + 1
            if self._refuse(detail, self._tries[detail]):
                answers.append({"ErrorCode": "ThrottlingException"})
            else:
                self.taken.append(detail)
                answers.append({"EventId": "e"})
        return {"FailedEntryCount": len(Entries) - len(self.taken), "Entries": answers}


def event_publisher(bus: Any) -> EventPublisher:
    return EventPublisher(bus, "bus", sleep=lambda _seconds: None, rng=random.Random(1))


def events(count: int) -> list[OrderEvent]:
    return [OrderEvent("OrderProcessed", f'{{"n":{number}}}') for number in range(count)]


def test_events_go_in_batches_of_ten() -> None:
    bus = FakeBus()
    assert event_publisher(bus).publish(events(23)) == [None] * 23
    assert bus.calls == [10, 10, 3]


def test_only_the_failed_event_is_resent_and_alone() -> None:
    bus = FakeBus(lambda detail, attempt: detail == '{"n":2}' and attempt == 1)
    assert event_publisher(bus).publish(events(5)) == [None] * 5
    assert bus.calls == [5, 1]
    assert sorted(bus.taken) == sorted(event.detail for event in events(5))


def test_an_event_that_keeps_failing_is_reported_and_no_other() -> None:
    bus = FakeBus(lambda detail, _attempt: detail == '{"n":0}')
    assert event_publisher(bus).publish(events(2)) == ["ThrottlingException", None]
    assert bus.calls == [2] + [1] * (ATTEMPTS - 1)


class Unreachable(FakeBus):
    """Fails its first calls as a whole."""

    def __init__(self, error: Exception, times: int = 100) -> None:
        super().__init__()
        self.error, self.times = error, times

    def put_events(self, *, Entries: Sequence[Any]) -> Any:  # noqa: N803
        if len(self.calls) < self.times:
            self.calls.append(len(Entries))
            raise self.error
        return super().put_events(Entries=Entries)


def test_a_call_that_the_bus_did_not_take_is_repeated_as_a_whole() -> None:
    bus = Unreachable(EndpointConnectionError(endpoint_url="http://bus"), times=1)
    assert event_publisher(bus).publish(events(3)) == [None] * 3
    assert bus.calls == [3, 3]


def test_a_bus_out_of_reach_is_reported_for_every_event_after_a_few_calls() -> None:
    bus = Unreachable(EndpointConnectionError(endpoint_url="http://bus"))
    assert event_publisher(bus).publish(events(2)) == ["EndpointConnectionError"] * 2
    assert bus.calls == [2] * ATTEMPTS


def test_a_bus_that_does_not_answer_is_asked_once_whatever_is_left_to_send() -> None:
    bus = Unreachable(ReadTimeoutError(endpoint_url="http://bus"))
    assert event_publisher(bus).publish(events(12)) == ["ReadTimeoutError"] * 10 + ["NotSent"] * 2
    assert bus.calls == [10]


def test_a_call_for_which_no_time_is_left_is_not_repeated() -> None:
    bus = Unreachable(NoTimeLeftError())
    assert event_publisher(bus).publish(events(2)) == ["NoTimeLeftError"] * 2
    assert bus.calls == [2]


def test_an_order_is_published_with_exact_money_and_a_stable_id() -> None:
    first = processed_event(RESPONSE, idempotency_key="key", correlation_id="c")
    again = processed_event(RESPONSE, idempotency_key="key", correlation_id="c")
    assert first == again
    assert '"amount":12.50' in first.detail
    assert "currency" not in codec.loads(first.detail)
    assert codec.loads(first.detail)["eventId"] == event_id("key", "OrderProcessed")


def test_each_death_has_its_own_event_id() -> None:
    def death(redrives: int) -> str:
        event = failed_event(
            order_id=None,
            idempotency_key="key",
            correlation_id="c",
            error_type="E",
            error_category="PERMANENT",
            receive_count=1,
            redrive_count=redrives,
        )
        return codec.loads(event.detail)["eventId"]

    assert death(0) == death(0) != death(1)
