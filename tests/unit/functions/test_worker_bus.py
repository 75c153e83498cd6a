from collections.abc import Callable, Sequence

from functions.common.errors import CircuitOpenError, EventNotPublishedError, TransientError
from functions.worker import bus
from tests.unit.functions.test_events import FakeBus, event_publisher, events


class Circuit:
    """A circuit as this environment believes it to be, and as the table has it."""

    def __init__(self, *, believed_open: bool = False, is_open: bool = False) -> None:
        self._believed_open = believed_open
        self._is_open = is_open

    def is_open(self, name: str) -> bool:
        return self._is_open

    def guard[**P, R](self, name: str, function: Callable[P, R], *, failure_threshold: int) -> Callable[P, R]:
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if self._believed_open:
                raise CircuitOpenError(name)
            return function(*args, **kwargs)

        return call


def said(errors: Sequence[TransientError | None]) -> list[tuple[type, str] | None]:
    """Class and last word of each error."""
    return [error and (type(error), str(error).split()[-1]) for error in errors]


REFUSED = (EventNotPublishedError, "ThrottlingException")
OPEN = (CircuitOpenError, "open")


def test_an_event_that_the_bus_takes_has_no_error() -> None:
    sent = events(2)
    assert bus.guarded(event_publisher(FakeBus()), Circuit())(sent) == [None, None]


def test_no_event_is_sent_while_the_circuit_is_open() -> None:
    behind = FakeBus()
    assert said(bus.guarded(event_publisher(behind), Circuit(believed_open=True))(events(2))) == [OPEN] * 2
    assert behind.calls == []


def test_a_bus_that_takes_one_event_does_not_count_as_down() -> None:
    behind = FakeBus(lambda detail, _attempt: detail == '{"n":0}')
    assert said(bus.guarded(event_publisher(behind), Circuit(is_open=True))(events(2))) == [REFUSED, None]


def test_an_event_refused_by_a_bus_whose_circuit_has_opened_waits_for_the_circuit() -> None:
    behind = FakeBus(lambda _detail, _attempt: True)
    assert said(bus.guarded(event_publisher(behind), Circuit())(events(2))) == [REFUSED] * 2
    assert said(bus.guarded(event_publisher(behind), Circuit(is_open=True))(events(2))) == [OPEN] * 2
