"""The end of a batch: outcomes are published, the dead go to the DLQ, the others wait for their next receive.

The order of steps keeps every message accounted for. An order is acknowledged only when its event is on the
bus, a dead letter only when the DLQ has it, a requeued message only when its queue has it again. Whatever fails in
between is delivered again, and idempotency turns the second time into a duplicate.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from functions.common.errors import TransientError, category_of, type_of
from functions.common.observability import count, log_event, log_problem, milliseconds
from functions.events.order_events import OrderEvent, failed_event
from functions.publish.death import dead_letter, requeued
from functions.publish.message import OutgoingMessage
from functions.publish.publisher import Publisher
from functions.publish.visibility import Hidden, hide
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.policy import DeadLetter, Disposition, Requeue, Retry, RetryPolicy
from functions.worker.waiting import tell

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

type Publish = Callable[[Sequence[OrderEvent]], Sequence[TransientError | None]]
"""Puts events on the bus; an error or None for each."""

type Move = tuple[Failed, OutgoingMessage]
"""A failure, and its message as it goes on: to the DLQ, or to its queue again."""


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
        copies: list[Move] = []
        letters: list[Move] = []
        for failure in failed:
            match self._disposition_of(failure):
                case DeadLetter():
                    letters.append((failure, self._letter(failure)))
                case Requeue(seconds):
                    copies.append((failure, requeued(failure.envelope, seconds)))
                case Retry(seconds):
                    retries.append(Hidden(failure.envelope, seconds))
        delayed = [Hidden(failure.envelope, copy.delay_seconds) for failure, copy in copies]
        tell([*retries, *delayed], time.time(), self.metric_seconds)
        hide(self.sqs, self.queue_url, retries)
        gone = _ids(self._requeue(copies)) | _ids(self._dead_letter(letters))
        return _ids(failed) - gone

    def _disposition_of(self, failed: Failed) -> Disposition:
        envelope = failed.envelope
        age = time.time() - envelope.accepted_at / 1000
        disposition = self.policy.decide(failed.error, envelope.receive_count, envelope.requeues, age)
        _log_failure(failed, will_retry=not isinstance(disposition, DeadLetter))
        return disposition

    def _letter(self, failed: Failed) -> OutgoingMessage:
        return dead_letter(
            failed.envelope,
            failed.error,
            key=failed.key,
            failed_at=datetime.now(UTC),
            code_version=self.code_version,
        )

    def _publish(self, done: Sequence[Done]) -> list[Failed]:
        """Publish what is done. Returns what has to be published again."""
        errors = self._put([outcome.event for outcome in done])
        count("OrdersProcessed", sum(not outcome.duplicate for outcome in done))
        count("OrdersDuplicate", sum(outcome.duplicate for outcome in done))
        for outcome in done:
            # a redriven order is late by the time it was dead, of which its death has told
            if not outcome.duplicate and not outcome.envelope.redrive_count:
                milliseconds("EndToEndLatency", outcome.latency_ms)
        return [
            Failed(outcome.envelope, outcome.key, error)
            for outcome, error in zip(done, errors, strict=True)
            if error
        ]

    def _put(self, events: Sequence[OrderEvent]) -> Sequence[TransientError | None]:
        return self.publish(events) if events else ()

    def _requeue(self, copies: Sequence[Move]) -> list[Failed]:
        """Send to the queue again. Returns those that it took; the others have a receive left."""
        taken = _taken(self.queue, copies, "order.not_requeued")
        for failed, copy, message_id in taken:
            log_event(
                "order.requeued",
                **_who(failed),
                receiveCount=failed.envelope.receive_count,
                requeues=failed.envelope.requeues + 1,
                delaySeconds=copy.delay_seconds,
                newMessageId=message_id,
            )
        if copies:
            count("OrdersRequeued", len(taken))
        return [failed for failed, _, _ in taken]

    def _dead_letter(self, letters: Sequence[Move]) -> list[Failed]:
        """Send to the DLQ. Returns those that it took; SQS moves the others there in the end."""
        taken = _taken(self.dlq, letters, "order.not_dead_lettered")
        for failed, _, message_id in taken:
            log_event(
                "order.dead_lettered",
                **_who(failed),
                errorType=type_of(failed.error),
                errorCategory=category_of(failed.error),
                receiveCount=failed.envelope.receive_count,
                redriveCount=failed.envelope.redrive_count,
                dlqMessageId=message_id,
            )
        if letters:
            count("OrdersDeadLettered", len(taken))
        dead = [failed for failed, _, _ in taken]
        self._publish_deaths(dead)
        return dead

    def _publish_deaths(self, dead_lettered: Sequence[Failed]) -> None:
        """Publish deaths. The DLQ is their record: whatever cannot be published is not sent there twice."""
        errors = self._put([_death_of(failed) for failed in dead_lettered])
        for failed, error in zip(dead_lettered, errors, strict=True):
            if error:
                log_problem("order.death_not_announced", **_who(failed), reason=str(error))


def _taken(
    publisher: Publisher, moves: Sequence[Move], refusal: str
) -> list[tuple[Failed, OutgoingMessage, str]]:
    """Send messages on their way. Returns those that their queue took, with their new ids, and logs the others."""
    taken: list[tuple[Failed, OutgoingMessage, str]] = []
    deliveries = publisher.send([message for _, message in moves]) if moves else []
    for (failed, message), delivery in zip(moves, deliveries, strict=True):
        if delivery.sent:
            taken.append((failed, message, delivery.message_id))
        else:
            log_problem(refusal, **_who(failed), reason=delivery.error, detail=delivery.detail)
    return taken


def _ids(failures: Iterable[Failed]) -> set[str]:
    return {failed.envelope.message_id for failed in failures}


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
