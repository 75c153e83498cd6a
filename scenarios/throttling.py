"""Throttling: no concurrency, no progress, and no loss.

The worker's reserved concurrency is 0: Lambda refuses every invocation. Messages wait in the queue; each refused batch
spends a receive in the end, which is why maxReceiveCount must leave room. When concurrency is back, everything is
processed, and nobody had to redrive anything.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, exactly, recovery, steady, under

HEALTHY, WAITING = 3, 10


def healthy_orders(run: Experiment) -> None:
    run.processed(run.submit(HEALTHY, label="healthy"))


def waiting_orders(run: Experiment) -> None:
    run.submit(WAITING, label="waiting")


def patience(run: Experiment) -> None:
    run.processed(within=60)


SCENARIO = Scenario(
    title="Throttling: reserved concurrency 0",
    hypothesis="Throttled orders wait; the warning rings; with concurrency back they are processed without a redrive.",
    phases=(
        steady(
            healthy_orders,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY)),
            premise=f"{HEALTHY} orders are sent.",
        ),
        under(
            faults.worker_concurrency(0),
            do=waiting_orders,
            predict=(
                Prediction("throttles counted", probes.worker("Throttles"), at_least(1)),
                Prediction("throttle alarm", probes.alarm("warning-throttles"), exactly("ALARM"), within=60),
                Prediction("messages in the queue", probes.queue_depth(), exactly(WAITING), rules.WAITS),
                Prediction("orders processed", probes.processed(), exactly(HEALTHY), rules.KEPT),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0), rules.FEW_THROTTLES),
            ),
            premise=f"{WAITING} more orders are sent.",
        ),
        recovery(
            patience,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY + WAITING), rules.WAITS),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0), rules.FEW_THROTTLES),
        ),
    ),
    alarms=("critical-dlq-depth", "warning-throttles"),
    relies_on=("reserved concurrency of 0",),
)
