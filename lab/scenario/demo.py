"""The demo: one fault and its whole recovery, on the deployed pipeline.

Twenty good orders at once and ten one at a time; then a worker release that demands a schema version nobody
writes, until the DLQ alarm rings; rollback; redrive; the alarm is silent again and the ledger is settled. It is a
scenario like those in `scenarios/`, see `lab.scenario`.
"""

import statistics
from pathlib import Path

from infra.components.names import AlarmName
from lab import history, report
from lab.common.output import Terminal, joined
from lab.engines.kinds import Kind
from lab.faults import catalogue as faults
from lab.pipeline.observe import Pipeline
from lab.report import Run
from lab.scenario import (
    Experiment,
    Prediction,
    Probe,
    Scenario,
    at_most,
    exactly,
    probes,
    recovery,
    rules,
    steady,
    under,
)
from lab.scenario.catalog import Entry
from lab.scenario.live import live, predictions, verdict
from lab.scenario.runner import Runner

TOGETHER, ALONE, REFUSED = 20, 10, 5
HEALTHY = TOGETHER + ALONE
ALARM: AlarmName = "critical-dlq-depth"


def good_orders(run: Experiment) -> None:
    """Orders of different sizes, first all at once, then each on an idle pipeline."""
    run.processed(run.submit(TOGETHER, label="together"))
    for _ in range(ALONE):
        run.processed(run.submit(1, label="alone"))


def refused_orders(run: Experiment) -> None:
    """Orders that the worker refuses: it is ahead of its producers."""
    run.submit(REFUSED, label="refused")
    run.dead(REFUSED)


def cure_and_redrive(run: Experiment) -> None:
    """A new order passes; then the dead ones are brought back."""
    run.processed(run.submit(1, label="cured"))
    run.redrive()
    run.processed()


def median_ms_alone(run: Experiment) -> float:
    """From POST to effect on an idle pipeline."""
    return statistics.median(effect.latency_ms for effect in run.pipeline.effects(run.accepted_as("alone")))


DEMO = Scenario(
    title="Demo: a bad release, alarm, rollback, redrive",
    hypothesis="What the worker refuses waits in the DLQ, an alarm tells, and after the cure nothing is missing.",
    phases=(
        steady(
            good_orders,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY)),
            Prediction(
                "POST to processed on an idle pipeline, p50 ms",
                Probe("DynamoDB BatchGetItem of the orders, processedAt - acceptedAt", median_ms_alone),
                at_most(5000),
            ),
            premise=f"{TOGETHER} orders are sent at once, then {ALONE} one by one; each has its effect once.",
        ),
        under(
            faults.failure_mode("schema_mismatch"),
            do=refused_orders,
            predict=(
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(REFUSED)),
                Prediction(
                    "cause of death", probes.letters("errorType"), exactly({"SchemaViolation": REFUSED})
                ),
                Prediction("DLQ alarm", probes.alarm(ALARM), exactly("ALARM"), within=60),
                Prediction("its notification", probes.notified(ALARM), exactly({"ALARM": 1})),
            ),
            premise=f"{REFUSED} orders are sent to a worker that wants a schema nobody writes. They go to the DLQ "
            "at once, each with the cause of its death, and an alarm rings.",
        ),
        recovery(
            cure_and_redrive,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY + REFUSED + 1)),
            Prediction("messages in the queue", probes.queue_depth(), exactly(0), rules.BACKLOG),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            Prediction("DLQ alarm", probes.alarm(ALARM), exactly("OK"), within=90),
            premise="the fault is gone. One more order passes; then the dead ones are redriven and processed, "
            "and the alarm falls silent.",
        ),
    ),
    alarms=(ALARM,),
    seconds=240,
)


def play(pipeline: Pipeline, engine: Kind, console: Terminal) -> tuple[Run, Path]:
    """Tell the whole story and write its report; the pipeline is steady again however it ends."""

    runner = Runner(
        pipeline, engine, console.say, watch=lambda experiment, found: live(console, experiment, found)
    )
    run = runner.run(Entry("demo", __doc__ or "", DEMO))
    return run, report.write(run, DEMO.alarms)


def summary(run: Run, page: Path, console: Terminal) -> None:
    """Print prediction beside result, the ledger in one line, and what to do next."""
    console.print(predictions(run.findings))
    if ledger := run.ledger:
        console.say(ledger.text)
    console.say(joined("Demo ", verdict(run.passed), f" in {run.seconds:.0f} s"))
    console.say(f"Report: {page}")
    died = (
        next((event.order_id for event in run.account.history.of(history.Kind.DIED)), None)
        if run.account
        else None
    )
    console.say("Next:")
    if died:
        console.say(f"  lab trace {died}   one dead order's whole way")
    console.say("  make console    watch, break and repair it in a browser")
    console.say("  make scenario NAME=slow-downstream    an outage, and what it must not do")
    console.say("  make down    stop the engine, which still runs")
