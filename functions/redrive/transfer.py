"""Letters on their way: sent, and then deleted beside the next receives."""

import random
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from functions.common.observability import count, log_event, log_problem
from functions.publish.death import short
from functions.publish.envelope import Envelope
from functions.publish.publisher import Delivery, Publisher
from functions.redrive.dlq import Queue, tens
from functions.redrive.edits import Edits
from functions.redrive.error_types import error_category, error_type
from functions.redrive.moved import Moved
from functions.redrive.operations import Counts

SHOWN_CHARACTERS = 64
"""Of a text that anybody may have written, so much goes into an operation's row: an order id is not longer."""
UNREADABLE = "-"


@dataclass(kw_only=True)
class Transfer:
    """Sends and deletes for one invocation, and counts what became of each letter.

    A message is delayed by up to `longest_delay` seconds. `trouble` names the first letter that SQS did not take for a
    reason that is not the letter's own.
    """

    publisher: Publisher
    dlq: Queue
    counts: Counts
    threads: ThreadPoolExecutor
    operation_id: str
    edits: Edits
    longest_delay: int
    rng: random.Random
    trouble: str = ""
    _deleting: dict[Future[list[Envelope]], Sequence[Envelope]] = field(
        default_factory=dict[Future[list[Envelope]], Sequence[Envelope]]
    )
    _undeleted: list[Envelope] = field(default_factory=list[Envelope])

    def send(
        self, chosen: Sequence[Envelope], *, delayed: bool
    ) -> tuple[list[tuple[Envelope, Moved]], list[Envelope]]:
        """Send letters back to the queue. Returns those that SQS took, each with what it became, and the others."""
        sent: list[tuple[Envelope, Moved]] = []
        refused: list[Envelope] = []
        longest = self.longest_delay if delayed else 0
        done = self.threads.map(partial(self._send, longest=longest), tens(chosen))
        for envelope, delivery in (pair for some in done for pair in some):
            if delivery.sent:
                sent.append((envelope, self.moved(envelope, delivery.message_id)))
                self.counts.add_moved(short(error_category(envelope), SHOWN_CHARACTERS) or UNREADABLE)
            else:
                refused.append(envelope)
                reason = short(delivery.reason)
                self.counts.add_unsent(envelope.message_id, order_of(envelope), reason)
                if not delivery.senders_fault:
                    self.trouble = self.trouble or f"{name_of(envelope)}: {reason}"
        self.counts.in_doubt |= {envelope.message_id for envelope, _ in sent}
        if sent:
            count("OrdersRedriven", len(sent))
        return sent, refused

    def moved(self, envelope: Envelope, message_id: str = "") -> Moved:
        """What a letter becomes."""
        return Moved.of(self.edits.of(envelope), message_id)

    def start_deleting(self, envelopes: Iterable[Envelope]) -> None:
        """Delete letters in the background."""
        for some in tens(envelopes):
            self._deleting[self.threads.submit(self.dlq.delete, some)] = some

    def collect_deletes(self) -> bool:
        """Wait for what is being deleted. Returns whether there was anything."""
        deleting, self._deleting = self._deleting, {}
        for future, some in deleting.items():
            failed = future.result()
            self._undeleted += failed
            for envelope in some:
                if envelope not in failed:
                    self.counts.in_doubt.discard(envelope.message_id)
                    self._log_deleted(envelope)
        return bool(deleting)

    def finish(self) -> list[Envelope]:
        """Wait for every delete, and try those that failed again. Returns what is still in the DLQ."""
        self.collect_deletes()
        again, self._undeleted = self._undeleted, []
        self.start_deleting(again)
        self.collect_deletes()
        self.counts.not_deleted = len(self.counts.in_doubt)
        return self._undeleted

    def _send(self, chosen: Sequence[Envelope], longest: int) -> list[tuple[Envelope, Delivery]]:
        messages = [self.edits.message(envelope, self.rng.randint(0, longest)) for envelope in chosen]
        deliveries = list(zip(chosen, self.publisher.send(messages), strict=True))
        # Here, in its thread: the other calls of the step are under way meanwhile.
        for envelope, delivery in deliveries:
            self._log(envelope, delivery)
            if delivery.sent:
                self.edits.record(envelope, delivery.message_id)
        return deliveries

    def _log_deleted(self, envelope: Envelope) -> None:
        log_event(
            "redrive.message_deleted",
            correlation_id=envelope.correlation_id,
            order_id=envelope.order_id,
            operationId=self.operation_id,
            dlqMessageId=envelope.message_id,
            idempotencyKey=envelope.text("idempotencyKey"),
        )

    def _log(self, envelope: Envelope, delivery: Delivery) -> None:
        if not delivery.sent:
            log_problem(
                "redrive.not_sent",
                correlation_id=envelope.correlation_id,
                reason=delivery.error,
                detail=delivery.detail,
            )
            return
        log_event(
            "redrive.message_moved",
            correlation_id=envelope.correlation_id,
            order_id=envelope.order_id,
            operationId=self.operation_id,
            errorType=error_type(envelope),
            errorCategory=error_category(envelope),
            redriveCount=envelope.next_redrive_count,
            messageId=delivery.message_id,
            dlqMessageId=envelope.message_id,
            idempotencyKey=self.edits.of(envelope).text("idempotencyKey"),
        )


def order_of(envelope: Envelope) -> str:
    """A letter's order id, as much of it as is shown."""
    return short(envelope.order_id or "", SHOWN_CHARACTERS)


def name_of(envelope: Envelope) -> str:
    """What a letter is called in a reason."""
    return f"order {order_of(envelope)}" if order_of(envelope) else f"message {envelope.message_id}"


def cause_of(envelope: Envelope) -> str:
    """What it died of, as much of it as is shown."""
    return short(error_type(envelope), SHOWN_CHARACTERS)
