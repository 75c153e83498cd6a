"""Histories of runs that never were, event by event. Each event is a millisecond after the one before it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lab.history import Event, History, Kind
from lab.history.events import Source


def history(*parts: Event | Sequence[Event], without: Source | None = None, **facts: Any) -> History:
    """A history of these events, in their order, of a run that was alone unless `alone=False` is given."""
    events: list[Event] = []
    for part in parts:
        events += [part] if isinstance(part, Event) else part
    events = [replace(event, time=number) for number, event in enumerate(events, start=1)]
    return History("test", 0, len(events) + 1, tuple(events), frozenset(Source) - {without}, **facts)


def event(kind: Kind, order_id: str | None = None, message: str | None = None, **facts: Any) -> Event:
    letter, key = facts.pop("letter", None), facts.pop("key", None if order_id is None else f"key-{order_id}")
    return Event(0, kind, order_id, key, message, letter, facts.pop("invocation", None), facts)


def submitted(order_id: str) -> list[Event]:
    """An order that the API accepted, and that is on the queue as m-ID."""
    return [
        event(Kind.ACCEPTED, order_id),
        event(Kind.SENT, order_id, f"m-{order_id}", invocation="i-ingest"),
    ]


def processed(order_id: str, message: str | None = None, **facts: Any) -> list[Event]:
    """An order that the worker processed and announced, and its row at the end."""
    message = message or f"m-{order_id}"
    return [
        event(Kind.RECEIVED, None, message, receiveCount=1),
        event(Kind.EFFECT, order_id, message, receiveCount=1, **facts),
        told(order_id, "OrderProcessed"),
        event(Kind.ROW_FOUND, order_id, executions=1),
    ]


def died(order_id: str, letter: str | None = None, message: str | None = None, **facts: Any) -> list[Event]:
    """An order that the worker failed, wrote to the DLQ as l-ID, and announced so."""
    message = message or f"m-{order_id}"
    cause = {"errorType": "SchemaViolation", "errorCategory": "VALIDATION"} | facts
    return [
        event(Kind.RECEIVED, None, message, receiveCount=1),
        event(Kind.FAILED, order_id, message, willRetry=False, **cause),
        event(Kind.DIED, order_id, message, letter=letter or f"l-{order_id}", **cause),
        told(order_id, "OrderFailed"),
    ]


def lies(order_id: str | None, letter: str | None = None, **facts: Any) -> Event:
    """A dead letter that is in the DLQ at the end."""
    return event(
        Kind.LETTER_FOUND,
        order_id,
        letter=letter or f"l-{order_id}",
        **{"errorType": "SchemaViolation"} | facts,
    )


def told(order_id: str, outcome: str, event_id: str = "e", **facts: Any) -> Event:
    """An outcome that came through the bus."""
    return event(
        Kind.ANNOUNCED,
        order_id,
        outcome=outcome,
        eventId=f"{event_id}-{order_id}-{outcome}",
        **{"redriveCount": 0} | facts,
    )


def redriven(order_id: str, message: str = "m-2") -> Event:
    """An order's letter that went back to the queue as another message."""
    return event(Kind.REDRIVEN, order_id, message, letter=f"l-{order_id}", operationId="op-1")
