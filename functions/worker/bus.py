"""The event bus behind its circuit."""

from collections.abc import Callable, Sequence
from typing import Protocol

from functions.common.errors import CircuitOpenError, EventNotPublishedError, TransientError
from functions.events.event_publisher import EventPublisher
from functions.events.order_events import OrderEvent

type Errors = Sequence[TransientError | None]
"""What became of each event: None where the bus has it."""

CIRCUIT = "event-bus"
FAILURE_THRESHOLD = 3
"""Calls in a row of which the bus took nothing."""


class Guards(Protocol):
    """The part of the worker's circuits that the bus needs."""

    def is_open(self, name: str) -> bool: ...
    def guard[**P, R](
        self, name: str, function: Callable[P, R], *, failure_threshold: int
    ) -> Callable[P, R]: ...


class _NothingTakenError(TransientError):
    """A call of which the bus took not one event."""

    def __init__(self, errors: Sequence[TransientError | None]) -> None:
        super().__init__("the event bus took nothing")
        self.errors = errors


def guarded(publisher: EventPublisher, circuits: Guards) -> Callable[[Sequence[OrderEvent]], Errors]:
    """Publish through the circuit; while it is open, nothing is sent and every event has an error."""

    def attempt(events: Sequence[OrderEvent]) -> Errors:
        errors = [EventNotPublishedError(code) if code else None for code in publisher.publish(events)]
        if all(errors):
            raise _NothingTakenError(errors)
        return errors

    call = circuits.guard(CIRCUIT, attempt, failure_threshold=FAILURE_THRESHOLD)

    def publish(events: Sequence[OrderEvent]) -> Errors:
        try:
            return call(events)
        except _NothingTakenError as error:
            # This call may have opened the circuit, or another environment has: no hurry then.
            if not circuits.is_open(CIRCUIT):
                return error.errors
        except CircuitOpenError:
            pass
        return [CircuitOpenError("the event bus's circuit is open")] * len(events)

    return publish
