"""The search through the DLQ: receive, judge, and hold back what is not selected until the end."""

from collections import Counter, deque
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from functions.publish.envelope import Envelope
from functions.publish.packing import MAX_ENTRIES
from functions.redrive.control import MARGIN_SECONDS, Invocation
from functions.redrive.dlq import EMPTY_RECEIVES, WAIT_SECONDS, Queue, tens
from functions.redrive.operations import Counts
from functions.redrive.selection import Verdict

MAX_HELD = 100_000
"""Messages that are not selected stay hidden until the end, without their bodies here; so many of them end the search.

SQS lets 120,000 messages of a queue be in flight (SQS quotas, "Standard queues").
"""

RELEASE_RESERVE_SECONDS = 1.0
"""What is kept of an invocation for its row. Whatever is still hidden then is visible MARGIN_SECONDS after its end."""

CONCURRENCY = 16
"""Calls of SQS at once."""


@dataclass(kw_only=True)
class Search:
    """What one invocation has received: `ready` to be moved, held back, or known from an earlier one.

    `judge` takes a letter and the time in epoch milliseconds. `await_until`, in epoch seconds, is when the letters
    that a dead invocation had hidden are visible again.
    """

    dlq: Queue
    judge: Callable[[Envelope, int], Verdict]
    counts: Counts
    threads: ThreadPoolExecutor
    invocation: Invocation
    await_until: float
    ready: deque[Envelope] = field(default_factory=deque[Envelope])
    seen: set[str] = field(default_factory=set[str])
    _held: list[Envelope] = field(default_factory=list[Envelope])
    _skipped: Counter[str] = field(default_factory=Counter[str])
    _empty: int = 0

    def __post_init__(self) -> None:
        self._moved_before = frozenset(self.counts.in_doubt)
        self._refused_before = frozenset(self.counts.unsent)

    @property
    def full(self) -> bool:
        """Whether no more can be held."""
        return len(self._held) + len(self.ready) >= MAX_HELD

    @property
    def exhausted(self) -> bool:
        """Whether searching on would find nothing."""
        return self.full or self._empty >= EMPTY_RECEIVES

    def receive(self, wanted: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]:
        """The new letters of as many calls at once as may give so many."""
        if self.full:
            return []
        # Hidden for longer than this invocation can last: nothing is seen twice.
        visibility = round(self.invocation.seconds_left()) + MARGIN_SECONDS
        began = self.invocation.clock()
        calls = min(CONCURRENCY, -(-max(1, wanted) // MAX_ENTRIES))
        answers = self.threads.map(self.dlq.receive, [visibility] * calls, [wait_seconds] * calls)
        received = [envelope for answer in answers for envelope in answer]
        # An empty receive proves nothing while messages of a dead invocation are still hidden.
        if wait_seconds and began >= self.await_until:
            self._empty = 0 if received else self._empty + 1
        new = [envelope for envelope in received if envelope.message_id not in self.seen]
        self.seen |= {envelope.message_id for envelope in new}
        now_ms = round(self.invocation.clock() * 1000)
        for envelope in new:
            self._sort(envelope, now_ms)
        return new

    def hold(self, envelopes: list[Envelope]) -> None:
        """Keep letters hidden, though they are not to be moved, until the end."""
        self._held += [replace(envelope, body="", attributes={}) for envelope in envelopes]

    def take(self, number: int) -> list[Envelope]:
        """The next letters to be moved."""
        return [self.ready.popleft() for _ in range(min(number, len(self.ready)))]

    def release(self) -> bool:
        """Make visible again whatever was not moved. Returns whether there was time for all of it."""
        return all(list(self.threads.map(self._release, tens([*self.ready, *self._held]))))

    def _release(self, envelopes: Sequence[Envelope]) -> bool:
        if self.invocation.seconds_left() < RELEASE_RESERVE_SECONDS:
            return False
        self.dlq.release(envelopes)
        return True

    def missing(self, ids: Set[str]) -> Set[str]:
        """Which of these letters have not been seen."""
        return ids - self.seen

    def _sort(self, envelope: Envelope, now_ms: int) -> None:
        if envelope.message_id in self._moved_before:
            return
        if envelope.message_id in self._refused_before:
            self.hold([envelope])
            return
        verdict = self.judge(envelope, now_ms)
        if verdict is Verdict.SELECTED:
            self.ready.append(envelope)
            return
        self.hold([envelope])
        self._skipped[verdict.value] += 1
        # Each invocation sees what is not selected again.
        already = self.counts.skipped.get(verdict.value, 0)
        self.counts.skipped[verdict.value] = max(already, self._skipped[verdict.value])
