"""The ledger: every accepted order is in exactly one place, and each one that is not is named.

An order is done (its row says that its effect ran), dead (a letter of it lies in the DLQ), waiting (a message of it is
on its way to the worker) or discarded (an audit row says so). The ledger goes by ids: two wrongs that cancel each other
in a count are two wrongs here.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

NAMED = 5
"""So many ids of a kind are named in a text; the report's JSON has them all."""


@dataclass(frozen=True)
class Letter:
    """A message in the DLQ, and the order it is about, where anything about it tells."""

    message_id: str
    order_id: str | None


@dataclass(frozen=True)
class Places:
    """What was seen of a pipeline at one moment.

    `executions` are how often each order's effect ran, `waiting` the ids of the messages on their way to the worker,
    both by order id. `queued` is how many messages SQS counts in the queue, `hidden_letters` how many it counts in the
    DLQ beyond those that could be seen.
    """

    executions: Mapping[str, int] = field(default_factory=dict[str, int])
    letters: Sequence[Letter] = ()
    waiting: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    discarded: Set[str] = frozenset()
    queued: int = 0
    hidden_letters: int = 0

    @property
    def surplus(self) -> int:
        """Messages that SQS counts in the queue and that nothing tells the order of."""
        return max(0, self.queued - sum(map(len, self.waiting.values())))

    @property
    def missing(self) -> int:
        """Messages that the logs tell of and that SQS does not count, where it counts any."""
        return max(0, sum(map(len, self.waiting.values())) - self.queued) if self.queued else 0


@dataclass(frozen=True)
class Ledger:
    """Where every accepted order of a run is: its id is in exactly one of the first six.

    `misplaced` orders are in more than one place, `unknown` ones in none that was seen while messages were counted that
    nobody saw (`unseen`). `doubled` orders have their effect, or a dead letter, more than once. `foreign` letters are
    of no order of the run; they count against it where it had the queues to itself (`alone`).
    """

    done: Sequence[str] = ()
    dead: Sequence[str] = ()
    waiting: Sequence[str] = ()
    discarded: Sequence[str] = ()
    lost: Sequence[str] = ()
    misplaced: Mapping[str, str] = field(default_factory=dict[str, str])
    unknown: Sequence[str] = ()
    doubled: Mapping[str, str] = field(default_factory=dict[str, str])
    foreign: Sequence[str] = ()
    unseen: int = 0
    alone: bool = True

    @property
    def accepted(self) -> int:
        """How many orders were accepted."""
        places = (self.done, self.dead, self.waiting, self.discarded, self.lost, self.misplaced, self.unknown)
        return sum(map(len, places))

    @property
    def unaccounted(self) -> int:
        """Orders and messages that cannot be put in exactly one place."""
        strange = len(self.foreign) + self.unseen if self.alone else 0
        return len(self.misplaced) + len(self.unknown) + strange

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost, doubled or unaccounted for."""
        return not (self.lost or self.doubled or self.unaccounted)

    @property
    def text(self) -> str:
        """The ledger in one line, and a line for each kind of trouble."""
        discarded = f", {len(self.discarded)} discarded" if self.discarded else ""
        equation = (
            f"Ledger: {self.accepted} accepted, {len(self.done)} succeeded, {len(self.dead)} in DLQ, "
            f"{len(self.waiting)} in flight{discarded}; lost {len(self.lost)}, duplicated {len(self.doubled)}, "
            f"unaccounted {self.unaccounted}"
        )
        return "\n".join([equation, *(f"  {name}: {named(ids)}" for name, ids in self.troubles.items())])

    @property
    def troubles(self) -> dict[str, Sequence[str]]:
        """What does not add up, by its name in the report: ids, each with what is wrong if the name does not say it."""
        kinds: dict[str, Sequence[str]] = {
            "lost": self.lost,
            "duplicated": [f"{order_id} ({why})" for order_id, why in self.doubled.items()],
            "in two places": [f"{order_id} ({where})" for order_id, where in self.misplaced.items()],
            "not seen": self.unknown,
            "of no order of this run" if self.alone else "left over from others": self.foreign,
            "counted by SQS and not seen": [f"{self.unseen} messages"] if self.unseen else [],
        }
        return {name: ids for name, ids in kinds.items() if ids}

    @property
    def counts(self) -> dict[str, int]:
        """How many orders are where, by the names that reports have."""
        return {
            "accepted": self.accepted,
            "succeeded": len(self.done),
            "in_dlq": len(self.dead),
            "in_flight": len(self.waiting),
            "discarded": len(self.discarded),
            "lost": len(self.lost),
            "duplicated": len(self.doubled),
            "unaccounted": self.unaccounted,
        }

    def as_json(self) -> dict[str, Any]:
        """The counts, and the ids of all that does not add up."""
        return {**self.counts, "troubles": {name: list(ids) for name, ids in self.troubles.items()}}


def settle(accepted: Iterable[str], places: Places, *, alone: bool = True) -> Ledger:
    """Put every accepted order id in its place. `alone` says that nobody else used the queues meanwhile.

    >>> places = Places(executions={"c": 1}, letters=[Letter("m-1", "b"), Letter("m-2", "b")])
    >>> ledger = settle(["a", "b", "c"], places)
    >>> ledger.lost, ledger.doubled, ledger.balanced
    (('a',), {'b': '2 letters: m-1, m-2'}, False)
    """
    wanted = sorted(set(accepted))
    letters = _by_order(places.letters)
    seen = {order_id: _places_of(order_id, places, letters) for order_id in wanted}

    def only_in(*place: str) -> tuple[str, ...]:
        return tuple(order_id for order_id, found in seen.items() if tuple(found) == place)

    nowhere, waiting = only_in(), only_in("waiting")
    # Fewer messages than the logs tell of: one is missing, and nothing says which.
    doubtful = waiting if places.missing else ()
    unseen = places.surplus + places.hidden_letters
    return Ledger(
        done=only_in("done"),
        dead=only_in("dead"),
        waiting=() if doubtful else waiting,
        discarded=only_in("discarded"),
        lost=() if unseen else nowhere,
        unknown=(*doubtful, *(nowhere if unseen else ())),
        misplaced={
            order_id: " and ".join(f"{place} {which}".rstrip() for place, which in found.items())
            for order_id, found in seen.items()
            if len(found) > 1
        },
        doubled={order_id: why for order_id in wanted if (why := _doubled(order_id, places, letters))},
        foreign=tuple(_strange(letter) for letter in places.letters if letter.order_id not in seen),
        unseen=unseen,
        alone=alone,
    )


def named(ids: Sequence[str]) -> str:
    """Some ids, and how many more there are."""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def _by_order(letters: Iterable[Letter]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for letter in letters:
        if letter.order_id is not None:
            found.setdefault(letter.order_id, []).append(letter.message_id)
    return found


def _places_of(order_id: str, places: Places, letters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The kinds of places an order is in, with what is there of it."""
    found: dict[str, str] = {}
    if places.executions.get(order_id, 0) > 0:
        found["done"] = ""
    if order_id in letters:
        found["dead"] = f"as {', '.join(letters[order_id])}"
    # The logs tell what is on its way; where the queue is empty nothing is.
    if places.queued and places.waiting.get(order_id):
        found["waiting"] = f"as {', '.join(places.waiting[order_id])}"
    if order_id in places.discarded:
        found["discarded"] = ""
    return found


def _doubled(order_id: str, places: Places, letters: Mapping[str, Sequence[str]]) -> str:
    executions, copies = places.executions.get(order_id, 0), letters.get(order_id, ())
    return "; ".join(
        [f"its effect ran {executions} times"] * (executions > 1)
        + [f"{len(copies)} letters: {', '.join(copies)}"] * (len(copies) > 1)
    )


def _strange(letter: Letter) -> str:
    whose = "an unknown order" if letter.order_id is None else f"order {letter.order_id}"
    return f"letter {letter.message_id} of {whose}"
