"""What a run has to keep within, and the verdict: each threshold beside what was seen."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.common.results import Result, Verdict, shown
from lab.history import Account
from lab.scenario.model import Tolerance, at_least, at_most, exactly


@dataclass(frozen=True)
class Thresholds:
    """Limits of a run. The ledger's cannot be set: nothing lost, nothing duplicated, nothing unaccounted for."""

    accept_p99_ms: float = 3000.0
    error_percent: float = 1.0
    drain_seconds: float = 120.0


@dataclass(frozen=True)
class Observed:
    """What a run showed. None stands for what was never seen: no request, a queue that did not drain, no account.

    Throttled requests (429) are not failures: they are back pressure, and neither accepted nor lost. `neither` is how
    many orders were due but neither sent nor dropped. `spike_drain` is from the end of the spike until no more waits
    than before it, for runs that have one.
    """

    accept_p99_ms: float | None
    requests: int
    failures: int
    neither: int
    wrongly_accepted: int
    drain: float | None
    spike_drain: float | None
    has_spike: bool
    account: Account | None

    @property
    def error_percent(self) -> float | None:
        """Failures among requests that were not throttled."""
        return 100 * self.failures / self.requests if self.requests else None


def judge(thresholds: Thresholds, seen: Observed) -> list[Result]:
    """Every threshold with its verdict."""
    return list(_findings(thresholds, seen))


def _findings(thresholds: Thresholds, seen: Observed) -> Iterator[Result]:
    locust, queue = "Locust's statistics", "SQS GetQueueAttributes of the queue, sampled"
    effects = "the ledger: orders table, DLQ, logs, audit rows"
    drained = at_most(thresholds.drain_seconds)
    yield _finding("accept p99, ms", at_most(thresholds.accept_p99_ms), seen.accept_p99_ms, locust)
    yield _finding("failed requests, %", at_most(thresholds.error_percent), seen.error_percent, locust)
    yield _finding("orders due, neither sent nor dropped", exactly(0), seen.neither, "the clients' log")
    yield _finding("invalid orders accepted", exactly(0), seen.wrongly_accepted, locust)
    if seen.has_spike:
        yield _finding("queue as before the spike, s after it", drained, seen.spike_drain, queue)
    yield _finding("queue empty, s after the last request", drained, seen.drain, queue)
    counts = seen.account.ledger.counts if seen.account else {}
    yield _finding("orders accepted", at_least(1), counts.get("accepted"), locust)
    for name in ("lost", "duplicated", "unaccounted"):
        yield _finding(f"orders {name}", exactly(0), counts.get(name), effects)
    breaches = sum(map(len, seen.account.judgement.breaches.values())) if seen.account else None
    yield _finding("breaches of the contract", exactly(0), breaches, "the run's history")


def _finding(name: str, expected: Tolerance, seen: float | None, source: str) -> Result:
    return Result(
        group="load",
        name=name,
        expected=expected.text,
        seen="not seen" if seen is None else shown(round(seen, 1)),
        verdict=Verdict.of(seen is not None and expected.holds(seen)),
        source=source,
    )
