"""Browsing the DLQ: every message is received once, and all are visible again afterwards.

SQS has no read that leaves no trace. Browsing costs each message one receive, and hides it from others for as
long as it takes. SQS's own redrive policy does not count here: a DLQ has none.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from functions.publish.envelope import Envelope
from functions.publish.visibility import Hidden, hide
from functions.redrive.dlq import DeadLetterQueue, Walk
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

VISIBILITY_SECONDS = 30
"""Should the tool die, its messages come back after this time."""

WALK_SECONDS = 20.0
"""Browsing ends within its messages' visibility timeout, else some would be received twice."""

TAKEN_SECONDS = 900
"""How long a message stays hidden while a person decides about it."""

MANY = 100_000
"""As many as there may be."""

PREFIX_LENGTH = 6
"""This many characters of a message id are enough to name it."""


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
        self._sqs = pipeline.aws.client("sqs")
        self._url = pipeline.stack.dlq_url
        self._dlq = DeadLetterQueue(self._sqs, self._url)
        self._deleted: set[str] = set()

    def browse(self, limit: int) -> Browsed:
        """Up to `limit` messages."""
        with self._walk(limit) as seen:
            return seen

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
        with self._walk(MANY) as seen:
            found = [envelope for envelope in seen.envelopes if is_named(envelope, name)]
            if len(found) == 1:
                hide(self._sqs, self._url, [Hidden(found[0], TAKEN_SECONDS)])
                seen.taken.add(found[0].message_id)
        if not found:
            raise LabError(
                f"No visible message in the DLQ is called {name}.",
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
        expected = self._pipeline.dlq().visible
        deadline = time.monotonic() + WALK_SECONDS
        with Walk(self._dlq, lambda: VISIBILITY_SECONDS, expected) as walk:
            for _ in walk:
                if len(walk.received) >= limit or time.monotonic() > deadline:
                    break
            letters = list(walk.received.values())
            yield Browsed(letters[:limit], expected <= len(letters) <= limit, walk.taken)


def dead_letters(pipeline: Pipeline) -> list[Envelope]:
    """The visible letters, as many as can be browsed in WALK_SECONDS, each once."""
    return DlqBrowser(pipeline).browse(MANY).envelopes


def is_named(envelope: Envelope, name: str) -> bool:
    """Whether a name means this message."""
    if name in (envelope.message_id, envelope.order_id, envelope.correlation_id):
        return True
    return len(name) >= PREFIX_LENGTH and envelope.message_id.startswith(name)
