"""What became of what an operation moved, message by message: processed, dead again, or still on its way.

A message is known by its order's id and key, its correlation id and its redrive count. An effect is a row of the orders
table. A death shows only in the DLQ, where a look costs each letter a receive: it is looked for when messages are
missing, not before they had time to die, and what was found is recorded.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from functions.publish.envelope import Envelope
from functions.redrive.dlq import Queue, Walk
from functions.redrive.moved import Moved

LOOK_AFTER_MS = 5_000
"""A look into the DLQ begins so long after the end of the operation, or after the look before it."""

LOOK_AFTER_IN_TRAFFIC_MS = 30_000
"""The same, while the queue holds messages, of whatever origin: what was moved may be among them."""

LOOK_SECONDS = 10
LOOK_MARGIN_SECONDS = 5
SHOWN_ORDERS = 10


class Effects(Protocol):
    """Tells which of these messages have their order's effect, by letter id."""

    def processed(self, moved: Iterable[Moved]) -> set[str]: ...


class Recorder(Protocol):
    """Knows what an operation moved, and keeps what was found out about it."""

    def moved(self, row: dict[str, Any]) -> list[Moved]: ...
    def record_died_again(self, operation_id: str, letter_ids: Iterable[str]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """Every message that was moved is in exactly one of these; `unknown` ones are in no queue and have no effect.

    `unrecorded` is how many were moved and left no identity, since their invocation died.
    """

    processed: Sequence[Moved]
    died_again: Sequence[Moved]
    waiting: Sequence[Moved]
    unknown: Sequence[Moved]
    unrecorded: int

    def as_json(self) -> dict[str, Any]:
        """The counts, and the first orders that were not processed."""
        groups = {"diedAgain": self.died_again, "waiting": self.waiting, "unknown": self.unknown}
        orders = {
            f"{name}Orders": [message.order_id or message.correlation_id for message in some[:SHOWN_ORDERS]]
            for name, some in groups.items()
            if some
        }
        counts = {name: len(some) for name, some in groups.items()}
        return {"processed": len(self.processed), **counts, "unrecorded": self.unrecorded, **orders}


@dataclass(frozen=True, kw_only=True)
class Follower:
    """Follows what operations moved. `queued` gives how many messages the queue holds, in whatever state."""

    operations: Recorder
    effects: Effects
    dlq: Queue
    queued: Callable[[], int]
    clock: Callable[[], float] = time.time

    def outcome(self, row: dict[str, Any]) -> Outcome:
        """What became of the messages of an operation that has ended, as far as can be seen now."""
        moved = self.operations.moved(row)
        died = set(str(row.get("diedAgainIds", "")).split())
        done = self.effects.processed(message for message in moved if message.letter_id not in died)
        gone = False
        if len(died | done) < len(moved):
            drained = self.queued() == 0
            # Asked again after the queue: what has left it since the first time has its effect now.
            done |= self.effects.processed(
                message for message in moved if message.letter_id not in died | done
            )
            left = [message for message in moved if message.letter_id not in died | done]
            if left and self._may_look(row, drained):
                found, seen = self._look(left, int(row["requestedAt"]))
                died |= found
                self.operations.record_died_again(row["id"], died)
                # The queue was empty before the look, and the look saw every letter there is.
                gone = drained and self.dlq.depth() == seen
        left = [message for message in moved if message.letter_id not in died | done]
        return Outcome(
            processed=[message for message in moved if message.letter_id in done - died],
            died_again=[message for message in moved if message.letter_id in died],
            waiting=[] if gone else left,
            unknown=left if gone else [],
            unrecorded=max(0, int(row["moved"]) - len(moved)),
        )

    def _may_look(self, row: dict[str, Any], drained: bool) -> bool:
        since = max(int(row.get("finishedAt", 0)), int(row.get("lookedAt", 0)))
        return self.clock() * 1000 >= since + (LOOK_AFTER_MS if drained else LOOK_AFTER_IN_TRAFFIC_MS)

    def _look(self, left: Sequence[Moved], requested_at: int) -> tuple[set[str], int | None]:
        """Which of these are among the letters that can be seen within LOOK_SECONDS, and how many those are if all."""
        if self.dlq.depth() == 0:
            return set(), 0
        found = set[str]()
        began = self.clock()
        with Walk(self.dlq, lambda: LOOK_SECONDS + LOOK_MARGIN_SECONDS) as walk:
            for letters in walk:
                found |= died_again(left, letters, requested_at)
                if self.clock() - began > LOOK_SECONDS:
                    break
        return found, walk.seen if walk.complete else None


def died_again(moved: Iterable[Moved], letters: Iterable[Envelope], requested_at: int) -> set[str]:
    """The letter ids of the messages that are among these letters again, sent there after the request (epoch ms)."""
    by_identity = defaultdict[tuple[str, str | None], list[Envelope]](list)
    for letter in letters:
        if letter.sent_at > requested_at:
            again = Moved.of(letter)
            by_identity[again.correlation_id, again.order_id].append(letter)
    return {
        message.letter_id
        for message in moved
        if any(map(message.died_as, by_identity[message.correlation_id, message.order_id]))
    }
