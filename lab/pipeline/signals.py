"""The signals of a deployed pipeline: one typed reading, and a monitor that takes one every few seconds.

A reading is five AWS API calls side by side, whatever the traffic: GetQueueAttributes of both queues, GetMetricData,
DescribeAlarms and a Scan of the few circuits. Nothing in it grows with the number of orders.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from lab.deployment.stack import Stack
from lab.pipeline.circuits import circuit_states
from lab.pipeline.metrics import PERIOD_SECONDS, Metric, Query, emitted, values
from lab.pipeline.observe import Depth, Pipeline
from lab.pipeline.sampler import Sampler

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

READING_SECONDS = 2.0
KEPT_READINGS = 1800
RATE_SECONDS = 10.0
"""Rates are averages over about this time: what is counted arrives in CloudWatch batch by batch."""

LATE_PERIODS = 3
"""How many periods are read again each time, because what happened in them may arrive late."""


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds from acceptance to effect, of the orders processed in one period."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Rates:
    """Counts a second. `throttled` are invocations that Lambda refused for lack of concurrency; `client_errors`
    and `server_errors` the API's answers 4xx, throttled requests (429) among them, and 5xx."""

    accepted: float = 0.0
    processed: float = 0.0
    duplicates: float = 0.0
    failed: float = 0.0
    dead_lettered: float = 0.0
    ingest_throttled: float = 0.0
    worker_throttled: float = 0.0
    client_errors: float = 0.0
    server_errors: float = 0.0


@dataclass(frozen=True)
class Signals:
    """A pipeline at one moment.

    `at` is epoch seconds, `took` how long the engine needed to answer, `oldest_seconds` the age of the oldest
    message in the queue, `latency` None where nothing was processed lately. Circuits are `CLOSED`, `OPEN` or
    `HALF_OPEN` (one that never opened is missing); alarms `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    """

    at: float
    took: float
    queue: Depth
    dlq: Depth
    oldest_seconds: float
    rates: Rates
    latency: Percentiles | None
    circuits: Mapping[str, str]
    alarms: Mapping[str, str]

    @property
    def drain_seconds(self) -> float | None:
        """How long until the queue is empty if messages come and go as lately; None while it does not get shorter."""
        leaving = self.rates.processed + self.rates.dead_lettered - self.rates.accepted
        if self.queue.total == 0:
            return 0.0
        return self.queue.total / leaving if leaving > 0 else None

    def as_json(self) -> dict[str, Any]:
        """What the charts in lab/common/web read."""
        return asdict(self) | {"drain_seconds": self.drain_seconds}


class Reader:
    """Reads the signals of one pipeline. Rates need an earlier reading: in the first one they are zero.

    `period` is that of the percentiles, in seconds: AWS computes them for whole minutes, the engine for less.
    """

    def __init__(
        self, pipeline: Pipeline, *, period: int = 10, clock: Callable[[], float] = time.time
    ) -> None:
        self._pipeline = pipeline
        self._period = period
        self._clock = clock
        self._cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        self._calls = ThreadPoolExecutor(4, thread_name_prefix="signals")
        self._counters = Counters()

    def read(self) -> Signals:
        """Ask for everything, side by side. Raises botocore's errors where the engine does not answer."""
        at = self._clock()
        queue = self._calls.submit(self._pipeline.queue)
        dlq = self._calls.submit(self._pipeline.dlq)
        alarms = self._calls.submit(self._pipeline.alarm_states)
        circuits = self._calls.submit(circuit_states, self._pipeline)
        counts, measures = counted(self._pipeline.stack), measured(self._pipeline.stack, self._period)
        since = at - at % PERIOD_SECONDS - LATE_PERIODS * PERIOD_SECONDS
        metrics = values(self._cloudwatch, counts | measures, since, at + PERIOD_SECONDS)
        self._counters.see(at, {name: metrics[name] for name in counts}, since)
        return Signals(
            at=at,
            queue=queue.result(),
            dlq=dlq.result(),
            oldest_seconds=_latest(metrics["oldest"], since=at - 2 * self._period) or 0.0,
            rates=Rates(**self._counters.rates(RATE_SECONDS)),
            latency=self._percentiles(metrics, at),
            circuits=circuits.result(),
            alarms=alarms.result(),
            took=self._clock() - at,
        )

    def close(self) -> None:
        """Make no more calls."""
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _percentiles(self, metrics: Mapping[str, Mapping[float, float]], at: float) -> Percentiles | None:
        found = {name: _latest(metrics[name], since=at - 2 * self._period) for name in ("p50", "p95", "p99")}
        known = {name: value for name, value in found.items() if value is not None}
        return Percentiles(**known) if len(known) == len(found) else None


class Counters:
    """Rates out of sums by period that still grow, also those of periods gone by: nothing counted is left out."""

    def __init__(self) -> None:
        self._open: dict[str, dict[float, float]] = {}
        self._closed: dict[str, float] = {}
        self._totals: deque[tuple[float, dict[str, float]]] = deque()

    def see(self, at: float, sums: Mapping[str, Mapping[float, float]], since: float) -> None:
        """Take in the sums, by name and start of period, of the periods that begin at `since` or later.

        Earlier periods are not read again: what was seen of them last stays.
        """
        totals: dict[str, float] = {}
        for name, latest in sums.items():
            known = self._open.get(name, {}) | dict(latest)
            ended = sum(value for start, value in known.items() if start < since)
            self._closed[name] = self._closed.get(name, 0.0) + ended
            self._open[name] = {start: value for start, value in known.items() if start >= since}
            totals[name] = self._closed[name] + sum(self._open[name].values())
        self._totals.append((at, totals))

    def rates(self, seconds: float) -> dict[str, float]:
        """Growth a second over about the last `seconds`; zeros before there are two readings."""
        now, totals = self._totals[-1]
        while len(self._totals) > 2 and now - self._totals[1][0] >= seconds:
            self._totals.popleft()
        then, before = self._totals[0]
        if now <= then:
            return dict.fromkeys(totals, 0.0)
        return {name: max(0.0, total - before[name]) / (now - then) for name, total in totals.items()}


class Monitor:
    """Takes a reading every `every` seconds in the background, and keeps the last ones: see `Sampler`.

    `beside` adds figures of the caller's own, taken at the same moment.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        every: float = READING_SECONDS,
        keep: int = KEPT_READINGS,
        beside: Callable[[], Mapping[str, Any]] = dict[str, Any],
    ) -> None:
        def sample() -> tuple[Mapping[str, Any], Signals]:
            return beside(), reader.read()

        self._reader = reader
        self._sampler = Sampler(sample, every=every, keep=keep)

    def __enter__(self) -> Self:
        self._sampler.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._sampler.__exit__()
        self._reader.close()

    @property
    def missed(self) -> int:
        """How many readings the engine did not answer."""
        return self._sampler.missed

    @property
    def latest(self) -> Signals | None:
        """The last reading; None before there is one."""
        latest = self._sampler.latest
        return latest[1] if latest else None

    def since(self, at: float) -> list[Signals]:
        """The readings that are kept and younger than `at` (epoch seconds), oldest first."""
        return [reading for _, reading in self._sampler.samples if reading.at > at]

    def as_json(self, since: float, marks: Sequence[tuple[float, str]] = ()) -> dict[str, Any]:
        """What `follow` in lab/common/web/charts.js asks for. Marks are moments (epoch seconds) with a name."""
        return {
            "now": time.time(),
            "readings": [
                {**beside, **reading.as_json()}
                for beside, reading in self._sampler.samples
                if reading.at > since
            ],
            "missed": self.missed,
            "marks": [{"at": at, "name": name} for at, name in marks],
        }


def counted(stack: Stack) -> dict[str, Query]:
    """What `Rates` are made of."""

    def throttles(function: str) -> Query:
        return Query(Metric("AWS/Lambda", "Throttles", (("FunctionName", function),)))

    def answers(kind: str) -> Query:
        return Query(Metric("AWS/ApiGateway", kind, (("ApiId", stack.api_id),)))

    return {
        "accepted": Query(emitted(stack, "OrdersAccepted", "ingest")),
        "processed": Query(emitted(stack, "OrdersProcessed", "worker")),
        "duplicates": Query(emitted(stack, "OrdersDuplicate", "worker")),
        "failed": Query(emitted(stack, "OrdersFailed", "worker")),
        "dead_lettered": Query(emitted(stack, "OrdersDeadLettered", "worker")),
        "ingest_throttled": throttles(stack.ingest_function_name),
        "worker_throttled": throttles(stack.worker_function_name),
        "client_errors": answers("4xx"),
        "server_errors": answers("5xx"),
    }


def measured(stack: Stack, period: int) -> dict[str, Query]:
    """What is not counted but measured: the queue's age in seconds, latencies in milliseconds."""
    latency = emitted(stack, "EndToEndLatency", "worker")
    age = Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", stack.queue_name),))
    return {
        "oldest": Query(age, "Maximum", period),
        **{name: Query(latency, name, period) for name in ("p50", "p95", "p99")},
    }


def _latest(by_time: Mapping[float, float], since: float) -> float | None:
    recent = {start: value for start, value in by_time.items() if start >= since}
    return recent[max(recent)] if recent else None
