"""SQS metrics: calls counted as they happen, depths and ages sampled for all queues every second or so."""

import logging
import threading
import time
from collections.abc import Iterable

from localstack.services.sqs.models import FifoQueue, SqsMessage, SqsQueue, StandardQueue, sqs_stores

from lab_localstack.metrics import publish
from lab_localstack.settings import SETTINGS
from lab_localstack.sqs.fairness import FairQueue

LOG = logging.getLogger(__name__)
NAMESPACE = "AWS/SQS"
POISON_RECEIVES = 3
"""AWS leaves a message that was received this often and not deleted out of ApproximateAgeOfOldestMessage."""


def record(queue: SqsQueue, name: str, value: float, unit: str = "Count") -> None:
    """Publish one value of a queue's metric."""
    publish(NAMESPACE, name, value, unit, {"QueueName": queue.name}, queue.account_id, queue.region)


class CallMetrics:
    """Counts sent, received and deleted messages, under the method names of LocalStack's dispatcher."""

    def dispatch_metric_message_sent(self, queue: SqsQueue, message_body_size: int) -> None:
        """One message of that many bytes was sent."""
        record(queue, "NumberOfMessagesSent", 1)
        record(queue, "SentMessageSize", message_body_size, "Bytes")

    def dispatch_metric_message_deleted(self, queue: SqsQueue, deleted: int = 1) -> None:
        """So many messages were deleted."""
        if deleted:
            record(queue, "NumberOfMessagesDeleted", deleted)

    def dispatch_metric_received(self, queue: SqsQueue, received: int) -> None:
        """A receive returned so many messages."""
        if received:
            record(queue, "NumberOfMessagesReceived", received)
        else:
            record(queue, "NumberOfEmptyReceives", 1)

    def shutdown(self) -> None:
        """Nothing is buffered."""


class QueueSampler:
    """Publishes depths and the age of the oldest message of every queue, in its own thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="queue-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(SETTINGS.queue_metrics_seconds):
            for _, _, store in sqs_stores.iter_stores():
                for queue in list(store.queues.values()):
                    try:
                        sample(queue)
                    except Exception:  # a queue that changes under the sampler is sampled again in a moment
                        LOG.debug("cannot sample queue %s", queue.name, exc_info=True)


def sample(queue: SqsQueue) -> None:
    """Publish one queue's depths and the age in seconds of its oldest message."""
    record(queue, "ApproximateNumberOfMessagesVisible", queue.approximate_number_of_messages)
    record(queue, "ApproximateNumberOfMessagesNotVisible", queue.approximate_number_of_messages_not_visible)
    record(queue, "ApproximateNumberOfMessagesDelayed", queue.approximate_number_of_messages_delayed)
    record(queue, "ApproximateAgeOfOldestMessage", age_of_oldest_message(queue), "Seconds")
    if isinstance(queue, FairQueue) and queue.visible.has_groups:
        sample_quiet_groups(queue)


def sample_quiet_groups(queue: FairQueue) -> None:
    """Publish how many groups of a fair queue are noisy, and depths and age of what belongs to no such group."""
    noisy = queue.visible.noisy
    quiet = {
        state: [message for message in list(messages) if message.message_group_id not in noisy]
        for state, messages in (
            ("Visible", queue.visible.queue),
            ("NotVisible", queue.inflight),
            ("Delayed", queue.delayed),
        )
    }
    record(queue, "ApproximateNumberOfNoisyGroups", len(noisy))
    for state, messages in quiet.items():
        record(queue, f"ApproximateNumberOfMessages{state}InQuietGroups", len(messages))
    age = oldest_age(message for messages in quiet.values() for message in messages)
    record(queue, "ApproximateAgeOfOldestMessageInQuietGroups", age, "Seconds")


def age_of_oldest_message(queue: SqsQueue) -> int:
    """Seconds since the oldest message arrived in this queue; poison messages do not count. 0 when empty."""
    with queue.mutex:
        waiting: list[SqsMessage] = [*queue.inflight, *queue.delayed]
        if isinstance(queue, StandardQueue):
            waiting += queue.visible.queue
        elif isinstance(queue, FifoQueue):
            waiting += [message for group in queue.message_groups.values() for message in group.messages]
    return oldest_age(waiting)


def oldest_age(messages: Iterable[SqsMessage]) -> int:
    """Seconds since the oldest of the messages arrived; poison messages do not count. 0 for none."""
    created = [m.created for m in messages if not m.deleted and m.receive_count < POISON_RECEIVES]
    return max(0, int(time.time() - min(created))) if created else 0
