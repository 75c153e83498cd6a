"""The contract, rule by rule: what must never be seen in a history, and the events that show it where it is.

A rule gives for each breach the order, what is wrong, and the shortest guilty timeline: the events without any of which
there would be no breach.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from lab.history.events import Event, History, Kind, Source
from lab.history.places import SENDING, accepted, ledger_of


@dataclass(frozen=True)
class Breach:
    """A rule that an order, or a letter of nobody's order, has broken."""

    order_id: str
    why: str
    timeline: Sequence[Event]


class Ways:
    """A history by order, letter and message."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.accepted = accepted(history)

    @cached_property
    def orders(self) -> Mapping[str, Sequence[Event]]:
        """The events of each order, oldest first; those that name only a message stand with the message's order."""
        found: dict[str, list[Event]] = {}
        for event in self.history.events:
            order_id = self.order_of(event)
            if order_id is not None:
                found.setdefault(order_id, []).append(event)
        return found

    @cached_property
    def messages(self) -> frozenset[str]:
        """The ids of all messages that are known to have been on the orders queue."""
        return frozenset(
            event.message_id
            for event in self.history.events
            if event.message_id and event.kind in SENDING | {Kind.RECEIVED}
        )

    def order_of(self, event: Event) -> str | None:
        """Which order an event is about, by itself or by its message."""
        return event.order_id or self._whose.get(event.message_id or "")

    def of(self, order_id: str, *kinds: Kind) -> list[Event]:
        """The events of some kinds about an order."""
        return [event for event in self.orders.get(order_id, ()) if event.kind in kinds]

    @cached_property
    def _whose(self) -> dict[str, str]:
        return {
            event.message_id: event.order_id
            for event in self.history.events
            if event.message_id and event.order_id is not None
        }


@dataclass(frozen=True)
class Rule:
    """One promise of the pipeline. `needs` are the sources without which a history cannot show a breach of it."""

    name: str
    promise: str
    needs: frozenset[Source]
    breaches: Callable[[Ways], Iterator[Breach]]


def one_effect(ways: Ways) -> Iterator[Breach]:
    for order_id in ways.accepted:
        effects, rows = ways.of(order_id, Kind.EFFECT), ways.of(order_id, Kind.ROW_FOUND)
        times = max([len(effects), *(int(row.facts.get("executions", 1)) for row in rows)])
        if times > 1:
            keys = {event.key for event in effects}
            under = f", under {len(keys)} keys" if len(keys) > 1 else ""
            yield Breach(
                order_id, f"its effect ran {times} times{under}", effects if len(effects) > 1 else rows
            )


def no_effect_without_acceptance(ways: Ways) -> Iterator[Breach]:
    if not ways.history.alone:
        return  # orders that were accepted before the run, or by somebody else, are processed, too
    for order_id, events in ways.orders.items():
        promised = any(event.kind in (Kind.ACCEPTED, Kind.SENT) for event in events)
        if not promised and (effects := ways.of(order_id, Kind.EFFECT)):
            yield Breach(order_id, "it has an effect, and nobody accepted it", effects[:1])


def one_place(ways: Ways) -> Iterator[Breach]:
    ledger = ledger_of(ways.history)
    for order_id in ledger.lost:
        events = ways.orders[order_id]
        last = [event for event in events if event.kind is not Kind.ACCEPTED][-1:]
        yield Breach(
            order_id, "it is lost: accepted, and in no place", [*ways.of(order_id, Kind.ACCEPTED)[:1], *last]
        )
    for order_id, where in ledger.misplaced.items():
        found = ways.of(order_id, Kind.ROW_FOUND, Kind.LETTER_FOUND, Kind.DISCARDED)
        yield Breach(order_id, f"it is in two places: {where}", found)
    for order_id in ledger.unknown:
        why = f"it was not seen, and {ledger.unseen or 'some'} messages were counted that nobody saw"
        yield Breach(order_id, why, ways.of(order_id, Kind.ACCEPTED)[:1])


def one_letter(ways: Ways) -> Iterator[Breach]:
    for order_id in ways.accepted:
        letters = ways.of(order_id, Kind.LETTER_FOUND)
        if len(letters) > 1:
            yield Breach(order_id, f"it has {len(letters)} dead letters", letters)


def no_foreign_letters(ways: Ways) -> Iterator[Breach]:
    if not ways.history.alone:
        return
    for letter in ways.history.of(Kind.LETTER_FOUND):
        if letter.order_id not in ways.accepted:
            yield Breach(
                letter.order_id or "", f"letter {letter.letter} is of no order of this run", [letter]
            )


def announced(ways: Ways) -> Iterator[Breach]:
    for order_id in ways.accepted:
        told = {(event.key, event.facts.get("outcome")) for event in ways.of(order_id, Kind.ANNOUNCED)}
        for effect in ways.of(order_id, Kind.EFFECT):
            if (effect.key, "OrderProcessed") not in told:
                yield Breach(order_id, "its effect was not announced", [effect])
        excused = {event.message_id for event in ways.of(order_id, Kind.UNANNOUNCED)}
        for death in ways.of(order_id, Kind.DIED):
            if "OrderFailed" not in {outcome for _, outcome in told} and death.message_id not in excused:
                yield Breach(order_id, "its death was not announced", [death])


def one_id_an_outcome(ways: Ways) -> Iterator[Breach]:
    for order_id in ways.accepted:

        def outcome(event: Event) -> str:
            return f"{event.key} {event.facts.get('outcome')} {event.facts.get('redriveCount')}"

        for _, group in groupby(sorted(ways.of(order_id, Kind.ANNOUNCED), key=outcome), key=outcome):
            events = list(group)
            if len({event.facts.get("eventId") for event in events}) > 1:
                yield Breach(order_id, "one outcome was announced under several ids", events)


def deaths_have_causes(ways: Ways) -> Iterator[Breach]:
    for death in ways.history.of(Kind.DIED):
        if not death.facts.get("errorType"):
            yield Breach(death.order_id or "", "the worker wrote no cause of its death", [death])
    for letter in ways.history.of(Kind.LETTER_FOUND):
        moved_by_sqs = letter.letter in ways.messages  # which keeps a message's id when it moves it
        if not letter.facts.get("errorType") and not moved_by_sqs and letter.order_id in ways.accepted:
            yield Breach(
                letter.order_id or "",
                f"letter {letter.letter} has no cause, and SQS did not move it",
                [letter],
            )


def redriven_letters_left(ways: Ways) -> Iterator[Breach]:
    found = {event.letter: event for event in ways.history.of(Kind.LETTER_FOUND)}
    for event in ways.history.of(Kind.REDRIVEN, Kind.EDITED, Kind.DELETED, Kind.DISCARDED):
        if event.letter in found:
            yield Breach(
                event.order_id or "",
                f"letter {event.letter} was {event.kind} and is still in the DLQ",
                [event, found[event.letter]],
            )


def discarded_stays_so(ways: Ways) -> Iterator[Breach]:
    for discard in ways.history.of(Kind.DISCARDED):
        later = [event for event in ways.orders.get(discard.order_id or "", ()) if event.time > discard.time]
        again = any(event.kind in (Kind.ACCEPTED, Kind.SENT) for event in later)
        effects = [event for event in later if event.kind is Kind.EFFECT]
        if effects and not again:
            yield Breach(
                discard.order_id or "", "it was processed after it was discarded", [discard, effects[0]]
            )


RULES = (
    Rule(
        "one effect",
        "The effect of an accepted order runs once.",
        frozenset({Source.CLIENT, Source.LOGS, Source.ORDERS}),
        one_effect,
    ),
    Rule(
        "no effect without acceptance",
        "Nothing is processed that nobody accepted.",
        frozenset({Source.CLIENT, Source.LOGS}),
        no_effect_without_acceptance,
    ),
    Rule(
        "one place",
        "An accepted order is done, dead, waiting or discarded: exactly one of them.",
        frozenset({Source.CLIENT, Source.ORDERS, Source.LETTERS, Source.AUDIT, Source.LOGS}),
        one_place,
    ),
    Rule("one letter", "A dead order has one letter.", frozenset({Source.LETTERS}), one_letter),
    Rule(
        "no foreign letters",
        "A run that is alone leaves no letters but of its own orders.",
        frozenset({Source.CLIENT, Source.LETTERS}),
        no_foreign_letters,
    ),
    Rule(
        "announced",
        "Every outcome is announced, or the worker logged why a death was not.",
        frozenset({Source.LOGS, Source.TOPIC}),
        announced,
    ),
    Rule(
        "one id an outcome",
        "However often an outcome is announced, its event has one id.",
        frozenset({Source.TOPIC}),
        one_id_an_outcome,
    ),
    Rule(
        "deaths have causes",
        "A dead letter says what it died of, or SQS moved it there by itself.",
        frozenset({Source.LOGS, Source.LETTERS}),
        deaths_have_causes,
    ),
    Rule(
        "what left the DLQ is gone",
        "A letter that was redriven, edited, deleted or discarded is in the DLQ no more.",
        frozenset({Source.LOGS, Source.LETTERS, Source.AUDIT}),
        redriven_letters_left,
    ),
    Rule(
        "discarded for good",
        "A discarded order is not processed unless it is submitted again.",
        frozenset({Source.LOGS, Source.AUDIT}),
        discarded_stays_so,
    ),
)
