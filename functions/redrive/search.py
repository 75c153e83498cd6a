"""The search through the DLQ: receive, judge, and hold back what is not selected until the end."""

from collections import Counter, deque
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from functions.common.settings import SQS_MAX_BYTES
from functions.publish.envelope import Envelope
from functions.redrive.control import MARGIN_SECONDS, Invocation
from functions.redrive.dlq import EMPTY_RECEIVES, WAIT_SECONDS, Queue, bare, receives_at_once, size_of, tens
from functions.redrive.operations import Counts
from functions.redrive.plan import MAX_MESSAGES
from functions.redrive.selection import Verdict

MAX_HELD = 100_000
"""Messages that are not selected stay hidden until the end, without their bodies here; so many of them end the search.

SQS lets 120,000 messages of a queue be in flight (SQS quotas, "Standard queues").
"""

RELEASE_RESERVE_SECONDS = 1.0
"""What is kept of an invocation for its row. Whatever is still hidden then is visible MARGIN_SECONDS after its end."""

MAX_READY = MAX_MESSAGES
READY_BYTES = 64 * 1024 * 1024
"""No more letters, and no more bytes of them, wait to be moved; what is found beyond that is received again later."""


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
    _later: dict[str, Envelope] = field(default_factory=dict[str, Envelope])
    _returning: set[str] = field(default_factory=set[str])
    _largest: int = 0
    _ready_bytes: int = 0
    _held: list[Envelope] = field(default_factory=list[Envelope])
    _skipped: Counter[str] = field(default_factory=Counter[str])
    _empty: int = 0

    def __post_init__(self) -> None:
        self._moved_before = frozenset(self.counts.in_doubt)
        self._refused_before = frozenset(self.counts.unsent)

    @property
    def full(self) -> bool:
        """Whether no more can be held."""
        return len(self._held) + len(self.ready) + len(self._later) >= MAX_HELD

    @property
    def exhausted(self) -> bool:
        """Whether searching on would find nothing."""
        return (self.full or self._empty >= EMPTY_RECEIVES) and not self._has_room_for_later

    def receive(self, wanted: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]:
        """The new letters of as many calls at once as may give so many."""
        if self._has_room_for_later:
            self._take_back()
        if self.full:
            return []
        # Hidden for longer than this invocation can last: nothing is seen twice.
        visibility = round(self.invocation.seconds_left()) + MARGIN_SECONDS
        began = self.invocation.clock()
        calls = receives_at_once(max(1, wanted), self._largest or SQS_MAX_BYTES)
        answers = self.threads.map(self.dlq.receive, [visibility] * calls, [wait_seconds] * calls)
        received = [envelope for answer in answers for envelope in answer]
        # An empty receive proves nothing while messages of a dead invocation are still hidden.
        if wait_seconds and began >= self.await_until:
            self._empty = 0 if received else self._empty + 1
        self._largest = max([self._largest, *map(size_of, received)])
        self._ready_bytes = self._bytes_ready()
        new = [envelope for envelope in received if envelope.message_id not in self.seen]
        self.seen |= {envelope.message_id for envelope in new}
        back = [envelope for envelope in received if envelope.message_id in self._returning]
        self._returning -= {envelope.message_id for envelope in back}
        now_ms = round(self.invocation.clock() * 1000)
        for envelope in (*new, *back):
            self._sort(envelope, now_ms)
        return new

    def hold(self, envelopes: list[Envelope]) -> None:
        """Keep letters hidden, though they are not to be moved, until the end."""
        self._held += [bare(envelope.message_id, envelope.receipt_handle) for envelope in envelopes]

    def take(self, number: int) -> list[Envelope]:
        """The next letters to be moved."""
        return [self.ready.popleft() for _ in range(min(number, len(self.ready)))]

    def release(self) -> bool:
        """Make visible again whatever was not moved. Returns whether there was time for all of it."""
        return all(
            list(self.threads.map(self._release, tens([*self.ready, *self._held, *self._later.values()])))
        )

    def _release(self, envelopes: Sequence[Envelope]) -> bool:
        if self.invocation.seconds_left() < RELEASE_RESERVE_SECONDS:
            return False
        self.dlq.release(envelopes)
        return True

    def _bytes_ready(self) -> int:
        return sum(map(size_of, self.ready))

    @property
    def crowded(self) -> bool:
        """Whether nothing more may wait to be moved."""
        return len(self.ready) >= MAX_READY or self._bytes_ready() >= READY_BYTES

    @property
    def _has_room_for_later(self) -> bool:
        return bool(self._later) and not self.crowded

    def _take_back(self) -> None:
        """Make visible what was put off, so that it is received again: there is room for it now."""
        put_off, self._later = self._later, {}
        self._returning |= put_off.keys()
        list(self.threads.map(self.dlq.release, tens(put_off.values())))
        self._empty = 0

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
            if len(self.ready) >= MAX_READY or self._ready_bytes >= READY_BYTES:
                self._later[envelope.message_id] = bare(envelope.message_id, envelope.receipt_handle)
            else:
                self.ready.append(envelope)
                self._ready_bytes += size_of(envelope)
            return
        self.hold([envelope])
        self._skipped[verdict.value] += 1
        # Each invocation sees what is not selected again.
        already = self.counts.skipped.get(verdict.value, 0)
        self.counts.skipped[verdict.value] = max(already, self._skipped[verdict.value])
