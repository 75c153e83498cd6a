"""Noisy customer: one customer's flood, and whether the others wait for it.

A customer sends three hundred orders at once, then another sends five. Without groups the queue hands out the oldest
first: the five wait for nearly all of the flood. With the setting fairQueues every message is in its customer's group.
The flood's group soon has most of what is in flight, and SQS hands out what waits of others first. Nothing of the
flood is lost for it.
"""

from lab.faults import catalogue as faults
from lab.faults.changes import Change
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import (
    Phase,
    Prediction,
    Probe,
    Scenario,
    Tolerance,
    at_least,
    at_most,
    exactly,
    recovery,
    steady,
    under,
)

HEALTHY, FLOOD, QUIET = 3, 300, 5
BOTH = FLOOD + QUIET


def healthy_orders(run: Experiment) -> None:
    run.processed(run.submit(HEALTHY, label="healthy"))


def patience(run: Experiment) -> None:
    run.processed(within=90)


def flood(noisy: str, quiet: str, *more: Change) -> Phase:
    def strike(run: Experiment) -> None:
        run.submit_batch(FLOOD, label=noisy, customerId="noisy")
        run.submit_batch(QUIET, label=quiet, customerId="quiet")

    waiting = Prediction("messages in the queue", probes.queue_depth(), exactly(BOTH), rules.UNREAD)
    premise = f"one customer sends {FLOOD} orders, then another {QUIET}."
    return under(faults.nobody_reads(), *more, do=strike, predict=(waiting,), premise=premise, name=noisy)


def settled(name: str, sent: int, ahead: Probe, expected: Tolerance, why: str) -> Phase:
    return recovery(
        patience,
        Prediction("orders processed", probes.processed(), exactly(HEALTHY + sent), rules.BACKLOG),
        Prediction("of the flood ahead of the others", ahead, expected, why),
        Prediction("most executions of one order", probes.most_executions(), exactly(1)),
        Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
        premise="the worker takes orders again.",
        name=name,
    )


WAITED = probes.ahead("flood", "quiet")
SPARED = probes.ahead("grouped", "spared", relies_on=probes.FAIRNESS)

SCENARIO = Scenario(
    title="Noisy customer: a flood, without groups and in groups",
    hypothesis="In groups by customer (fairQueues) a quiet customer's orders do not wait for another's flood.",
    phases=(
        steady(
            healthy_orders,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY)),
            premise=f"{HEALTHY} orders are sent.",
        ),
        flood("flood", "quiet"),
        settled("after the flood", BOTH, WAITED, at_least(2 * FLOOD / 3), rules.FIRST_COME),
        flood("grouped", "spared", faults.ingest_environment(FAIR_QUEUES="true")),
        settled("after the grouped flood", 2 * BOTH, SPARED, at_most(FLOOD / 2), rules.FAIR),
    ),
    alarms=("critical-dlq-depth", "warning-backlog"),
)
