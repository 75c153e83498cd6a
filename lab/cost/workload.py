"""Workloads to price: orders that go through, and orders that fail first in one way or another."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.common.polling import wait_for
from lab.cost.usage import Usage, measure
from lab.faults import catalogue as faults
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders

FAULT_SECONDS = 600
SETTLE_SECONDS = 180
WARM_UP = 10
"""Orders before those that count."""

LARGEST_BATCH = 500
"""Orders in one request (docs/api.md)."""

OUTAGE_SECONDS = 20
LOG_SECONDS = 20

type Play = Callable[["Traffic"], None]


@dataclass
class Traffic:
    """What a workload does to the pipeline."""

    pipeline: Pipeline
    api: Api
    count: int
    per_second: float

    def submit(self) -> list[str]:
        """POST the orders one by one, at a steady rate."""
        began = time.monotonic()
        sent: list[str] = []
        for number, order in enumerate(orders(self.count, label="cost")):
            time.sleep(max(0.0, began + number / self.per_second - time.monotonic()))
            sent.append(self.api.submit(order).order_id)
        return sent

    def processed(self, ids: list[str]) -> None:
        """Wait until all of them have their effect, or died of a failure mode that may kill one, and none is queued."""
        wanted = set(ids)

        def missing() -> int:
            done = {effect.order_id for effect in self.pipeline.effects(wanted)}
            return len(wanted - done) - self.pipeline.dlq().visible

        wait_for(
            f"{len(ids)} orders to be processed or dead (still missing)",
            missing,
            lambda missing: missing == 0,
            within=SETTLE_SECONDS,
            every=0.5,
        )
        self.drained()

    def drained(self) -> None:
        """Wait until the queue is empty."""
        wait_for(
            "an empty queue", lambda: self.pipeline.queue().total, lambda n: n == 0, within=SETTLE_SECONDS
        )

    @contextmanager
    def under(self, mode: str) -> Generator[None]:
        """A failure mode for a `with` block."""
        fault = faults.failure_mode(mode)
        with Changes(self.pipeline).temporarily(fault, why="lab cost", seconds=FAULT_SECONDS):
            yield


def healthy(traffic: Traffic) -> None:
    """Nothing fails."""
    traffic.processed(traffic.submit())


def submitted_twice(traffic: Traffic) -> None:
    """Every order is published twice; the second delivery finds its effect there."""
    with traffic.under("duplicate_submit"):
        traffic.processed(traffic.submit())


def flaky(traffic: Traffic) -> None:
    """30 % of all deliveries fail and are retried."""
    with traffic.under("random_fail_p30"):
        traffic.processed(traffic.submit())


def outage(traffic: Traffic) -> None:
    """The dependency is away while orders come in, and for some time after."""
    with traffic.under("slow_downstream"):
        sent = traffic.submit()
        time.sleep(OUTAGE_SECONDS)
    traffic.processed(sent)


def died_and_redriven(traffic: Traffic) -> None:
    """Every order dies at its first receive, and is brought back after the cure."""
    with traffic.under("schema_mismatch"):
        sent = traffic.submit()
        wait_for(
            f"{len(sent)} dead letters",
            lambda: traffic.pipeline.dlq().visible,
            lambda dead: dead == len(sent),
            within=SETTLE_SECONDS,
        )
    operation = traffic.api.start_redrive(minAgeSeconds=0, maxMessages=len(sent))
    wait_for(
        "the redrive to end",
        lambda: traffic.api.redrive(operation)["status"],
        lambda status: status not in ("PENDING", "RUNNING"),
        within=SETTLE_SECONDS,
        every=1,
    )
    traffic.processed(sent)


def batched(traffic: Traffic) -> None:
    """Every request is a batch of as many orders as the API takes."""
    supply = orders(traffic.count * LARGEST_BATCH, label="cost")
    sent = [
        traffic.api.submit_batch([next(supply) for _ in range(LARGEST_BATCH)]) for _ in range(traffic.count)
    ]
    traffic.processed([accepted.order_id for batch in sent for accepted in batch])


def refused(traffic: Traffic) -> None:
    """Every request breaks the schema: the function says so, and nothing is queued."""
    for _ in range(traffic.count):
        traffic.api.post_order({"orderId": "refused"})


HOSTILE: dict[str, Play] = {
    "single orders": healthy,
    f"batches of {LARGEST_BATCH} orders": batched,
    "orders that are refused": refused,
}
"""What anybody may send to a public API, as fast as its throttle lets through."""

FAILURES: dict[str, Play] = {
    "healthy": healthy,
    "submitted twice": submitted_twice,
    "30 % of deliveries fail": flaky,
    f"outage of {OUTAGE_SECONDS} s": outage,
    "died, then redriven": died_and_redriven,
}


def play(pipeline: Pipeline, engine_log: Path | None, workload: Play, count: int, per_second: float) -> Usage:
    """Run a workload from the steady state and measure what it used, cold starts before it left out."""
    steady.require(pipeline)
    with Api(pipeline.aws, pipeline.stack) as api:
        healthy(Traffic(pipeline, api, WARM_UP, per_second))
        start = int(time.time() * 1000)
        workload(Traffic(pipeline, api, count, per_second))
    return settled(lambda: measure(pipeline, engine_log, start, int(time.time() * 1000), count))


def settled(look: Callable[[], Usage]) -> Usage:
    """The usage once it does not grow any more: log lines arrive a moment after they are written."""
    seen = [look()]

    def again() -> bool:
        seen.append(look())
        return seen[-1].quantities == seen[-2].quantities

    wait_for("the logs to be complete", again, bool, within=LOG_SECONDS, every=1)
    return seen[-1]
