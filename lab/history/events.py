"""Events, and the file they are kept in: JSON lines, the first of which says what the others are.

The header names the format, the run, when it began and ended (epoch milliseconds), how many events follow, which
sources were read, whether the run had the queues to itself, and how many messages SQS counted at the end.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast, get_origin

from lab.common.output import utc
from lab.errors import LabError

FORMAT = "lab-history/1"


class Kind(StrEnum):
    """What happened to an order, a message or a letter. `FOUND` ones say where something was when the run was over."""

    ACCEPTED = "accepted"
    SENT = "sent"
    RECEIVED = "received"
    EFFECT = "effect"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    REQUEUED = "requeued"
    ANNOUNCED = "announced"
    UNANNOUNCED = "unannounced"
    DIED = "died"
    REDRIVEN = "redriven"
    EDITED = "edited"
    UNDONE = "undone"
    DELETED = "deleted"
    DISCARDED = "discarded"
    CIRCUIT = "circuit"
    ANSWERED = "answered"
    ENDED = "invocation ended"
    CALLED = "called"
    NEMESIS = "nemesis"
    ROW_FOUND = "row found"
    LETTER_FOUND = "letter found"


class Source(StrEnum):
    """Where events come from. A rule that needs a source is applied where the history has it."""

    CLIENT = "what the client was told"
    LOGS = "the functions' logs"
    ORDERS = "the orders table"
    LETTERS = "the DLQ"
    AUDIT = "the redrive table"
    TOPIC = "the topic of outcomes"


@dataclass(frozen=True)
class Event:
    """One event. `time` is epoch milliseconds, `invocation` Lambda's request id of whoever told.

    `letter` is the message id of a dead letter, `message_id` that of a message on the orders queue; `facts` are
    whatever else the kind has, by the names of the log fields.
    """

    time: int
    kind: Kind
    order_id: str | None = None
    key: str | None = None
    message_id: str | None = None
    letter: str | None = None
    invocation: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """The line of the file, without what is not known."""
        values = (
            self.time,
            self.kind,
            self.order_id,
            self.key,
            self.message_id,
            self.letter,
            self.invocation,
        )
        known = dict(zip(_FIELDS, values, strict=True))
        return {name: value for name, value in known.items() if value is not None} | dict(self.facts)

    @property
    def text(self) -> str:
        """The event in one line: the time in UTC, what happened, and every id and fact of it."""
        known = {name: value for name, value in self.as_json().items() if name not in ("time", "event")}
        return f"{utc(self.time)} {self.kind} " + " ".join(f"{name}={value}" for name, value in known.items())


_FIELDS = ("time", "event", "orderId", "idempotencyKey", "messageId", "letter", "invocation")


@dataclass(frozen=True)
class History:
    """Events in the order of their times, and what is known of the run as a whole.

    `queued` and `hidden_letters` are counts of SQS at the end: messages in the queue, and those in the DLQ that nobody
    could see.
    """

    run: str
    started: int
    ended: int
    events: Sequence[Event]
    sources: frozenset[Source]
    alone: bool = True
    queued: int = 0
    hidden_letters: int = 0

    def of(self, *kinds: Kind) -> Iterator[Event]:
        """The events of some kinds, oldest first."""
        return (event for event in self.events if event.kind in kinds)


def write(history: History, file: Path) -> None:
    """Write a history, whole or not at all."""
    header = {
        "format": FORMAT,
        "run": history.run,
        "started": history.started,
        "ended": history.ended,
        "events": len(history.events),
        "sources": sorted(history.sources),
        "alone": history.alone,
        "queued": history.queued,
        "hiddenLetters": history.hidden_letters,
    }
    lines = [json.dumps(header), *(json.dumps(event.as_json()) for event in history.events)]
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
    unfinished.replace(file)


def read(file: Path) -> History:
    """Read a history. Raises LabError for a file that is none, or not a whole one: nothing is judged by half."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabError(f"{file} cannot be read: {reason}.", _WHICH) from error
    if not lines:
        raise LabError(f"{file} is empty.", _WHICH)
    header = _object(lines[0], file, 1)
    if header.get("format") != FORMAT:
        raise LabError(
            f"{file} is not a history: its first line does not say {FORMAT!r}.",
            _WHICH,
        )
    if header.get("events") != len(lines) - 1:
        raise LabError(
            f"{file} has {len(lines) - 1} events and should have {header.get('events')}: it was cut or added to.",
            "Copy the whole history.jsonl from its report, or run the scenario again.",
        )
    try:
        return _history(header, [_event(_object(line, file, 2 + at)) for at, line in enumerate(lines[1:])])
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{file} is not a history of this version of the lab: {type(error).__name__}: {error}.", _WHICH
        ) from error


_WHICH = "Give the history.jsonl of a run: ls .lab/reports/*/history.jsonl"


def _object(line: str, file: Path, number: int) -> dict[str, Any]:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise LabError(f"{file} is not a history: line {number} is not a JSON object.", _WHICH)
    return cast("dict[str, Any]", found)


def _history(header: Mapping[str, Any], events: Iterable[Event]) -> History:
    return History(
        run=_typed(header["run"], str),
        started=_typed(header["started"], int),
        ended=_typed(header["ended"], int),
        events=tuple(events),
        sources=frozenset(map(Source, _typed(header["sources"], list[Any]))),
        alone=_typed(header["alone"], bool),
        queued=_typed(header["queued"], int),
        hidden_letters=_typed(header["hiddenLetters"], int),
    )


def _event(line: Mapping[str, Any]) -> Event:
    def text(field: str) -> str | None:
        return _typed(line[field], str) if field in line else None

    return Event(
        _typed(line["time"], int),
        Kind(line["event"]),
        text("orderId"),
        text("idempotencyKey"),
        text("messageId"),
        text("letter"),
        text("invocation"),
        {name: value for name, value in line.items() if name not in _FIELDS},
    )


def _typed[T](value: Any, kind: type[T]) -> T:
    if type(value) is not (get_origin(kind) or kind):
        raise TypeError(f"{value!r} should be of type {kind.__name__}")
    return value
