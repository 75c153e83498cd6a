"""The end of a batch: outcomes are announced, the dead are buried, the others wait for their next receive.

The order of steps keeps every message accounted for. An order is acknowledged only when its event is on the
bus, a dead letter only when the DLQ has it, a requeued message only when its queue has it anew. Whatever fails in
between is delivered again, and idempotency turns the second time into a duplicate.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from functions.common.errors import TransientError, category_of, type_of
from functions.common.observability import count, log_event, log_problem, milliseconds
from functions.events.order_events import OrderEvent, failed_event
from functions.publish.death import dead_letter, requeued
from functions.publish.publisher import Publisher
from functions.publish.visibility import ChangesVisibility, Hidden, hide
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.policy import Bury, Requeue, Retry, RetryPolicy

type Announce = Callable[[Sequence[OrderEvent]], Sequence[TransientError | None]]
"""Puts events on the bus; an error or None for each."""


@dataclass(frozen=True)
class Settlement:
    """Settles outcomes. For the thread of the handler alone."""

    announce: Announce
    dlq: Publisher
    queue: Publisher
    sqs: ChangesVisibility
    queue_url: str
    policy: RetryPolicy
    code_version: str

    def settle(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Settle a batch. Returns the ids of the messages that must not be acknowledged."""
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        failed += self._announce(done)
        retries: list[Hidden] = []
        leaving: list[Hidden] = []
        dying: list[Failed] = []
        for one in failed:
            age = time.time() - one.envelope.accepted_at / 1000
            fate = self.policy.decide(one.error, one.envelope.receive_count, one.envelope.requeues, age)
            _log_failure(one, will_retry=not isinstance(fate, Bury))
            match fate:
                case Bury():
                    dying.append(one)
                case Requeue(seconds):
                    leaving.append(Hidden(one.envelope, seconds))
                case Retry(seconds):
                    retries.append(Hidden(one.envelope, seconds))
        kept = {hidden.envelope.message_id for hidden in retries}
        hide(self.sqs, self.queue_url, retries)
        return kept | self._requeue(leaving) | self._bury(dying)

    def _announce(self, done: Sequence[Done]) -> list[Failed]:
        """Announce what is done. Returns what has to be announced again."""
        errors = self._put([one.event for one in done])
        count("OrdersProcessed", sum(not one.duplicate for one in done))
        count("OrdersDuplicate", sum(one.duplicate for one in done))
        for one in done:
            if not one.duplicate:
                milliseconds("EndToEndLatency", one.latency_ms)
        return [
            Failed(one.envelope, one.key, error) for one, error in zip(done, errors, strict=True) if error
        ]

    def _put(self, events: Sequence[OrderEvent]) -> Sequence[TransientError | None]:
        return self.announce(events) if events else ()

    def _requeue(self, leaving: Sequence[Hidden]) -> set[str]:
        """Send to the queue anew. Returns the ids of those it did not take: they have a receive left."""
        if not leaving:
            return set()
        refused: set[str] = set()
        sent = self.queue.send([requeued(one.envelope, one.seconds) for one in leaving])
        for one, delivery in zip(leaving, sent, strict=True):
            if delivery.sent:
                _log_requeue(one, delivery.message_id)
            else:
                refused.add(one.envelope.message_id)
                log_problem(
                    "order.not_requeued",
                    correlation_id=one.envelope.correlation_id,
                    reason=delivery.error,
                    detail=delivery.detail,
                )
        count("OrdersRequeued", len(leaving) - len(refused))
        return refused

    def _bury(self, dying: Sequence[Failed]) -> set[str]:
        """Send to the DLQ. Returns the ids of those it did not take: SQS moves them there in the end."""
        if not dying:
            return set()
        now = datetime.now(UTC)
        letters = [
            dead_letter(one.envelope, one.error, key=one.key, failed_at=now, code_version=self.code_version)
            for one in dying
        ]
        unburied: set[str] = set()
        buried: list[Failed] = []
        for one, delivery in zip(dying, self.dlq.send(letters), strict=True):
            if delivery.sent:
                buried.append(one)
                _log_burial(one, delivery.message_id)
            else:
                unburied.add(one.envelope.message_id)
                log_problem(
                    "order.not_dead_lettered", **_who(one), reason=delivery.error, detail=delivery.detail
                )
        count("OrdersDeadLettered", len(buried))
        self._announce_deaths(buried)
        return unburied

    def _announce_deaths(self, buried: Sequence[Failed]) -> None:
        """Announce deaths. The DLQ is their record: whatever cannot be announced is not buried twice."""
        errors = self._put([_death_of(one) for one in buried])
        for one, error in zip(buried, errors, strict=True):
            if error:
                log_problem("order.death_not_announced", **_who(one), reason=str(error))


def _who(failed: Failed) -> dict[str, str | None]:
    return {"correlation_id": failed.envelope.correlation_id, "order_id": failed.envelope.order_id}


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
        messageId=failed.envelope.message_id,
    )


def _log_requeue(one: Hidden, message_id: str) -> None:
    log_event(
        "order.requeued",
        correlation_id=one.envelope.correlation_id,
        order_id=one.envelope.order_id,
        receiveCount=one.envelope.receive_count,
        requeues=one.envelope.requeues + 1,
        delaySeconds=one.seconds,
        messageId=one.envelope.message_id,
        newMessageId=message_id,
    )


def _log_burial(failed: Failed, dlq_message_id: str) -> None:
    log_event(
        "order.dead_lettered",
        **_who(failed),
        errorType=type_of(failed.error),
        errorCategory=category_of(failed.error),
        receiveCount=failed.envelope.receive_count,
        redriveCount=failed.envelope.redrive_count,
        messageId=failed.envelope.message_id,
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
