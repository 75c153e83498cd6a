"""Fair queues: while a group of messages is noisy, what waits of all others is received first.

By the rule that AWS states in the SQS guide, "How Amazon SQS fair queues work", as far as it is about the share of
messages in flight. A group's share of the consumers' time does not count here: over which time is nowhere said.
"""

import heapq
import time
from collections import Counter

from localstack.services.sqs.models import SqsMessage, StandardQueue
from localstack.services.sqs.queue import InterruptiblePriorityQueue

LEAST_IN_FLIGHT = 30
SHARE = 0.1
"""A group is noisy with at least so many messages in flight that are more than this share of all in flight."""

SILENCE_SECONDS = 300
"""A group that has sent nothing for this long is quiet again."""

LATER = 1e9
"""Added to the priority of what a noisy group sent, which is else the epoch second of its sending."""


class FairlyVisible(InterruptiblePriorityQueue[SqsMessage]):
    """Visible messages: those of quiet groups first, then those of noisy ones in the groups' order."""

    noisy: tuple[str, ...] = ()
    has_groups = False

    def put_last(self, noisy: tuple[str, ...]) -> None:
        """From now on the messages of these groups come last."""
        with self.mutex:
            if noisy == self.noisy:
                return
            self.noisy = noisy
            for message in self.queue:
                self._rank(message)
            heapq.heapify(self.queue)

    def _put(self, item: SqsMessage) -> None:
        self.has_groups = self.has_groups or item.message_group_id is not None
        self._rank(item)
        super()._put(item)

    def _rank(self, message: SqsMessage) -> None:
        group = message.message_group_id
        rank = 1 + self.noisy.index(group) if group in self.noisy else 0
        message.priority = message.created + rank * LATER


class FairQueue(StandardQueue):
    """A standard queue that is fair to the groups of its messages. A message without a group is one by itself."""

    visible: FairlyVisible

    def __init__(
        self, name: str, region: str, account_id: str, attributes: object = None, tags: object = None
    ) -> None:
        super().__init__(name, region, account_id, attributes, tags)
        self.visible = FairlyVisible()  # pyright: ignore[reportIncompatibleVariableOverride]  never another

    def validate_receipt_handle(self, receipt_handle: str) -> None:
        """Raises AWS's error; a handle that this queue knows is its own, and need not be taken apart to see that."""
        if receipt_handle not in self.receipts:
            super().validate_receipt_handle(receipt_handle)

    def requeue_inflight_messages(self) -> None:
        """What LocalStack does several times a second: also the moment at which groups become noisy or quiet."""
        super().requeue_inflight_messages()
        if self.visible.has_groups:
            self.visible.put_last(self._noisy_groups())

    def _noisy_groups(self) -> tuple[str, ...]:
        """Noisy groups of which messages wait; the one with the fewest in flight is received first."""
        in_flight = list(self.inflight)
        of_group = Counter(message.message_group_id for message in in_flight)
        enough = max(LEAST_IN_FLIGHT, int(SHARE * len(in_flight)) + 1)
        recent = time.time() - SILENCE_SECONDS
        waiting = {
            message.message_group_id for message in list(self.visible.queue) if message.created > recent
        }
        noisy = (g for g in waiting if g and (g in self.visible.noisy or of_group[g] >= enough))
        return tuple(sorted(noisy, key=lambda group: (of_group[group], group)))
