"""Executes redrive operations: canaries, then a ramp, in as many invocations as it takes.

Nothing is lost: a message is sent before it is recorded, and recorded before it is deleted. What a crash
leaves recorded and undeleted is deleted by the next invocation, which knows it by its id. What it leaves sent and
unrecorded is sent a second time, and idempotency turns that into a duplicate without effect.

One invocation at a time: an operation's row holds a lease, which every recording of progress renews. Whoever
finds the lease run out takes the operation over, waits for the messages that the dead invocation had hidden,
and goes on. A recording by anybody but the lease's owner fails, and ends that invocation.

Canaries that were sent are watched, whatever becomes of their invocation: they are recorded before they are sent,
and their letters deleted only when they are recorded as sent. Until then whoever goes on finds the letters, and sends
and watches the same ones.

Longer than one invocation: before its time is up, an invocation leaves the operation to another one, which it
starts itself. Lambda's recursion detection ends such a chain after about 16 invocations of the same function
(Lambda guide, "Use Lambda recursive loop detection"), so the function is deployed with `RecursiveLoop: Allow`.
That takes the safety net away from this function alone, and three bounds of the operation take its place: at
most 1,000 messages, at most MAX_INVOCATIONS invocations, and no message that died after the operation was
requested. The worker keeps its detection: what is moved passes it once for each move, and nothing sends
messages from the DLQ back by itself. An invocation that dies is repeated by Lambda (asynchronous invocations
are retried twice), or by the next look at the operation's progress, whichever is first.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import partial
from itertools import batched
from typing import Any, Protocol

from functions.common.observability import count, log_event, log_problem
from functions.publish.death import redriven, short
from functions.publish.envelope import Envelope
from functions.publish.packing import MAX_ENTRIES
from functions.publish.publisher import Delivery, Publisher
from functions.redrive.canary import Canary, Effects, choose
from functions.redrive.crash import CrashPoint, Step
from functions.redrive.dlq import EMPTY_RECEIVES, WAIT_SECONDS
from functions.redrive.operations import Counts, Operations, Phase, Status, counts_of
from functions.redrive.plan import MAX_MESSAGES, Plan, plan_from
from functions.redrive.selection import Verdict, error_category, error_type, judge

RESERVE_SECONDS = 4.0
"""What one invocation keeps for the batch at hand, for putting back the rest, and for the row."""

MAX_HELD = 10_000
"""Messages that are not selected stay hidden until the end; so many of them end the search."""

MAX_INVOCATIONS = 100
MARGIN_SECONDS = 5
"""How much longer than its invocation a message stays hidden."""

ROUNDING_SECONDS = 2
"""Visibility timeouts are whole seconds and begin when SQS gets the call."""

CONCURRENCY = 16
FIRST_STEP = MAX_ENTRIES
LARGEST_STEP = CONCURRENCY * MAX_ENTRIES
"""The ramp doubles from the first step to the largest; each step is one round of concurrent batch calls."""

SHOWN_CHARACTERS = 64
"""Of a text that anybody may have written, so much goes into an operation's row: an order id is not longer."""
UNREADABLE = "-"

GUARD_SECONDS = 1.0
WATCH_SECONDS = 0.1


class Queue(Protocol):
    """The DLQ as the mover needs it."""

    def receive(self, visibility_seconds: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]: ...
    def release(self, envelopes: Sequence[Envelope]) -> None: ...
    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]: ...


class HaltCheck(Protocol):
    """Says why nothing more should be moved, if there is a reason."""

    def reason_to_halt(self) -> str | None: ...


class End(Enum):
    """Why an invocation stopped moving."""

    DONE = auto()
    CANCELLED = auto()
    HALTED = auto()
    OUT_OF_TIME = auto()
    LEASE_LOST = auto()


class HaltReason(StrEnum):
    """The kinds of reasons for which an operation stops by itself."""

    CANARY_DIED = "a canary died again"
    CANARY_UNSEEN = "the canaries were not seen to be processed in time"
    CANARY_UNSENT = "no canary could be sent"
    UNSENT = "too many messages could not be sent"
    GUARD = "the pipeline is not well"


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What executing an operation depends on. Times in seconds; `continue_in_next_invocation` takes its id."""

    dlq: Queue
    publisher: Publisher
    operations: Operations
    guards: HaltCheck
    effects: Effects
    continue_in_next_invocation: Callable[[str], None]
    lease_seconds: int
    canary_seconds: int
    crash: CrashPoint
    rng: random.Random
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def execute(
    dependencies: Dependencies, operation_id: str, owner: str, seconds_left: Callable[[], float]
) -> None:
    """Run an operation, or its next part, within this invocation's time. `owner` names the invocation."""
    row = _claim(dependencies, operation_id, owner, seconds_left)
    if row is None:
        log_problem("redrive.not_claimed", operationId=operation_id)
        return
    dependencies.crash.reached(Step.CLAIMED, int(row["invocations"]))
    run = _Run(dependencies, row, owner, seconds_left)
    log_event("redrive.started", operationId=operation_id, plan=run.plan.as_json(), moved=run.counts.moved)
    try:
        end = run.until_the_end()
    except Exception as error:
        # Lambda repeats the invocation; the operation waits for that one, or has failed for good.
        dependencies.operations.record_failure(
            operation_id, owner, run.counts, type(error).__name__, **run.progress
        )
        raise
    match end:
        case End.LEASE_LOST:
            log_problem("redrive.lease_lost", operationId=operation_id)
        case End.OUT_OF_TIME if int(row["invocations"]) < MAX_INVOCATIONS:
            dependencies.operations.hand_over(operation_id, owner, run.counts)
            dependencies.continue_in_next_invocation(operation_id)
        case _:
            status, why = _verdict(end, run.halt_reason)
            dependencies.operations.finish(operation_id, owner, status, run.counts, **why)
            log_event(
                "redrive.finished", operationId=operation_id, status=status, moved=run.counts.moved, **why
            )


def _verdict(end: End, halt_reason: str) -> tuple[Status, dict[str, str]]:
    match end:
        case End.DONE:
            return Status.SUCCEEDED, {}
        case End.CANCELLED:
            return Status.CANCELLED, {}
        case End.HALTED:
            return Status.HALTED, {"haltReason": halt_reason}
        case _:
            return Status.FAILED, {"failure": f"not finished after {MAX_INVOCATIONS} invocations"}


def _claim(
    dependencies: Dependencies, operation_id: str, owner: str, seconds_left: Callable[[], float]
) -> dict[str, Any] | None:
    """The operation's row, if this invocation may have it: at once, or when its dead owner's lease runs out."""
    renewed = 0
    while (row := dependencies.operations.get(operation_id)) and not Status(row["status"]).final:
        lease_left = int(row.get("leaseUntil", 0)) / 1000 - dependencies.clock()
        if row["status"] == Status.PENDING or lease_left < 0:
            hidden_until = dependencies.clock() + seconds_left() + MARGIN_SECONDS + ROUNDING_SECONDS
            return dependencies.operations.claim(row, owner, dependencies.lease_seconds, hidden_until)
        # A lease that grows while one waits for its end is that of an invocation which is alive.
        alive = renewed not in (0, int(row["leaseUntil"]))
        renewed = int(row["leaseUntil"])
        if alive or seconds_left() < lease_left + RESERVE_SECONDS:
            return None
        dependencies.sleep(lease_left + 0.05)
    return None


class _Run:
    """One invocation's work on one operation."""

    def __init__(
        self, dependencies: Dependencies, row: dict[str, Any], owner: str, seconds_left: Callable[[], float]
    ) -> None:
        self.plan: Plan = plan_from(_plain(row["plan"]))
        self.counts: Counts = counts_of(row)
        self.halt_reason = ""
        self._dependencies = dependencies
        self._id: str = row["id"]
        self._owner = owner
        self._seconds_left = seconds_left
        self._requested_at = int(row["requestedAt"])
        self._invocation = int(row["invocations"])
        self._phase = Phase(row["phase"])
        self._cancelled: bool = row["cancelRequested"]
        self._await_until = int(row.get("awaitUntil", 0)) / 1000
        self._canaries = [Canary.from_row(canary) for canary in row.get("canaries", [])]
        self._canary_deadline = int(row.get("canaryDeadline", 0)) / 1000
        self._died: list[Envelope] = []
        self._trouble = ""
        self._ready: deque[Envelope] = deque()
        self._held: list[Envelope] = []
        self._skipped: Counter[str] = Counter()
        self._deleting: dict[Future[list[Envelope]], Sequence[Envelope]] = {}
        self._undeleted: list[Envelope] = []
        self._inherited = frozenset(self.counts.in_doubt)
        self._seen: set[str] = set()
        self._empty = 0
        self._guarded_at = float("-inf")
        self._threads = ThreadPoolExecutor(CONCURRENCY)

    def until_the_end(self) -> End:
        """Move until there is a reason to stop; then everything that was not moved is visible again."""
        try:
            end = self._canary() or self._watch() or self._ramp()
            return self._sweep() if end is End.DONE else end
        finally:
            self._collect_deletes()
            again, self._undeleted = self._undeleted, []
            self._start_deleting(again)
            self._collect_deletes()
            self.counts.not_deleted = len(self.counts.in_doubt)
            left = [*self._held, *self._ready, *self._undeleted]
            list(self._threads.map(self._dependencies.dlq.release, _tens(left)))
            self._threads.shutdown()

    # the three phases

    def _canary(self) -> End | None:
        while self._phase is Phase.CANARY:
            if end := self._checkpoint() or self._next_canaries():
                return end
        return None

    def _next_canaries(self) -> End | None:
        """Record canaries, then send them: whoever repeats this step sends the same. Without any the ramp begins."""
        wanted = min(self.plan.canary_messages, self._room)
        intended = {canary.letter_id for canary in self._canaries}
        if end := self._gather(wanted, intended):
            return end
        chosen = [envelope for envelope in self._ready if envelope.message_id in intended]
        chosen = chosen or choose(list(self._ready), wanted)
        if not chosen:
            self._phase = Phase.RAMP
            return None
        self._canaries = [Canary.of(envelope) for envelope in chosen]
        if end := self._record():
            return end
        self._ready = deque(envelope for envelope in self._ready if envelope not in chosen)
        if end := self._move(chosen, delayed=False):
            return end
        # Refused for what they are: the next ones are the canaries. Refused for anything else, all would be.
        if self._phase is Phase.CANARY and self._trouble:
            return self._halt(f"{HaltReason.CANARY_UNSENT}: {self._trouble}")
        return None

    def _watch(self) -> End | None:
        if self._phase is not Phase.WATCHING:
            return None
        self._dependencies.crash.reached(Step.WATCHING, self._invocation)
        waiting = list(self._canaries)
        deadline = max(self._canary_deadline, self._await_until, self._dependencies.clock())
        while True:
            if self._died:
                return self._halt(f"{HaltReason.CANARY_DIED}: {_who(self._died[0])}, {_cause(self._died[0])}")
            waiting = [canary for canary in waiting if not self._dependencies.effects.has(canary)]
            if not waiting:
                self._phase = Phase.RAMP
                return self._checkpoint()
            if end := self._checkpoint():
                return end
            # Searching goes on meanwhile, and to the end, also where an invocation takes over after the deadline:
            # a canary that died again is somewhere among the dead letters.
            found = self._receive(1, wait_seconds=0)
            late = self._dependencies.clock() - deadline
            if not self._died and (late > self._dependencies.canary_seconds or (late > 0 and not found)):
                return self._halt(f"{HaltReason.CANARY_UNSEEN}: order {waiting[0].order_id}")
            if not found:
                self._dependencies.sleep(WATCH_SECONDS)

    def _ramp(self) -> End:
        step = FIRST_STEP
        began, before = self._dependencies.clock(), self.counts.moved
        while self._room > 0:
            step_now = min(step, self._room, self.plan.rate_per_second or step)
            if end := self._gather(step_now) or self._checkpoint():
                return end
            chosen = [self._ready.popleft() for _ in range(min(step_now, len(self._ready)))]
            if not chosen:
                return End.DONE
            if end := self._move(chosen, delayed=True):
                return end
            step = min(2 * step, LARGEST_STEP)
            if self.plan.rate_per_second and self._room > 0:
                due = began + (self.counts.moved - before) / self.plan.rate_per_second
                self._dependencies.sleep(max(0.0, due - self._dependencies.clock()))
        return End.DONE

    def _sweep(self) -> End:
        """Find what an earlier invocation had moved and not deleted, as long as there is more in the queue."""
        while not self._inherited <= self._seen and not self._exhausted:
            self._receive(CONCURRENCY)
            if end := self._checkpoint_if_due():
                return end
        if not self._full:
            # Not there any more: what was not recorded is their deletion.
            self.counts.in_doubt -= self._inherited - self._seen
        return End.DONE

    # receiving

    def _gather(self, wanted: int, named: Set[str] = frozenset()) -> End | None:
        """Receive until so many are ready and those with these ids were seen, or the queue is exhausted."""
        while (len(self._ready) < wanted or not named <= self._seen) and not self._exhausted:
            missing = max(1, wanted - len(self._ready))
            self._receive(min(CONCURRENCY, -(-missing // MAX_ENTRIES)))
            if end := self._checkpoint_if_due():
                return end
        self._dependencies.crash.reached(Step.RECEIVED, self._invocation)
        return None

    @property
    def _exhausted(self) -> bool:
        return self._full or self._empty >= EMPTY_RECEIVES

    @property
    def _full(self) -> bool:
        return len(self._held) + len(self._ready) >= MAX_HELD

    def _receive(self, calls: int, wait_seconds: int = WAIT_SECONDS) -> int:
        """Receive with so many calls at once; returns how many messages were new."""
        if self._full:
            return 0
        # Hidden for longer than this invocation can last: nothing is seen twice.
        visibility = round(self._seconds_left()) + MARGIN_SECONDS

        began = self._dependencies.clock()

        def receive(_call: int) -> list[Envelope]:
            return self._dependencies.dlq.receive(visibility, wait_seconds)

        received = [envelope for some in self._threads.map(receive, range(calls)) for envelope in some]
        # An empty receive proves nothing while messages of a dead invocation are still hidden.
        if wait_seconds and began >= self._await_until:
            self._empty = 0 if received else self._empty + 1
        now_ms = round(self._dependencies.clock() * 1000)
        new = [envelope for envelope in received if envelope.message_id not in self._seen]
        self._seen |= _ids(new)
        self._start_deleting([envelope for envelope in new if envelope.message_id in self._inherited])
        self._held += [envelope for envelope in new if envelope.message_id in self.counts.unsent]
        known = self._inherited | self.counts.unsent
        for envelope in new:
            if envelope.message_id in known:
                continue
            verdict = judge(self.plan, envelope, now_ms, self._requested_at)
            after_the_request = envelope.sent_at > self._requested_at
            if after_the_request and any(canary.died_as(envelope) for canary in self._canaries):
                self._died.append(envelope)
            if verdict is Verdict.SELECTED:
                self._ready.append(envelope)
            else:
                self._held.append(envelope)
                self._skipped[verdict.value] += 1
                # Each invocation sees what is not selected again.
                already = self.counts.skipped.get(verdict.value, 0)
                self.counts.skipped[verdict.value] = max(already, self._skipped[verdict.value])
        return len(new)

    # moving

    @property
    def _room(self) -> int:
        return self.plan.max_messages - self.counts.moved

    def _move(self, chosen: Sequence[Envelope], *, delayed: bool) -> End | None:
        sent = self._sent(chosen, delayed=delayed)
        self.counts.in_doubt |= _ids(sent)
        are_canaries = self._phase is Phase.CANARY
        if are_canaries:
            self._canaries = [Canary.of(envelope) for envelope in sent]
        if are_canaries and sent:
            self._canary_deadline = self._dependencies.clock() + self._dependencies.canary_seconds
            self._phase = Phase.WATCHING
        self._dependencies.crash.reached(Step.SENT, self._invocation)
        recorded = False
        try:
            end = self._record()
            recorded = end is not End.LEASE_LOST
            self._dependencies.crash.reached(Step.RECORDED, self._invocation)
        finally:
            self._collect_deletes()
            if are_canaries and not recorded:
                self._held += sent
            else:
                # Also when nothing could be recorded, the lease is lost or the operation cancelled: these messages
                # are on their way. Deleting goes on beside the next receives.
                self._start_deleting(sent)
        if end is None and self.counts.not_sent >= MAX_MESSAGES:
            return self._halt(f"{HaltReason.UNSENT}: {self.counts.refusals[0]['reason']}")
        return end

    def _sent(self, chosen: Sequence[Envelope], *, delayed: bool) -> list[Envelope]:
        """Send messages. Returns those that SQS took; the others stay."""
        sent: list[Envelope] = []
        pairs = self._threads.map(partial(self._send, delayed=delayed), _tens(chosen))
        for envelope, delivery in (pair for tens in pairs for pair in tens):
            if delivery.sent:
                sent.append(envelope)
                self.counts.add_moved(short(error_category(envelope), SHOWN_CHARACTERS) or UNREADABLE)
            else:
                self._held.append(envelope)
                reason = short(delivery.reason)
                self.counts.add_unsent(envelope.message_id, _order(envelope), reason)
                if not delivery.senders_fault:
                    self._trouble = self._trouble or f"{_who(envelope)}: {reason}"
        if sent:
            count("OrdersRedriven", len(sent))
        return sent

    def _start_deleting(self, envelopes: Iterable[Envelope]) -> None:
        for tens in _tens(envelopes):
            self._deleting[self._threads.submit(self._dependencies.dlq.delete, tens)] = tens

    def _collect_deletes(self) -> None:
        for deleting, tens in self._deleting.items():
            failed = deleting.result()
            self._undeleted += failed
            self.counts.in_doubt -= _ids(tens) - _ids(failed)
        if self._deleting:
            self._dependencies.crash.reached(Step.DELETED, self._invocation)
        self._deleting = {}

    def _send(self, chosen: Sequence[Envelope], *, delayed: bool) -> list[tuple[Envelope, Delivery]]:
        letters = [redriven(envelope, self._jitter() if delayed else 0) for envelope in chosen]
        deliveries = list(zip(chosen, self._dependencies.publisher.send(letters), strict=True))
        # Here, in its thread: the other calls of the step are under way meanwhile.
        for envelope, delivery in deliveries:
            _log_delivery(self._id, envelope, delivery)
        return deliveries

    def _jitter(self) -> int:
        return self._dependencies.rng.randint(0, self.plan.per_message_delay_jitter)

    # reasons to stop

    def _checkpoint(self) -> End | None:
        """Look at everything that may stop an operation, and renew the lease."""
        if self._seconds_left() < RESERVE_SECONDS:
            return End.OUT_OF_TIME
        if self._dependencies.clock() - self._guarded_at >= GUARD_SECONDS:
            self._guarded_at = self._dependencies.clock()
            if reason := self._dependencies.guards.reason_to_halt():
                return self._halt(f"{HaltReason.GUARD}: {reason}")
            return self._record()
        return End.CANCELLED if self._cancelled else None

    def _checkpoint_if_due(self) -> End | None:
        due = self._dependencies.clock() - self._guarded_at >= GUARD_SECONDS
        return self._checkpoint() if due or self._seconds_left() < RESERVE_SECONDS else None

    @property
    def progress(self) -> dict[str, Any]:
        """What the row keeps beside the counts, for whoever goes on."""
        return {
            "phase": self._phase,
            "canaries": [canary.as_row() for canary in self._canaries],
            "canaryDeadline": round(self._canary_deadline * 1000),
        }

    def _record(self) -> End | None:
        row = self._dependencies.operations.progress(
            self._id,
            self._owner,
            self.counts,
            lease_seconds=self._dependencies.lease_seconds,
            **self.progress,
        )
        if row is None:
            return End.LEASE_LOST
        self._cancelled = bool(row.get("cancelRequested"))
        return End.CANCELLED if self._cancelled else None

    def _halt(self, reason: str) -> End:
        self.halt_reason = reason
        log_problem("redrive.halted", operationId=self._id, reason=reason)
        return End.HALTED


def _tens(envelopes: Iterable[Envelope]) -> list[tuple[Envelope, ...]]:
    return list(batched(envelopes, MAX_ENTRIES, strict=False))


def _ids(envelopes: Iterable[Envelope]) -> set[str]:
    return {envelope.message_id for envelope in envelopes}


def _order(envelope: Envelope) -> str:
    return short(envelope.order_id or "", SHOWN_CHARACTERS)


def _who(envelope: Envelope) -> str:
    return f"order {_order(envelope)}" if _order(envelope) else f"message {envelope.message_id}"


def _cause(envelope: Envelope) -> str:
    return short(error_type(envelope), SHOWN_CHARACTERS)


def _log_delivery(operation_id: str, envelope: Envelope, delivery: Delivery) -> None:
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
        operationId=operation_id,
        errorType=error_type(envelope),
        errorCategory=error_category(envelope),
        redriveCount=envelope.next_redrive_count,
        messageId=delivery.message_id,
        dlqMessageId=envelope.message_id,
    )


def _plain(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as it was before DynamoDB, whose numbers are all Decimal."""
    return {name: value if isinstance(value, str | bool) else int(value) for name, value in plan.items()}
