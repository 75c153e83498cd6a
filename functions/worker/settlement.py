"""The end of a batch: outcomes are published, the dead go to the DLQ, the others wait for their next receive.

The order of steps keeps every message accounted for. An order is acknowledged only when its event is on the
bus, a dead letter only when the DLQ has it, a requeued message only when its queue has it again. Whatever fails in
between is delivered again, and idempotency turns the second time into a duplicate.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from functions.common.errors import TransientError, category_of, type_of
from functions.common.observability import count, log_event, log_problem, milliseconds
from functions.events.order_events import OrderEvent, failed_event
from functions.publish.death import dead_letter, requeued
from functions.publish.publisher import Publisher
from functions.publish.visibility import Hidden, hide
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.policy import DeadLetter, Requeue, Retry, RetryPolicy
from functions.worker.waiting import tell

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

type Publish = Callable[[Sequence[OrderEvent]], Sequence[TransientError | None]]
"""Puts events on the bus; an error or None for each."""


@dataclass(frozen=True)
class Settlement:
    """Settles outcomes. For the thread of the handler alone."""

    publish: Publish
    dlq: Publisher
    queue: Publisher
    sqs: "SQSClient"
    queue_url: str
    policy: RetryPolicy
    code_version: str
    metric_seconds: int = 60
    """Period of the metric of the oldest order that waits."""

    def settle(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Settle a batch. Returns the ids of the messages that must not be acknowledged."""
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        failed += self._publish(done)
        retries: list[Hidden] = []
        leaving: list[Hidden] = []
        dying: list[Failed] = []
        for failure in failed:
            age = time.time() - failure.envelope.accepted_at / 1000
            disposition = self.policy.decide(
                failure.error, failure.envelope.receive_count, failure.envelope.requeues, age
            )
            _log_failure(failure, will_retry=not isinstance(disposition, DeadLetter))
            match disposition:
                case DeadLetter():
                    dying.append(failure)
                case Requeue(seconds):
                    leaving.append(Hidden(failure.envelope, seconds))
                case Retry(seconds):
                    retries.append(Hidden(failure.envelope, seconds))
        tell([*retries, *leaving], time.time(), self.metric_seconds)
        kept = {hidden.envelope.message_id for hidden in retries}
        hide(self.sqs, self.queue_url, retries)
        return kept | self._requeue(leaving) | self._dead_letter(dying)

    def _publish(self, done: Sequence[Done]) -> list[Failed]:
        """Publish what is done. Returns what has to be published again."""
        errors = self._put([outcome.event for outcome in done])
        count("OrdersProcessed", sum(not outcome.duplicate for outcome in done))
        count("OrdersDuplicate", sum(outcome.duplicate for outcome in done))
        for outcome in done:
            if not outcome.duplicate:
                milliseconds("EndToEndLatency", outcome.latency_ms)
        return [
            Failed(outcome.envelope, outcome.key, error)
            for outcome, error in zip(done, errors, strict=True)
            if error
        ]

    def _put(self, events: Sequence[OrderEvent]) -> Sequence[TransientError | None]:
        return self.publish(events) if events else ()

    def _requeue(self, leaving: Sequence[Hidden]) -> set[str]:
        """Send to the queue again. Returns the ids of those it did not take: they have a receive left."""
        if not leaving:
            return set()
        refused: set[str] = set()
        sent = self.queue.send([requeued(hidden.envelope, hidden.seconds) for hidden in leaving])
        for hidden, delivery in zip(leaving, sent, strict=True):
            if delivery.sent:
                _log_requeue(hidden, delivery.message_id)
            else:
                refused.add(hidden.envelope.message_id)
                log_problem(
                    "order.not_requeued",
                    correlation_id=hidden.envelope.correlation_id,
                    reason=delivery.error,
                    detail=delivery.detail,
                )
        count("OrdersRequeued", len(leaving) - len(refused))
        return refused

    def _dead_letter(self, dying: Sequence[Failed]) -> set[str]:
        """Send to the DLQ. Returns the ids of those it did not take: SQS moves them there in the end."""
        if not dying:
            return set()
        now = datetime.now(UTC)
        letters = [
            dead_letter(
                failed.envelope, failed.error, key=failed.key, failed_at=now, code_version=self.code_version
            )
            for failed in dying
        ]
        refused: set[str] = set()
        dead_lettered: list[Failed] = []
        for failed, delivery in zip(dying, self.dlq.send(letters), strict=True):
            if delivery.sent:
                dead_lettered.append(failed)
                _log_dead_lettered(failed, delivery.message_id)
            else:
                refused.add(failed.envelope.message_id)
                log_problem(
                    "order.not_dead_lettered", **_who(failed), reason=delivery.error, detail=delivery.detail
                )
        count("OrdersDeadLettered", len(dead_lettered))
        self._publish_deaths(dead_lettered)
        return refused

    def _publish_deaths(self, dead_lettered: Sequence[Failed]) -> None:
        """Publish deaths. The DLQ is their record: whatever cannot be published is not sent there twice."""
        errors = self._put([_death_of(failed) for failed in dead_lettered])
        for failed, error in zip(dead_lettered, errors, strict=True):
            if error:
                log_problem("order.death_not_announced", **_who(failed), reason=str(error))


def _who(failed: Failed) -> dict[str, str | None]:
    return {
        "correlation_id": failed.envelope.correlation_id,
        "order_id": failed.envelope.order_id,
        "idempotencyKey": failed.key,
        "messageId": failed.envelope.message_id,
    }


def _log_failure(failed: Failed, *, will_retry: bool) -> None:
    count("OrdersFailed")
    log_problem(
        "order.failed",
        **_who(failed),
        errorType=type_of(failed.error),
        errorCategory=category_of(failed.error),
        errorMessage=str(failed.error)[:256],
        receiveCount=failed.envelope.receive_count,
        willRetry=will_retry,
    )


def _log_requeue(hidden: Hidden, message_id: str) -> None:
    log_event(
        "order.requeued",
        correlation_id=hidden.envelope.correlation_id,
        order_id=hidden.envelope.order_id,
        receiveCount=hidden.envelope.receive_count,
        requeues=hidden.envelope.requeues + 1,
        delaySeconds=hidden.seconds,
        messageId=hidden.envelope.message_id,
        newMessageId=message_id,
    )


def _log_dead_lettered(failed: Failed, dlq_message_id: str) -> None:
    log_event(
        "order.dead_lettered",
        **_who(failed),
        errorType=type_of(failed.error),
        errorCategory=category_of(failed.error),
        receiveCount=failed.envelope.receive_count,
        redriveCount=failed.envelope.redrive_count,
        dlqMessageId=dlq_message_id,
    )


def _death_of(failed: Failed) -> OrderEvent:
    envelope = failed.envelope
    return failed_event(
        order_id=envelope.order_id,
        idempotency_key=failed.key,
        correlation_id=envelope.correlation_id,
        error_type=type_of(failed.error),
        error_category=category_of(failed.error),
        receive_count=envelope.receive_count,
        redrive_count=envelope.redrive_count,
    )
