"""Moving dead letters back to the queue: first send, then delete, so that a crash loses nothing."""

import random
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Protocol

from functions.common.observability import count, log_event, log_problem
from functions.publish.death import resurrected
from functions.publish.envelope import Envelope
from functions.publish.publisher import Publisher
from functions.redrive.dlq import EMPTY_RECEIVES
from functions.redrive.operations import Counts, Operations, Status, counts_of
from functions.redrive.plan import Plan, plan_from
from functions.redrive.selection import Verdict, error_category, error_type, judge

RESERVE_SECONDS = 4.0
"""What one invocation keeps for the batch at hand, for putting back the rest, and for the row."""

MAX_HELD = 10_000
"""Messages that are not selected stay hidden until the end; so many of them end the search."""


class Queue(Protocol):
    """The DLQ as the mover needs it."""

    def receive(self, visibility_seconds: int) -> list[Envelope]: ...
    def release(self, envelopes: Sequence[Envelope]) -> None: ...
    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]: ...


class End(Enum):
    """Why an invocation stopped moving."""

    DONE = auto()
    CANCELLED = auto()
    OUT_OF_TIME = auto()


class Mover:
    """Executes operations. `go_on` starts the next invocation of one that is not finished."""

    def __init__(
        self,
        dlq: Queue,
        publisher: Publisher,
        operations: Operations,
        go_on: Callable[[str], None],
        rng: random.Random | None = None,
    ) -> None:
        self._dlq = dlq
        self._publisher = publisher
        self._operations = operations
        self._go_on = go_on
        self._rng = rng or random.Random()  # noqa: S311  jitter, no secret

    def execute(self, operation_id: str, seconds_left: Callable[[], float]) -> None:
        """Run an operation, or its next part, within this invocation's time."""
        row = self._operations.claim(operation_id, lease_ms=round(seconds_left() * 1000))
        if row is None:
            log_problem("redrive.not_claimed", operationId=operation_id)
            return
        plan = plan_from(_plain(row["plan"]))
        counts = counts_of(row)
        before = counts.moved
        log_event("redrive.started", operationId=operation_id, plan=plan.as_json(), moved=before)
        try:
            end = End.CANCELLED if row["cancelRequested"] else self._move_all(row, plan, counts, seconds_left)
        except Exception as error:
            self._operations.finish(operation_id, Status.FAILED, counts, type(error).__name__)
            _log_end(operation_id, Status.FAILED, counts)
            raise
        if end is End.OUT_OF_TIME and counts.moved > before:
            self._operations.pass_on(operation_id, counts)
            self._go_on(operation_id)
            return
        status = Status.CANCELLED if end is End.CANCELLED else Status.SUCCEEDED
        self._operations.finish(operation_id, status, counts)
        _log_end(operation_id, status, counts)

    def _move_all(
        self, row: dict[str, Any], plan: Plan, counts: Counts, seconds_left: Callable[[], float]
    ) -> End:
        held: list[Envelope] = []
        seen: set[str] = set()
        empty = 0
        try:
            while counts.moved < plan.max_messages and empty < EMPTY_RECEIVES and len(held) < MAX_HELD:
                if seconds_left() < RESERVE_SECONDS:
                    return End.OUT_OF_TIME
                # Hidden for longer than this invocation can last: nothing is seen twice.
                received = self._dlq.receive(visibility_seconds=round(seconds_left()) + 30)
                empty = 0 if received else empty + 1
                fresh = [one for one in received if one.message_id not in seen]
                seen.update(one.message_id for one in fresh)
                if fresh:
                    held += self._move(row, plan, fresh, counts)
                    if self._operations.progress(row["id"], counts).get("cancelRequested"):
                        return End.CANCELLED
            return End.DONE
        finally:
            self._dlq.release(held)

    def _move(self, row: dict[str, Any], plan: Plan, fresh: list[Envelope], counts: Counts) -> list[Envelope]:
        """Move what is selected. Returns what stays in the DLQ."""
        now = time.time_ns() // 1_000_000
        room = plan.max_messages - counts.moved
        chosen: list[Envelope] = []
        left: list[Envelope] = []
        for envelope in fresh:
            verdict = judge(plan, envelope, now, int(row["requestedAt"]))
            if verdict is Verdict.SELECTED and len(chosen) < room:
                chosen.append(envelope)
            else:
                left.append(envelope)
                if verdict is not Verdict.SELECTED:
                    counts.skipped[verdict.value] = counts.skipped.get(verdict, 0) + 1
        letters = [resurrected(one, self._delay(plan)) for one in chosen]
        sent: list[Envelope] = []
        for envelope, delivery in zip(chosen, self._publisher.send(letters), strict=True):
            if delivery.sent:
                sent.append(envelope)
                _count_moved(row["id"], envelope, delivery.message_id, counts)
            else:
                left.append(envelope)
                counts.not_sent += 1
                log_problem("redrive.not_sent", correlation_id=envelope.correlation_id, reason=delivery.error)
        counts.not_deleted += len(self._dlq.delete(sent))
        return left

    def _delay(self, plan: Plan) -> int:
        return self._rng.randint(0, plan.per_message_delay_jitter)


def _count_moved(operation_id: str, envelope: Envelope, message_id: str, counts: Counts) -> None:
    category = error_category(envelope)
    counts.moved += 1
    counts.by_category[category] = counts.by_category.get(category, 0) + 1
    count("OrdersRedriven")
    log_event(
        "redrive.message_moved",
        correlation_id=envelope.correlation_id,
        order_id=envelope.order_id,
        operationId=operation_id,
        errorType=error_type(envelope),
        errorCategory=category,
        redriveCount=envelope.redrive_count + 1,
        messageId=message_id,
        dlqMessageId=envelope.message_id,
    )


def _log_end(operation_id: str, status: Status, counts: Counts) -> None:
    log_event("redrive.finished", operationId=operation_id, status=status, moved=counts.moved)


def _plain(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as it was before DynamoDB, whose numbers are all Decimal."""
    return {name: value if isinstance(value, str | bool) else int(value) for name, value in plan.items()}
