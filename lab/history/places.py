"""Where a history says that its orders are at its end: what the ledger is settled from."""

from collections import Counter
from collections.abc import Iterable

from lab.history.events import Event, History, Kind
from lab.pipeline.ledger import Ledger, Letter, Places, settle
from lab.pipeline.observe import Effect


def accepted(history: History) -> set[str]:
    """The orders that somebody was promised.

    That is what clients of the run were told, and where it was alone also what was queued while its answer got lost.
    """
    kinds = (Kind.ACCEPTED, Kind.SENT) if history.alone else (Kind.ACCEPTED,)
    return {event.order_id for event in history.of(*kinds) if event.order_id is not None}


def places(history: History) -> Places:
    """What was seen of the pipeline when the run was over."""
    return Places(
        executions={
            event.order_id: int(event.facts.get("executions", 1))
            for event in history.of(Kind.ROW_FOUND)
            if event.order_id is not None
        },
        letters=[Letter(event.letter or "", event.order_id) for event in history.of(Kind.LETTER_FOUND)],
        discarded=_given_up(history),
        waiting=under_way(history.events),
        queued=history.queued,
        hidden_letters=history.hidden_letters,
    )


def _given_up(history: History) -> set[str]:
    """The orders that were discarded and not submitted again."""
    given_up: set[str] = set()
    for event in history.of(Kind.ACCEPTED, Kind.SENT, Kind.DISCARDED):
        if event.order_id is not None and event.kind is Kind.DISCARDED:
            given_up.add(event.order_id)
        else:
            given_up.discard(event.order_id or "")
    return given_up


def effects(history: History) -> list[Effect]:
    """The effects of a run's orders, from the rows that were read for it."""
    return [
        Effect(
            event.order_id,
            executions=int(event.facts["executions"]),
            accepted_at=int(event.facts["acceptedAt"]),
            processed_at=event.time,
        )
        for event in history.of(Kind.ROW_FOUND)
        if event.order_id is not None
    ]


def batch_sizes(history: History) -> list[int]:
    """How many of a run's messages each invocation of the worker was given, the smallest first."""
    return sorted(Counter(event.invocation for event in history.of(Kind.RECEIVED)).values())


def ledger_of(history: History) -> Ledger:
    """The ledger of a run as its history tells it."""
    return settle(accepted(history), places(history), alone=history.alone)


def under_way(events: Iterable[Event]) -> dict[str, list[str]]:
    """The messages that are on their way to the worker, by order id.

    Whoever sends a message notes it afterwards, when it may have been processed already: what is on its way is what was
    sent, less what the worker settled for good, whichever was noted first.
    """
    sent: dict[str, str] = {}
    settled: dict[str, bool] = {}
    for event in events:
        message = event.message_id
        if message and event.kind in SENDING and event.order_id is not None:
            sent[message] = event.order_id
        if message and event.kind in SETTLING:
            settled[message] = not event.facts.get("willRetry")
        if event.kind is Kind.REQUEUED:
            settled[str(event.facts.get("from"))] = True
        if event.letter and event.kind in LEAVING:
            settled[event.letter] = True  # SQS's own moves keep a message's id
    waiting: dict[str, list[str]] = {}
    for message, order_id in sent.items():
        if not settled.get(message):
            waiting.setdefault(order_id, []).append(message)
    return waiting


SENDING = frozenset({Kind.SENT, Kind.REQUEUED, Kind.REDRIVEN, Kind.EDITED})
"""A message goes to the orders queue."""

SETTLING = frozenset({Kind.EFFECT, Kind.DUPLICATE, Kind.FAILED, Kind.DIED, Kind.ANSWERED})
LEAVING = frozenset(
    {Kind.LETTER_FOUND, Kind.REDRIVEN, Kind.EDITED, Kind.UNDONE, Kind.DISCARDED, Kind.DELETED}
)
"""A letter leaves the DLQ, or an edited message the queue: what goes by the id in `letter` is not on its way."""
