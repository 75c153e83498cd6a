"""The torture's own book: each order by its id, and the verdict on where it was found. Knows nothing of AWS.

Judged when no message moves any more, an order is in exactly one place: done once, one dead letter, or discarded with
an audit row. Delivery is at least once, so a message may leave a copy behind where the process that passed it on was
disturbed before it removed the original. Such a copy is excused by its order's id; a lost order or a second effect
never is.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MAX_RECEIVES = 5
"""So many receives and SQS moves a message to the DLQ, without a cause of death."""

_ID = re.compile(r"tort-[0-9a-f]{8}-\d{5}")


def id_of(seed: int, number: int) -> str:
    """An order's id, which `id_in` finds in any text, however broken."""
    return f"tort-{seed & 0xFFFFFFFF:08x}-{number:05d}"


def id_in(text: str) -> str:
    """The id of the order that a text is about, or nothing."""
    found = _ID.search(text)
    return found.group() if found else ""


class Origin(StrEnum):
    """How an order came into the pipeline."""

    ACCEPTED = "accepted by the API"
    UNANSWERED = "posted without an answer"
    QUEUED = "put into the queue"
    BURIED = "put into the DLQ"


@dataclass
class Entry:
    """One order. `curable` ones must be processed once they are redriven; the others cannot be.

    `purged` ones may have been in a queue that was emptied. `excused` counts the copies it may have, `failures` the
    receives that ended in an error the worker wrote down.
    """

    order_id: str
    origin: Origin
    curable: bool = True
    purged: bool = False
    excused: int = 0
    failures: int = 0

    @property
    def may_be_gone(self) -> bool:
        """Whether nobody can say that the pipeline has to have it."""
        return self.purged or self.origin is Origin.UNANSWERED


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was found: its id, the order's id in its body (or nothing), its cause of death (or none)."""

    message_id: str
    order_id: str
    cause: str | None = None


@dataclass(frozen=True)
class Sight:
    """Everything that was found: executions and audit rows by order id, and the DLQ; the queue is empty."""

    executions: Mapping[str, int] = field(default_factory=dict[str, int])
    letters: Sequence[Letter] = ()
    discarded: Mapping[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        causes = Counter(letter.cause or "no cause" for letter in self.letters)
        died = ", ".join(f"{number} of {cause!a}" for cause, number in sorted(causes.items()))
        return f"{len(self.executions)} done, {len(self.discarded)} discarded; died: {died or 'none'}"


@dataclass(frozen=True)
class Finding:
    """Something that must not be. `kind` is for counting, `detail` for people."""

    kind: str
    detail: str
    order_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.order_id} {self.detail}".replace("  ", " ")


class Book:
    """The orders of one generation of the engine, whose state lives in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def enter(self, order_id: str, origin: Origin, *, curable: bool = True) -> None:
        """Record an order, or that it was accepted after all."""
        if order_id in self.entries:
            self.entries[order_id].origin = origin
        else:
            self.entries[order_id] = Entry(order_id, origin, curable)

    def purge(self, seen_before: Sight) -> None:
        """Record that a queue was emptied: what was neither done nor discarded before may be gone."""
        for name, entry in list(self.entries.items()):
            entry.purged |= not (seen_before.executions.get(name) or seen_before.discarded.get(name))

    def judge(self, sight: Sight, disturbed: int) -> list[Finding]:
        """What is wrong, where each message may have lost so many receives to disturbed workers."""
        found = [
            Finding("foreign letter", f"{letter.message_id} is of no known order")
            for letter in sight.letters
            if letter.order_id not in self.entries
        ]
        dead = Counter(letter.order_id for letter in sight.letters)
        for name, entry in self.entries.items():
            executions, audits = sight.executions.get(name, 0), sight.discarded.get(name, 0)
            places = min(executions, 1) + dead[name] + audits
            where = (
                f"({entry.origin}): executions {executions}, dead letters {dead[name]}, "
                f"audit rows {audits}, copies excused {entry.excused}"
            )
            if executions > 1:
                found.append(Finding("doubled effect", where, name))
            if places == 0 and not entry.may_be_gone:
                found.append(Finding("lost", where, name))
            if places - 1 > entry.excused:
                found.append(Finding("in several places", where, name))
        return found + [
            Finding("died without a cause", f"dead letter {letter.message_id}", letter.order_id)
            for letter in sight.letters
            if letter.cause is None and self._died_of_nothing(letter.order_id, disturbed)
        ]

    def broken(self) -> list[Entry]:
        """Orders that cannot be processed."""
        return [entry for entry in self.entries.values() if not entry.curable]

    def is_good(self, order_id: str) -> bool:
        """Whether an order must be processed in the end."""
        entry = self.entries.get(order_id)
        return entry is not None and entry.curable

    def _died_of_nothing(self, order_id: str, disturbed: int) -> bool:
        entry = self.entries.get(order_id)
        if entry is None or not entry.curable or entry.origin is Origin.BURIED:
            return False
        return entry.failures + disturbed < MAX_RECEIVES
