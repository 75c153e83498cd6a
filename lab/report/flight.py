"""The flight recorder's data: where each order of a run was at every moment, out of the run's history."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.errors import LabError
from lab.history.events import Event, History, Kind, read
from lab.pipeline.timeline import Sample, Span, Timeline

SCRIPT = Path(__file__).with_name("flight.js")

API, QUEUE, WORKER, DONE, DLQ, GONE = range(6)
STATIONS = ("API", "queue", "worker", "table", "DLQ", "given up")

ARRIVES: Mapping[Kind, int] = {
    Kind.ACCEPTED: API,
    Kind.SENT: QUEUE,
    Kind.RECEIVED: WORKER,
    Kind.REQUEUED: QUEUE,
    Kind.EFFECT: DONE,
    Kind.DUPLICATE: DONE,
    Kind.ROW_FOUND: DONE,
    Kind.DIED: DLQ,
    Kind.LETTER_FOUND: DLQ,
    Kind.REDRIVEN: QUEUE,
    Kind.EDITED: QUEUE,
    Kind.DISCARDED: GONE,
}
"""Where an event shows an order. A failure sends it back to the queue if it will be retried."""

ADDS_NOTHING = (Kind.ROW_FOUND, Kind.LETTER_FOUND, Kind.SENT)
"""To what is known of an order that has ended."""

FACTS = ("receiveCount", "errorCategory", "errorType", "executions", "redriveCount", "reason", "by")


def flight(history: History, timeline: Timeline) -> dict[str, Any]:
    """What the page needs. Times are milliseconds after the history's start."""
    shift = round(timeline.started * 1000) - history.started
    orders = {
        order: list(_steps(events, history.started)) for order, events in _by_order(history.events).items()
    }
    ends = [step[0] for steps in orders.values() for step in steps]
    return {
        "stations": STATIONS,
        "end": max([*ends, history.ended - history.started, 1]),
        "orders": [[order, steps] for order, steps in orders.items() if steps],
        "faults": [[span.name, _ms(span.start, shift), _ms(span.end, shift)] for span in timeline.spans],
        "alarms": [[alarm, _ms(start, shift), _ms(end, shift)] for alarm, start, end in ringing(timeline)],
    }


def ringing(timeline: Timeline) -> Iterator[tuple[str, float, float]]:
    """Every stretch in which an alarm was in ALARM, in seconds of the timeline."""
    samples = timeline.samples
    for alarm in sorted({name for sample in samples for name in sample.alarms}):
        states = [(sample.at, sample.alarms.get(alarm) == "ALARM") for sample in samples]
        for rang, stretch in groupby(states, key=itemgetter(1)):
            if rang:
                times = [at for at, _ in stretch]
                yield alarm, times[0], times[-1]


def embedded(data: Mapping[str, Any]) -> Markup:
    """The data as JSON that may stand in a page's script element."""
    text = json.dumps(data, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  no markup is left in it


def script() -> Markup:
    """The recorder's script, which is ours."""
    return Markup(SCRIPT.read_text(encoding="utf-8"))  # noqa: S704  no text of others


def of_folder(folder: Path) -> dict[str, Any]:
    """The data of a run that has been written. Raises LabError where its history or its report cannot be read."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{folder.name} has no report that can be read.", "Run: lab scenario run") from error
    timeline = Timeline(
        report["timeline"]["started"],
        [Sample(**sample) for sample in report["timeline"]["samples"]],
        [Span(**span) for span in report["timeline"]["spans"]],
    )
    return flight(read(folder / "history.jsonl"), timeline)


def _by_order(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.order_id is not None:
            found.setdefault(event.order_id, []).append(event)
    return found


def _steps(events: Sequence[Event], started: int) -> Iterator[tuple[int, int, str]]:
    """When an order came where, and what is to be said of it.

    What was found of an order that has ended adds nothing to its end, and neither does a sending: a queue that is
    faster than the log of who sends tells of it late, and a second message changes nothing.
    """
    first = min(event.time for event in events)
    ended = False
    # The API has it before the queue does, although a client hears of that later.
    timed = [(first if event.kind is Kind.ACCEPTED else event.time, event) for event in events]
    for at, event in sorted(timed, key=lambda each: (each[0], each[1].kind is not Kind.ACCEPTED)):
        station = _station(event)
        if station is None or (event.kind in ADDS_NOTHING and ended):
            continue
        ended = station in (DONE, DLQ)
        yield max(0, at - started), station, _told(event)


def _station(event: Event) -> int | None:
    if event.kind is Kind.FAILED:
        return QUEUE if event.facts.get("willRetry") else None
    return ARRIVES.get(event.kind)


def _told(event: Event) -> str:
    facts = ", ".join(
        f"{name} {event.facts[name]}" for name in FACTS if event.facts.get(name) not in (None, "")
    )
    return f"{event.kind}: {facts}" if facts else str(event.kind)


def _ms(seconds: float, shift: int) -> int:
    return round(seconds * 1000) + shift
