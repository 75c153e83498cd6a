"""One load run, from its plan to its settled ledger. It lives where the run is led: the master, or the only process."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from lab.common.polling import wait_for
from lab.common.results import Result, Verdict, exit_code
from lab.errors import LabError
from lab.history import Account, Recorder
from lab.history.places import batch_sizes, effects
from lab.pipeline.observe import Effect, Pipeline
from lab.pipeline.signals import Monitor, Signals
from lab.pipeline.timeline import Sample, Span, Timeline
from lab.report import Percentiles
from loadtests import objectives
from loadtests.latencies import Latencies
from loadtests.order_log import OrderLog, Outcome
from loadtests.shapes import Plan, Stage, Step, fastest_followed, knee
from loadtests.thresholds import Observed, Thresholds, judge

LEAVING_RATE = 100
"""Users that go away a second once the last stage is over."""

NOT_COMPLETE = "run"
"""The name of what was expected of a run that was interrupted."""

SILENCE_SECONDS = 60.0
"""How long the objectives' alarms may go on ringing once the queue is empty."""

READING_SECONDS = 10.0
"""How long the monitor may take for one reading of a busy pipeline."""


@dataclass(frozen=True)
class Traffic:
    """What Locust's statistics say at one moment. Requests that were throttled are not among `requests`."""

    users: int
    requests: int
    failures: int
    accept_p99_ms: float | None


@dataclass(frozen=True)
class RunResult:
    """What a run ended with."""

    plan: Plan
    findings: list[Result]
    account: Account | None
    figures: dict[str, str]
    timeline: Timeline
    percentiles: list[Percentiles]

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended it before its last stage was over."""
        return any(finding.name == NOT_COMPLETE for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Whether every threshold was kept."""
        return exit_code(self.findings) == 0


@dataclass
class _Entered:
    stage: Stage
    at: float
    accepted: int
    backlog: int


@dataclass
class Run:
    """A run under way. Times are epoch seconds, as those of the monitor's readings.

    `reporting_seconds` is how long it may take until the logs of all processes have been merged here.
    """

    plan: Plan
    thresholds: Thresholds
    pipeline: Pipeline
    monitor: Monitor
    order_log: OrderLog
    traffic: Callable[[], Traffic]
    reporting_seconds: float = 0.0
    clock: Callable[[], float] = time.time
    marks: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    steps: list[Step] = field(default_factory=list[Step])
    idle_since: float | None = None
    complete: bool = False

    def __post_init__(self) -> None:
        self.started = self.clock()
        self._entered: list[_Entered] = []
        self._draining_since: float | None = None

    def tick(self, seconds: float) -> tuple[int, float] | None:
        """The users that there are to be now, and how fast they come and go; None when the run is over.

        The last part of every run has no users: it lasts until the queue is empty, or for as long as a drain may.
        """
        number = self.plan.at(seconds)
        if self._draining_since is None and number is not None:
            stage = self.plan.stages[number]
            if not self._entered or self._entered[-1].stage is not stage:
                self._leave()
                if not (self.plan.until_knee and knee(self.steps)):
                    self._enter(stage)
                    return stage.users, stage.spawn_rate
            else:
                return stage.users, stage.spawn_rate
        return self._drain()

    def wind_up(self) -> None:
        """The users are gone, or are about to be, whoever sent them away."""
        if self.idle_since is None:
            self.idle_since = self.clock()

    def _enter(self, stage: Stage) -> None:
        self._entered.append(_Entered(stage, self.clock(), len(self.order_log.accepted), self._backlog()))
        self.marks.append((self.clock(), stage.name))

    def _leave(self) -> None:
        if self._entered:
            last = self._entered[-1]
            accepted = len(self.order_log.accepted) - last.accepted
            self.steps.append(Step(last.stage, accepted, self._backlog() - last.backlog))

    def _backlog(self) -> int:
        return self.monitor.latest.queue.total if self.monitor.latest else 0

    def _drain(self) -> tuple[int, float] | None:
        now = self.clock()
        if self._draining_since is None:
            if len(self.steps) < len(self._entered):
                self._leave()
            self._draining_since = now
            self.marks.append((now, "drain"))
        if self.traffic().users == 0:
            self.wind_up()
        latest = self.monitor.latest
        if self.idle_since is not None and now >= self.idle_since + self.reporting_seconds:
            drained = latest is not None and latest.at > self.idle_since and latest.queue.total == 0
            if drained or now > self.idle_since + self.thresholds.drain_seconds + self.reporting_seconds:
                self.complete = True
                return None
        return 0, LEAVING_RATE

    def settle(self) -> RunResult:
        """Account for every accepted order, and judge. Takes up to twice the drain's limit where nothing drains."""
        self.wind_up()
        account = self._account()
        found = effects(account.history)
        self._wait_for_a_reading()
        self._wait_for_silence()
        readings = self.monitor.since(self.started)
        traffic = self.traffic()
        spike, usual = self._left("spike"), self._usually_waiting(readings)
        seen = Observed(
            accept_p99_ms=traffic.accept_p99_ms,
            requests=traffic.requests,
            failures=traffic.failures,
            neither=self.order_log.counts[Outcome.DUE]
            - self.order_log.counts[Outcome.SENT]
            - self.order_log.counts[Outcome.DROPPED],
            wrongly_accepted=self.order_log.counts[Outcome.WRONGLY_ACCEPTED],
            drain=until(readings, self.idle_since or self.clock(), lambda r: r.queue.total == 0),
            spike_drain=None if spike is None else until(readings, spike, lambda r: r.queue.visible <= usual),
            has_spike=any(stage.name == "spike" for stage in self.plan.stages),
            account=account,
        )
        findings = judge(self.thresholds, seen)
        timeline = self._timeline(readings, found)
        if not self.complete:
            findings.append(_not_complete())
        return RunResult(
            self.plan,
            findings,
            account,
            self._figures(found, traffic)
            | batches(batch_sizes(account.history))
            | self._objectives(account, timeline),
            timeline,
            self._percentiles(found),
        )

    def _account(self) -> Account:
        """The account once the queue is empty and nobody moves dead letters, or once the drain has had its time.

        Whatever else lies in the DLQ is told, and is no fault of the run.
        """
        with contextlib.suppress(LabError):  # what is still under way counts as in flight
            wait_for(
                "an empty queue, and no dead letters on their way",
                lambda: (self.pipeline.queue().total, self.pipeline.dlq().in_flight),
                lambda depths: depths == (0, 0),
                within=self.thresholds.drain_seconds,
                every=0.5,
            )
        recorder = Recorder(
            f"load-{self.plan.shape}", self.pipeline, alone=False, started=round(self.started * 1000)
        )
        recorder.promised(self.order_log.accepted)
        return recorder.account()

    def _wait_for_a_reading(self) -> None:
        """One from now on: readings must tell when the queue was empty, and it may have become so this very moment."""
        since = self.clock()
        self._wait_for(READING_SECONDS, lambda latest: latest.at >= since)

    def _wait_for_silence(self) -> None:
        """Until the error budgets' alarms are silent again, so that the report shows when they were."""
        self._wait_for(SILENCE_SECONDS, lambda latest: not _burns(latest))

    def _wait_for(self, seconds: float, holds: Callable[[Signals], bool]) -> None:
        """Until the latest reading is such, or for so long."""
        with contextlib.suppress(LabError):
            wait_for(
                "a reading",
                lambda: self.monitor.latest,
                lambda latest: latest is not None and holds(latest),
                within=seconds,
            )

    def _objectives(self, account: Account, timeline: Timeline) -> dict[str, str]:
        settings = self.pipeline.stack.deployed_settings
        period = settings.alarm_period_seconds
        budgets = (
            objectives.acceptance(self.pipeline, self.started, self.clock(), period),
            objectives.latency(account.history, settings.latency_objective_seconds, period),
        )
        return objectives.figures(budgets, settings, timeline)

    def _left(self, name: str) -> float | None:
        """When a stage was followed by another."""
        for entered, after in zip(self._entered, self._entered[1:], strict=False):
            if entered.stage.name == name:
                return after.at
        return None

    def _usually_waiting(self, readings: Iterable[Signals]) -> int:
        """The most messages that waited in the first stage, or what its users send in a second if that is more."""
        if len(self._entered) < 2:
            return 0
        first, after = self._entered[:2]
        waited = [r.queue.visible for r in readings if first.at <= r.at < after.at]
        return max([first.stage.users, *waited])

    def _figures(self, effects: Collection[Effect], traffic: Traffic) -> dict[str, str]:
        counts = {str(outcome): str(self.order_log.counts[outcome]) for outcome in Outcome}
        figures = {"requests answered": str(traffic.requests), **counts}
        if len(effects) > 1:
            times = [effect.processed_at for effect in effects]
            figures["orders processed a second, first to last"] = _rate(
                len(effects), (max(times) - min(times)) / 1000
            )
        if self.plan.until_knee:
            followed, beyond = fastest_followed(self.steps), knee(self.steps)
            if followed:
                figures["fastest step that was followed"] = (
                    f"{followed.rate:.1f} orders a second, {followed.stage.users} users"
                )
            figures["knee"] = (
                f"not reached with {self.plan.stages[-1].users} users"
                if beyond is None
                else f"at {beyond.stage.users} users: {beyond.rate:.1f} orders accepted a second, "
                f"{beyond.backlog_growth} more waiting at the step's end"
            )
        return figures

    def _percentiles(self, effects: Iterable[Effect]) -> list[Percentiles]:
        """How long answers took, by the requests' names, and orders from when they were due until their effect."""
        processed = Latencies()
        for effect in effects:
            if due := self.order_log.accepted.get(effect.order_id):
                processed.add(effect.processed_at - due * 1000)
        answered = sorted(self.order_log.answered.items())
        return [one.percentiles(f"answers to {name}") for name, one in answered] + [
            processed.percentiles("orders, from due to processed")
        ]

    def _timeline(self, readings: Sequence[Signals], effects: Iterable[Effect]) -> Timeline:
        timeline = Timeline(started=self.started, missed=self.monitor.missed)
        times = sorted(effect.processed_at / 1000 for effect in effects)
        processed = 0
        for reading in readings:
            while processed < len(times) and times[processed] <= reading.at:
                processed += 1
            timeline.samples.append(
                Sample(
                    at=reading.at - self.started,
                    queued=reading.queue.visible + reading.queue.delayed,
                    in_flight=reading.queue.in_flight,
                    dlq=reading.dlq.total,
                    processed=processed,
                    alarms=dict(reading.alarms),
                )
            )
        ends = [at for at, _ in self.marks[1:]] + [self.clock()]
        timeline.spans += [
            Span(name, at - self.started, end - self.started)
            for (at, name), end in zip(self.marks, ends, strict=True)
        ]
        return timeline


def batches(sizes: Sequence[int]) -> dict[str, str]:
    """How full the worker's batches were, as a figure of the report.

    >>> batches([1, 1, 2, 10])
    {'orders a batch of the worker': '3.5 on average, 1.5 median, 10 at most; 4 batches'}
    """
    if not sizes:
        return {}
    told = (
        f"{fmean(sizes):.1f} on average, {median(sizes):g} median, {max(sizes)} at most; {len(sizes)} batches"
    )
    return {"orders a batch of the worker": told}


def until(readings: Iterable[Signals], since: float, holds: Callable[[Signals], bool]) -> float | None:
    """Seconds from `since` to the first reading after it of which that holds; None if that was never seen."""
    return next((r.at - since for r in readings if r.at >= since and holds(r)), None)


def _burns(reading: Signals) -> bool:
    return any(state == "ALARM" for name, state in reading.alarms.items() if name.endswith("-burn"))


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:.1f}" if seconds > 0 else "all at once"


def _not_complete() -> Result:
    return Result(
        group="load",
        name=NOT_COMPLETE,
        expected="all stages",
        seen="interrupted",
        verdict=Verdict.REFUTED,
        source="the shape's plan",
    )
