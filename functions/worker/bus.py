"""The event bus behind its circuit."""

from collections.abc import Callable, Sequence
from typing import Protocol

from functions.common.errors import CircuitOpenError, TransientError
from functions.events.announcer import Announcer
from functions.events.order_events import OrderEvent
from functions.worker.settlement import CIRCUIT_OPEN

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

    def __init__(self, codes: Sequence[str | None]) -> None:
        super().__init__("the event bus took nothing")
        self.codes = codes


def guarded(announcer: Announcer, circuits: Guards) -> Callable[[Sequence[OrderEvent]], Sequence[str | None]]:
    """Announce through the circuit; while it is open, nothing is sent and every event has an error."""

    def attempt(events: Sequence[OrderEvent]) -> Sequence[str | None]:
        codes = announcer.announce(events)
        if all(codes):
            raise _NothingTakenError(codes)
        return codes

    call = circuits.guard(CIRCUIT, attempt, failure_threshold=FAILURE_THRESHOLD)

    def announce(events: Sequence[OrderEvent]) -> Sequence[str | None]:
        try:
            return call(events)
        except _NothingTakenError as error:
            # This call may have opened the circuit, or another environment has: no hurry then.
            return [CIRCUIT_OPEN] * len(events) if circuits.is_open(CIRCUIT) else error.codes
        except CircuitOpenError:
            return [CIRCUIT_OPEN] * len(events)

    return announce
