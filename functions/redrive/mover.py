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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from functions.common.observability import log_event, log_problem
from functions.publish.publisher import Publisher
from functions.redrive.canary import Effects
from functions.redrive.control import Control, End, HaltCheck, Invocation, StoppedError, claim
from functions.redrive.crash import CrashPoint, Step
from functions.redrive.dlq import CONCURRENCY, Queue
from functions.redrive.edits import Edits
from functions.redrive.operations import Operations
from functions.redrive.phases import Phases
from functions.redrive.plan import Plan, plan_from
from functions.redrive.search import Search
from functions.redrive.selection import judge
from functions.redrive.transfer import Transfer


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
    invocation = Invocation(
        owner=owner,
        lease_seconds=dependencies.lease_seconds,
        seconds_left=seconds_left,
        clock=dependencies.clock,
        sleep=dependencies.sleep,
    )
    row = claim(dependencies.operations, operation_id, invocation)
    if row is None:
        log_problem("redrive.not_claimed", operationId=operation_id)
        return
    dependencies.crash.reached(Step.CLAIMED, int(row["invocations"]))
    control = Control(dependencies.operations, dependencies.guards, row, invocation)
    plan, moved = plan_from(_plain(row["plan"])), control.progress.counts.moved
    log_event("redrive.started", operationId=operation_id, plan=plan.as_json(), moved=moved)
    end, reason = End.DONE, ""
    try:
        _move(dependencies, row, plan, control, invocation)
    except StoppedError as stopped:
        end, reason = stopped.end, stopped.reason
    except Exception as error:
        control.failed(error)
        raise
    if control.conclude(end, reason):
        dependencies.continue_in_next_invocation(operation_id)


def _move(
    dependencies: Dependencies, row: dict[str, Any], plan: Plan, control: Control, invocation: Invocation
) -> None:
    """Move until there is a reason to stop; then everything that was not moved is visible again."""
    counts, requested_at = control.progress.counts, int(row["requestedAt"])
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        search = Search(
            dlq=dependencies.dlq,
            judge=lambda envelope, now_ms: judge(plan, envelope, now_ms, requested_at),
            counts=counts,
            threads=threads,
            invocation=invocation,
            await_until=int(row.get("awaitUntil", 0)) / 1000,
        )
        transfer = Transfer(
            publisher=dependencies.publisher,
            dlq=dependencies.dlq,
            counts=counts,
            threads=threads,
            operation_id=row["id"],
            edits=Edits(
                originals=dependencies.operations,
                operation_id=row["id"],
                by=row.get("requestedBy", ""),
                patch=plan.patch,
                clock=dependencies.clock,
            ),
            longest_delay=plan.per_message_delay_jitter,
            rng=dependencies.rng,
        )
        phases = Phases(
            plan=plan,
            control=control,
            search=search,
            transfer=transfer,
            effects=dependencies.effects,
            invocation=invocation,
            requested_at=requested_at,
            canary_seconds=dependencies.canary_seconds,
            reached=lambda step: dependencies.crash.reached(step, int(row["invocations"])),
        )
        try:
            phases.run()
        finally:
            search.hold(transfer.finish())
            control.left_hidden = not search.release()


def _plain(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as it was before DynamoDB, whose numbers are all Decimal."""
    return {name: value if isinstance(value, str | bool) else int(value) for name, value in plan.items()}
