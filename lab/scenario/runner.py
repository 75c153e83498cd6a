"""Runs one scenario: steady state, phases, predictions one by one, rollback, ledger."""

import contextlib
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from lab.common.interrupts import undoing
from lab.common.polling import wait_for
from lab.common.results import Result, Verdict, shown
from lab.engines.kinds import Kind
from lab.errors import LabError
from lab.faults import steady_state as steady
from lab.faults.changes import Change
from lab.history import Recorder
from lab.history.gather import LATE_SECONDS
from lab.history.results import results
from lab.pipeline.api import Api
from lab.pipeline.logs import Logs
from lab.pipeline.metrics import Sums
from lab.pipeline.observe import Pipeline
from lab.pipeline.tap import tap
from lab.pipeline.timeline import record
from lab.report import Run
from lab.report.run import Excerpt
from lab.scenario.catalog import Entry
from lab.scenario.experiment import Experiment
from lab.scenario.model import Phase, Prediction, Scenario

HASTE_SECONDS = 6
"""The longest wait of a hasty run."""

EXCERPT_ORDERS = 3
"""Orders whose way through the logs the report shows, each the latest under its label."""

UNREADABLE = (BotoCoreError, ClientError, httpx.HTTPError, LabError)
"""What a probe raises where AWS, or the API, gives no answer that could be read."""

type Watch = Callable[[Experiment, list[Result]], contextlib.AbstractContextManager[object]]
"""Shows a run while it lasts."""


@dataclass(frozen=True)
class Runner:
    """Runs scenarios on one pipeline.

    `differs` tells, by question of `lab probe`, where the engine does not answer as AWS does; what relies on that
    is not provable here.

    `pace` is how many times as long everything may take as on an engine of this machine: AWS counts alarms by minutes.

    With `faultless` every fault is left out: the predictions about it must be refuted then, which shows that they can
    be. With `hasty`, which faultless implies, little patience is shown, and a phase that does not come to its end is
    no end of the run.
    """

    pipeline: Pipeline
    engine: Kind
    say: Callable[[str], None]
    faultless: bool = False
    watch: Watch = lambda _experiment, _findings: contextlib.nullcontext()
    differs: Mapping[str, str] = field(default_factory=dict[str, str])
    hasty: bool = False
    pace: float = 1.0

    def run(self, entry: Entry, then: Entry | None = None) -> Run:
        """Run one scenario from the steady state and back to it. Raises LabError on a dirty lab.

        Alarms that it predicts are silent when it begins; when it is over, those of the scenario that comes `then`, or
        all. The steady state is restored however the run ends. KeyboardInterrupt, which Ctrl-C, termination and a
        closed terminal raise, passes through after that.
        """
        steady.require(self.pipeline, self.say, entry.scenario.reads_alarm)
        following = then.scenario.reads_alarm if then else steady.every
        with undoing(lambda: steady.restore(self.pipeline, self.say, following)):
            return self._record(entry)

    def _record(self, entry: Entry) -> Run:
        stack, aws, scenario = self.pipeline.stack, self.pipeline.aws, entry.scenario
        with (
            Api(aws, stack) as api,
            tap(aws, stack.order_events_topic_arn) as events,
            tap(aws, stack.alarms_topic_arn) as notifications,
            record(self.pipeline) as timeline,
        ):
            experiment = Experiment(
                name=entry.name,
                pipeline=self.pipeline,
                api=api,
                events=events,
                notifications=notifications,
                timeline=timeline,
                sums=Sums(self.pipeline),
                logs=Logs(self.pipeline),
                recorder=Recorder(entry.name, self.pipeline, events),
                seconds=scenario.seconds * self.pace,
                pace=self.pace,
                patience=HASTE_SECONDS if self.faultless or self.hasty else math.inf,
                differs=self.differs,
            )
            run = Run(
                entry.name,
                scenario.title,
                self.engine.name,
                timeline,
                hypothesis=scenario.hypothesis,
                story=entry.paragraphs,
                figures=experiment.figures,
            )
            if why := self._out_of_reach(scenario):
                run.findings += [
                    _unproved(phase, prediction, why) for phase, prediction in scenario.predictions
                ]
            else:
                for _, prediction in scenario.predictions:
                    if prediction.probe.metric:
                        experiment.sums.watch(prediction.probe.metric(self.pipeline))
                try:
                    with self.watch(experiment, run.findings):
                        self._play(entry, experiment, run)
                finally:
                    experiment.undo()
            run.findings += unjudged(scenario, run.findings)
            self._account(entry, experiment, run)
        timings(run)
        return run

    def _out_of_reach(self, scenario: Scenario) -> str | None:
        """Why this engine cannot put the scenario's fault in force, if it cannot."""
        if scenario.needs_local_functions and not self.engine.local_functions:
            return "the functions do not run on this machine, so that its fault cannot reach them"
        return next((self.differs[asked] for asked in scenario.relies_on if asked in self.differs), None)

    def _play(self, entry: Entry, experiment: Experiment, run: Run) -> None:
        for number, phase in enumerate(entry.scenario.phases):
            start = time.monotonic()
            if why := phase.unprovable(experiment):
                run.findings += [_unproved(phase, prediction, why) for prediction in phase.predictions]
                continue
            try:
                if number and phase.changes and not entry.scenario.phases[number - 1].changes:
                    # An order of the steady phase that is delivered once more must not meet the fault.
                    experiment.drained()
                self.say(f"{entry.name}: {phase.setting}")
                with _in_force(() if self.faultless else phase.changes, experiment):
                    self._do(phase, experiment)
                    for prediction in phase.predictions:
                        run.findings.append(examine(phase, prediction, experiment))
            except Exception as error:  # noqa: BLE001  a scenario that crashes is a failed run with a report, too
                run.findings.append(_broken(phase, str(error) or repr(error), time.monotonic() - start))
                return

    def _do(self, phase: Phase, experiment: Experiment) -> None:
        try:
            phase.do(experiment)
        except LabError:
            if not (self.faultless or self.hasty):
                raise

    def _account(self, entry: Entry, experiment: Experiment, run: Run) -> None:
        """Settle the ledger and judge the history once the queue is empty, and keep what the logs tell."""
        with contextlib.suppress(LabError):
            wait_for(
                "an empty queue", lambda: self.pipeline.queue().total, lambda total: total == 0, within=20
            )
        start = time.monotonic()
        run.account = experiment.recorder.account(min(LATE_SECONDS * self.pace, experiment.patience))
        run.findings += results(run.account, time.monotonic() - start, ends_with=entry.scenario.ends_with)
        run.excerpts += excerpts(experiment)


def examine(phase: Phase, prediction: Prediction, experiment: Experiment) -> Result:
    """Look until a prediction holds or its time is up, at least once.

    An error at one look is not the end. If the last look was one, nothing is known, which is told as such.
    """
    if reason := experiment.differs.get(prediction.probe.relies_on):
        return _unproved(phase, prediction, reason)
    start = time.monotonic()
    seen, verdict = "", Verdict.UNREAD

    def look() -> bool:
        nonlocal seen, verdict
        try:
            value = prediction.probe.read(experiment)
        except UNREADABLE as error:
            seen, verdict = " ".join(f"could not be read: {error}".split()), Verdict.UNREAD
        else:
            seen, verdict = shown(value), Verdict.of(prediction.expected.holds(value))
        return verdict is Verdict.PROVED

    with contextlib.suppress(LabError):  # its time is up
        experiment.until(prediction.name, look, bool, prediction.within)
    if not seen:
        look()
    return _result(phase, prediction, seen, verdict, seconds=time.monotonic() - start)


def unjudged(scenario: Scenario, found: Sequence[Result]) -> list[Result]:
    """A row for every prediction that has none: what a run did not come to has not been proved."""
    judged = {(result.group, result.name) for result in found}
    return [
        _result(phase, prediction, "not reached", Verdict.UNREAD)
        for phase, prediction in scenario.predictions
        if (phase.name, prediction.name) not in judged
    ]


def timings(run: Run) -> None:
    """Time to detect and time to recover, from what was sampled. Half a second is as exact as it gets."""
    timeline = run.timeline
    if not timeline.spans:
        return
    start, end = timeline.spans[0].start, timeline.spans[-1].end
    rang = [s.at for s in timeline.samples if s.at >= start and "ALARM" in s.alarms.values()]
    healthy = [s.at for s in timeline.samples if s.at >= end and not (s.queued or s.in_flight or s.dlq)]
    if rang:
        run.timings["to detect: first alarm after the fault began"] = f"{rang[0] - start:.1f} s"
    if healthy:
        run.timings["to recover: queues empty after the fault ended"] = f"{healthy[0] - end:.1f} s"


def excerpts(experiment: Experiment) -> list[Excerpt]:
    """What the functions logged about a few orders of different kinds, found by their correlation ids."""
    latest = {order.order_id.partition("-")[0]: order for order in experiment.accepted.values()}
    chosen = {order.correlation_id: order.order_id for order in list(latest.values())[-EXCERPT_ORDERS:]}
    stack = experiment.pipeline.stack
    lines = [
        line
        for function in (stack.ingest_function_name, stack.worker_function_name, stack.redrive_function_name)
        for line in experiment.logs.lines(function)
        if "event" in line.fields
        and (order_id := chosen.get(line.fields.get("correlation_id", "")))
        and line.fields.get("orderId", order_id) == order_id
    ]
    return [
        Excerpt(
            at=line.at / 1000 - experiment.timeline.started,
            function=line.function,
            correlation_id=line.fields["correlation_id"],
            order_id=chosen[line.fields["correlation_id"]],
            event=str(line.fields["event"]),
            details=", ".join(
                f"{name} {line.fields[name]}"
                for name in ("errorCategory", "errorType", "receiveCount", "willRetry")
                if name in line.fields
            ),
        )
        for line in sorted(lines, key=lambda line: (line.fields["correlation_id"], line.at))
    ]


def _broken(phase: Phase, what: str, seconds: float) -> Result:
    return Result(
        group=phase.name,
        name="the phase itself",
        expected="is played to its end",
        seen=what,
        verdict=Verdict.REFUTED,
        source="runner",
        seconds=seconds,
    )


def _unproved(phase: Phase, prediction: Prediction, why: str) -> Result:
    return _result(phase, prediction, why, Verdict.NOT_PROVABLE)


def _result(
    phase: Phase, prediction: Prediction, seen: str, verdict: Verdict, seconds: float = 0.0
) -> Result:
    return Result(
        group=phase.name,
        name=prediction.name,
        expected=prediction.expected.text,
        seen=seen,
        verdict=verdict,
        source=prediction.probe.source,
        seconds=seconds,
        why=prediction.why,
    )


@contextlib.contextmanager
def _in_force(changes: Sequence[Change], experiment: Experiment) -> Generator[None]:
    """A phase's changes, undone at its end."""
    if not changes:
        yield
        return
    try:
        for change in changes:
            experiment.change(change)
        with experiment.timeline.span(", ".join(change.meaning for change in changes)):
            yield
    finally:
        experiment.undo()
