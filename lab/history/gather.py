"""Gathering a history: what clients were told while the run lasted, and what AWS knows when it is over.

It costs no order a receive: what waits in the queue is known from the logs. Dead letters are browsed, and a DLQ has no
redrive policy that would count. Log lines can be late; a history that does not add up is gathered again for a while.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_type, is_attributed
from functions.redrive.kinds import DISCARD_KIND, EDIT_KIND, UNDO_KIND
from lab.common.clock import now_ms
from lab.dlq.browser import DlqBrowser
from lab.history.check import Judgement, check
from lab.history.events import Event, History, Kind, Source
from lab.history.places import ledger_of
from lab.pipeline.api import Accepted
from lab.pipeline.ledger import Ledger
from lab.pipeline.logs import LogLine, Logs
from lab.pipeline.observe import Pipeline
from lab.pipeline.tap import Tap

MOST_LETTERS = 100_000
LOOK_SECONDS = 0.5
LATE_SECONDS = 10.0
"""How long to wait for log lines and counts that are on their way, where the ledger does not balance without them."""


@dataclass(frozen=True)
class Account:
    """A run's history, and the verdicts on it."""

    history: History
    ledger: Ledger
    judgement: Judgement

    @classmethod
    def of(cls, history: History) -> Self:
        """Settle and judge a history."""
        return cls(history, ledger_of(history), check(history))

    @property
    def sound(self) -> bool:
        """Whether the ledger balances and no rule is broken."""
        return self.ledger.balanced and self.judgement.kept


@dataclass
class Recorder:
    """Keeps what happens at the client while a run lasts, and gathers the rest when it is over.

    `alone` says that nobody else uses the pipeline meanwhile; `topic` is a tap on the outcomes, where there is one.
    """

    run: str
    pipeline: Pipeline
    topic: Tap | None = None
    alone: bool = True
    started: int = field(default_factory=now_ms)
    _events: list[Event] = field(default_factory=list[Event])
    _recording: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, order: Accepted) -> None:
        """The API answered 202."""
        self._note(Event(now_ms(), Kind.ACCEPTED, order.order_id, order.idempotency_key, order.message_id))

    def promised(self, order_ids: Iterable[str]) -> None:
        """The API answered 202 for these at some moment of the run."""
        self._note(*(Event(self.started, Kind.ACCEPTED, order_id) for order_id in order_ids))

    def produced(self, order_id: str, message_id: str) -> None:
        """A producer of this run put an order on the queue past the API."""
        known = (order_id, None, message_id)
        self._note(Event(now_ms(), Kind.ACCEPTED, *known), Event(now_ms(), Kind.SENT, *known))

    def told(self) -> list[Event]:
        """What clients were told so far."""
        with self._recording:
            return list(self._events)

    def account(self, within: float = LATE_SECONDS) -> Account:
        """The whole history so far, with its ledger and its judgement.

        Where these find fault, it is gathered again for up to `within` seconds: what is late may be all that is
        missing. Raises botocore's errors.
        """
        deadline = time.monotonic() + within
        while not (found := Account.of(self.gather())).sound and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return found

    def gather(self) -> History:
        """The history as AWS tells it at this moment."""
        told = self.told()
        logs = Logs(self.pipeline, self.started)
        stack = self.pipeline.stack
        logged = [
            event
            for function in (
                stack.ingest_function_name,
                stack.worker_function_name,
                stack.redrive_function_name,
            )
            for line in logs.lines(function)
            for event in events_of(line)
        ]
        promised = [*told, *(event for event in logged if self.alone and event.kind is Kind.SENT)]
        wanted = {event.order_id for event in promised if event.order_id is not None}
        events = [*told, *logged, *_audited(self.pipeline, wanted, self.started)]
        events += _rows(self.pipeline, wanted)
        queued, dlq = self.pipeline.queue(), self.pipeline.dlq()
        browsed = DlqBrowser(self.pipeline).browse(MOST_LETTERS).envelopes if dlq.total else []
        whose = Owners(events, wanted)
        now = now_ms()
        events += [_found(envelope, whose.of(envelope), now) for envelope in browsed]
        if self.topic is not None:
            events += _announced(self.topic)
        if not self.alone:
            events = list(_of(events, wanted))
        sources = set(Source) - (set() if self.topic else {Source.TOPIC})
        return History(
            run=self.run,
            started=self.started,
            ended=now,
            events=tuple(sorted(events, key=lambda event: event.time)),
            sources=frozenset(sources),
            alone=self.alone,
            queued=queued.total,
            hidden_letters=max(0, dlq.total - len(browsed)),
        )

    def _note(self, *events: Event) -> None:
        with self._recording:
            self._events += events


def _of(events: Iterable[Event], wanted: set[str]) -> Iterator[Event]:
    """The events about some orders, and those that are about no order."""
    events = list(events)
    messages = {event.message_id for event in events if event.order_id in wanted} - {None}
    for event in events:
        if event.order_id in wanted or event.message_id in messages or event.kind in _ABOUT_ALL:
            yield event


_ABOUT_ALL = frozenset({Kind.CIRCUIT, Kind.LETTER_FOUND})


class Owners:
    """Whose a dead letter is: by the id in its body, else by its key or by the ids of the messages it was."""

    def __init__(self, events: Iterable[Event], wanted: set[str]) -> None:
        self._wanted = wanted
        self._by_key: dict[str, str] = {}
        self._by_message: dict[str, str] = {}
        for event in events:
            if event.order_id is not None:
                names = {event.message_id, event.letter} - {None}
                self._by_message |= {str(name): event.order_id for name in names}
                if event.key is not None:
                    self._by_key[event.key] = event.order_id

    def of(self, envelope: Envelope) -> str | None:
        if envelope.order_id in self._wanted:
            return envelope.order_id
        by_key = self._by_key.get(envelope.text("idempotencyKey") or "")
        return by_key or self._by_message.get(envelope.message_id) or envelope.order_id


_KINDS = {
    "order.accepted": Kind.SENT,
    "order.processed": Kind.EFFECT,
    "order.duplicate": Kind.DUPLICATE,
    "order.failed": Kind.FAILED,
    "order.dead_lettered": Kind.DIED,
    "order.death_not_announced": Kind.UNANNOUNCED,
    "circuit.changed": Kind.CIRCUIT,
    "redrive.message_moved": Kind.REDRIVEN,
    "redrive.message_deleted": Kind.DELETED,
}
"""Log lines that are an event as they stand, by their `event`."""

_FACTS = (
    "receiveCount",
    "redriveCount",
    "errorType",
    "errorCategory",
    "willRetry",
    "operationId",
    "circuit",
    "toState",
)


def events_of(line: LogLine) -> Iterator[Event]:
    """The events that one log line tells of."""
    fields = line.fields

    def event(kind: Kind, message_id: object = None, **facts: Any) -> Event:
        return Event(
            line.at,
            kind,
            _text(fields.get("orderId")),
            _text(fields.get("idempotencyKey")),
            _text(message_id),
            _text(fields.get("dlqMessageId")),
            _text(fields.get("function_request_id")),
            {name: fields[name] for name in _FACTS if name in fields} | facts,
        )

    match fields.get("event"):
        case "batch.received":
            for message_id, receives in _object(fields.get("messages")).items():
                yield event(Kind.RECEIVED, message_id, receiveCount=receives)
        case "order.requeued":
            yield event(Kind.REQUEUED, fields.get("newMessageId"), **{"from": _text(fields.get("messageId"))})
        case "order.accepted":
            for message_id in (fields.get("messageId"), *_list(fields.get("copyMessageIds"))):
                yield event(Kind.SENT, message_id)
        case str(name) if name in _KINDS:
            yield event(_KINDS[name], fields.get("messageId"))
        case _:
            return


def _rows(pipeline: Pipeline, wanted: Iterable[str]) -> Iterator[Event]:
    for effect in pipeline.effects(wanted):
        facts = {"executions": effect.executions, "acceptedAt": effect.accepted_at}
        yield Event(effect.processed_at, Kind.ROW_FOUND, effect.order_id, facts=facts)


def _audited(pipeline: Pipeline, wanted: set[str], since: int) -> Iterator[Event]:
    """What people did to single letters since a moment, or to letters of these orders, as the audit rows say."""
    for item in pipeline.redrive_rows(*_AUDITED):
        row = {name: next(iter(value.values()), None) for name, value in item.items()}
        audited = _AUDITED[str(row["kind"])]
        at = int(str(row.get(f"{audited}At", 0)))
        if at >= since or row.get("orderId") in wanted:
            facts = {"by": _text(row.get(f"{audited}By")), "reason": _text(row.get("reason"))}
            yield Event(
                at,
                audited,
                _text(row.get("orderId")),
                _text(row.get("newIdempotencyKey", row.get("idempotencyKey"))),
                _text(row.get("newMessageId")),
                letter=_text(row.get("messageId")),
                facts={name: value for name, value in facts.items() if value is not None},
            )


_AUDITED = {DISCARD_KIND: Kind.DISCARDED, EDIT_KIND: Kind.EDITED, UNDO_KIND: Kind.UNDONE}
"""What a row of the redrive table tells of a letter: `discardedAt`, `editedBy` and the like are named after it."""


def _found(envelope: Envelope, order_id: str | None, now: int) -> Event:
    facts: dict[str, Any] = {"receiveCount": envelope.receive_count, "redriveCount": envelope.redrive_count}
    if is_attributed(envelope):
        facts["errorType"] = error_type(envelope)
    return Event(
        now,
        Kind.LETTER_FOUND,
        order_id,
        envelope.text("idempotencyKey"),
        letter=envelope.message_id,
        facts=facts,
    )


def _announced(topic: Tap) -> Iterator[Event]:
    for notification in topic.notifications():
        detail = _object(notification.get("detail"))
        yield Event(
            _iso(notification.get("time")),
            Kind.ANNOUNCED,
            _text(detail.get("orderId")),
            _text(detail.get("idempotencyKey")),
            facts={
                "outcome": notification.get("detail-type"),
                "eventId": detail.get("eventId"),
                "redriveCount": detail.get("redriveCount", 0),
            },
        )


def _iso(value: object) -> int:
    """The time of an event on the bus, which has whole seconds, as epoch milliseconds."""
    return round(datetime.fromisoformat(str(value)).timestamp() * 1000)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def account(pipeline: Pipeline, order_ids: Iterable[str], *, since: int, alone: bool = True) -> Account:
    """The account of orders that were accepted after `since` (epoch milliseconds), as AWS tells it at this moment."""
    recorder = Recorder("account", pipeline, alone=alone, started=since)
    recorder.promised(order_ids)
    return recorder.account(within=0)
