"""Situations worth having been in: a run that never met them has not tested what the pipeline promises in them.

Each is told from a history alone. `lab history states` shows which of them any run of this clone has reached.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.history.events import Event, History, Kind

BURST_MS = 1000
BURST_MESSAGES = 10


@dataclass(frozen=True)
class State:
    """A situation, and whether a history has been in it."""

    name: str
    reached: Callable[[History], bool]


def _failed_of(*errors: str) -> Callable[[History], bool]:
    return lambda history: any(event.facts.get("errorType") in errors for event in history.of(Kind.FAILED))


def _by_message(history: History) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in history.events:
        if event.message_id and event.kind in _WORKER:
            found.setdefault(event.message_id, []).append(event)
    return found


_WORKER = frozenset({Kind.RECEIVED, Kind.EFFECT, Kind.DUPLICATE, Kind.FAILED, Kind.DIED})


def _pairs(history: History) -> Iterator[tuple[Event, Event]]:
    """What the worker told of each message, each with what it told of it next."""
    for events in _by_message(history).values():
        yield from itertools.pairwise(events)


def _delete_failed_after_effect(history: History) -> bool:
    return any(one.kind is Kind.EFFECT and after.kind is Kind.RECEIVED for one, after in _pairs(history))


def _event_refused_after_effect(history: History) -> bool:
    return any(one.kind is Kind.EFFECT and after.kind is Kind.FAILED for one, after in _pairs(history))


def _worker_vanished(history: History) -> bool:
    return any(one.kind is after.kind is Kind.RECEIVED for one, after in _pairs(history))


def _effect_without_line(history: History) -> bool:
    told = {event.order_id for event in history.of(Kind.EFFECT)}
    return any(event.order_id not in told for event in history.of(Kind.ROW_FOUND))


def _circuit_is(state: str) -> Callable[[History], bool]:
    return lambda history: any(event.facts.get("toState") == state for event in history.of(Kind.CIRCUIT))


def _half_open_under_burst(history: History) -> bool:
    received = [event.time for event in history.of(Kind.RECEIVED)]
    return any(
        sum(abs(time - event.time) <= BURST_MS for time in received) >= BURST_MESSAGES
        for event in history.of(Kind.CIRCUIT)
        if event.facts.get("toState") == "HALF_OPEN"
    )


def _letter_sent_twice(history: History) -> bool:
    return any(count > 1 for count in Counter(event.letter for event in history.of(Kind.REDRIVEN)).values())


def _died_after_redrive(history: History) -> bool:
    return any(int(event.facts.get("redriveCount") or 0) > 0 for event in history.of(Kind.DIED))


def _saved_by_redrive(history: History) -> bool:
    sent = {event.message_id for event in history.of(Kind.REDRIVEN)}
    return any(event.message_id in sent for event in history.of(Kind.EFFECT))


def _saved_by_edit(history: History) -> bool:
    sent = {event.message_id for event in history.of(Kind.EDITED)}
    return any(event.message_id in sent for event in history.of(Kind.EFFECT))


def _letter_of_sqs(history: History) -> bool:
    return any(not event.facts.get("errorType") for event in history.of(Kind.LETTER_FOUND))


def _published_twice(history: History) -> bool:
    sent = Counter((event.order_id, event.invocation) for event in history.of(Kind.SENT) if event.invocation)
    return any(count > 1 for count in sent.values())


def _announced_twice(history: History) -> bool:
    return any(
        count > 1 for count in Counter(e.facts.get("eventId") for e in history.of(Kind.ANNOUNCED)).values()
    )


def _accepted_without_answer(history: History) -> bool:
    told = {event.order_id for event in history.of(Kind.ACCEPTED)}
    return any(event.order_id not in told for event in history.of(Kind.SENT))


def _any(kind: Kind) -> Callable[[History], bool]:
    return lambda history: any(True for _ in history.of(kind))


STATES = (
    State(
        "a message came again after its effect: its delete was late or failed", _delete_failed_after_effect
    ),
    State("an order's event was refused after its effect", _event_refused_after_effect),
    State("a worker vanished between a message's receive and its outcome", _worker_vanished),
    State("a worker died between an effect and its log line", _effect_without_line),
    State("a claim on a key expired while its worker ran", _failed_of("LockLost")),
    State("a delivery found another one at work on its key", _failed_of("InProgressElsewhere")),
    State("a row changed while it was read", _failed_of("Contention")),
    State("a worker ran out of time", _failed_of("OutOfTime", "NotBegun")),
    State("a key came again with another payload", _failed_of("IdempotencyKeyReused")),
    State("one order was published twice by one request", _published_twice),
    State("an order was queued whose client got no answer", _accepted_without_answer),
    State("a duplicate had no effect", _any(Kind.DUPLICATE)),
    State("an event came through the bus more than once", _announced_twice),
    State("a death could not be announced", _any(Kind.UNANNOUNCED)),
    State("a circuit opened", _circuit_is("OPEN")),
    State("a half-open circuit met a burst", _half_open_under_burst),
    State("a message was requeued to spare its receives", _any(Kind.REQUEUED)),
    State("SQS moved a message to the DLQ by itself", _letter_of_sqs),
    State("a redriven order was saved", _saved_by_redrive),
    State("a redriven order died again", _died_after_redrive),
    State("a redrive was killed between sending a letter and recording it", _letter_sent_twice),
    State("an edited order was saved", _saved_by_edit),
    State("a letter was discarded", _any(Kind.DISCARDED)),
)


def reached(history: History) -> list[str]:
    """The names of the states that a history has been in."""
    return [state.name for state in STATES if state.reached(history)]
