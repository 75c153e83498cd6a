"""Browsing the DLQ: every message is received once, and all are visible again afterwards.

SQS has no read that leaves no trace. Browsing costs each message one receive, and hides it from others for as
long as it takes. SQS's own redrive policy does not count here: a DLQ has none.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from functions.publish.envelope import Envelope
from functions.publish.visibility import Hidden, hide
from functions.redrive.dlq import CONCURRENCY, DeadLetterQueue, Walk
from lab.dlq.fates import fates
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

LEAN = {"parameter_validation": False, "user_agent": "ingestion-lab"}
"""botocore spends a quarter of a receive on checking what it is given and on its account of itself."""

VISIBILITY_SECONDS = 30
"""Should the tool die, its messages come back after this time."""

WALK_SECONDS = 20.0
"""Browsing ends within its messages' visibility timeout, else some would be received twice."""

SLOWEST_PER_SECOND = 250
"""So many letters a second are surely seen: a larger queue is hidden for longer, as long as that takes."""

TAKEN_SECONDS = 900
"""How long a message stays hidden while a person decides about it."""

MANY = 100_000
"""As many as there may be."""

PREFIX_LENGTH = 6
"""This many characters of a message id are enough to name it."""


type Told = Callable[[int, int], None]
"""Hears how many letters of how many were seen."""


@dataclass(frozen=True)
class Browsed:
    """What was seen. `complete` is false when the queue held more than the limits allow to see.

    Messages whose ids are added to `taken` stay hidden afterwards.
    """

    envelopes: list[Envelope]
    complete: bool
    taken: set[str] = field(default_factory=set[str])


class DlqBrowser:
    """Browses the DLQ of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._sqs = pipeline.aws.client("sqs", **LEAN)
        self._url = pipeline.stack.dlq_url
        self._dlq = DeadLetterQueue(self._sqs, self._url)
        self._deleted: set[str] = set()

    def browse(self, limit: int) -> Browsed:
        """Up to `limit` messages."""
        with self._walk(limit) as seen:
            return seen

    def retention_seconds(self) -> int:
        """How long the queue keeps a message, from when it was sent."""
        return self._dlq.retention_seconds()

    def delete(self, envelope: Envelope) -> None:
        """Delete a message that was taken. Raises LabError if SQS does not."""
        if self._dlq.delete([envelope]):
            raise LabError(
                f"The dead letter {envelope.message_id} could not be deleted and will show again.",
                "Run the same command again; idempotency absorbs a second copy.",
            )
        self._deleted.add(envelope.message_id)

    @contextmanager
    def take(self, name: str) -> Generator[Envelope]:
        """Keep one message hidden for a `with` block, by message, order or correlation id.

        It becomes visible again at the end of the block unless it was deleted. Raises LabError if there is
        no such message, or if several are meant.
        """
        if not name.strip():  # the body of a letter may well have an empty order id
            raise LabError("The letter's name is empty.", "Give one that is listed: lab dlq ls")
        with self._walk(MANY) as seen:
            found = [envelope for envelope in seen.envelopes if is_named(envelope, name)]
            if len(found) == 1:
                hide(self._sqs, self._url, [Hidden(found[0], TAKEN_SECONDS)])
                seen.taken.add(found[0].message_id)
        if not found:
            fate = fates(self._pipeline, [name]).get(name)
            raise LabError(
                f"No visible message in the DLQ is called {name}{f': {fate}' if fate else ''}.",
                "List them: lab dlq ls (one in flight hides)",
            )
        if len(found) > 1:
            ids = ", ".join(envelope.message_id for envelope in found[:5])
            raise LabError(f"{len(found)} messages are called {name}.", f"Name one by its message id: {ids}")
        try:
            yield found[0]
        finally:
            if found[0].message_id not in self._deleted:
                self._dlq.release(found)

    @contextmanager
    def _walk(self, limit: int) -> Generator[Browsed]:
        """Receive until the queue or the limit is exhausted; at the end release what was received and not taken."""
        letters: list[Envelope] = []
        with self._walking(limit) as walk:
            for new in self._within(walk, limit):
                letters += new
            yield Browsed(letters[:limit], self._all_seen(walk, limit), walk.taken)

    def each(
        self, limit: int, heard: Callable[[Sequence[Envelope]], None], told: Told = lambda _seen, _of: None
    ) -> bool:
        """Hand every message to `heard`, in batches that are not kept; `told` hears how many of how many were seen.

        Returns whether those were all.
        """
        with self._walking(limit) as walk:
            for new in self._within(walk, limit):
                heard(new[: max(0, limit - walk.seen + len(new))])
                told(min(walk.seen, limit), min(limit, max(walk.seen, walk.expected or 0)))
            return self._all_seen(walk, limit)

    def remove(
        self,
        limit: int,
        given_up: Callable[[Sequence[Envelope]], Sequence[Envelope]],
        told: Told = lambda _seen, _of: None,
    ) -> list[Envelope]:
        """Delete what `given_up` gives back of each batch of messages: those that have their next place by then.

        Returns the messages that SQS did not delete; they are visible again at the end, as all others are.
        """
        left: list[Envelope] = []
        with self._walking(limit) as walk:
            for new in self._within(walk, limit):
                # While the receipt handles are fresh: nobody else can have received these messages.
                gone = given_up(new)
                undeleted = self._dlq.delete(gone)
                left += undeleted
                walk.taken |= {envelope.message_id for envelope in gone if envelope not in undeleted}
                told(min(walk.seen, limit), min(limit, max(walk.seen, walk.expected or 0)))
        return left

    @contextmanager
    def _walking(self, limit: int) -> Generator[Walk]:
        expected = self._pipeline.dlq().visible
        seconds = max(VISIBILITY_SECONDS, round(1.5 * expected / SLOWEST_PER_SECOND))
        with (
            ThreadPoolExecutor(CONCURRENCY) as threads,
            Walk(self._dlq, lambda: seconds, expected, lambda: limit - walk.seen, threads) as walk,
        ):
            yield walk

    def _within(self, walk: Walk, limit: int) -> Iterator[list[Envelope]]:
        deadline = time.monotonic() + max(WALK_SECONDS, (walk.expected or 0) / SLOWEST_PER_SECOND)
        for new in walk:
            yield new
            if walk.seen >= limit or time.monotonic() > deadline:
                return

    @staticmethod
    def _all_seen(walk: Walk, limit: int) -> bool:
        return (walk.expected or 0) <= walk.seen <= limit


def dead_letters(pipeline: Pipeline) -> list[Envelope]:
    """The visible letters, as many as can be browsed in WALK_SECONDS, each once."""
    return DlqBrowser(pipeline).browse(MANY).envelopes


def is_named(envelope: Envelope, name: str) -> bool:
    """Whether a name means this message."""
    if name in (envelope.message_id, envelope.order_id, envelope.correlation_id):
        return True
    return len(name) >= PREFIX_LENGTH and envelope.message_id.startswith(name)
