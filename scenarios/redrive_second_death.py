"""Redrive, second death: what was brought back too early is not brought back again unasked.

A worker ahead of its producers demands a schema version that no order has yet. Three orders die of that, and are
redriven while it still runs. They die again, and now say so: redriveCount 1, and the first death in their lineage. The
next redrive passes them over. Once the worker is rolled back, a person who knows that may force it.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, exactly, recovery, under

ORDERS = 3


def redrive_too_early(run: Experiment) -> None:
    run.submit(ORDERS, label="twice-dead")
    run.dead(ORDERS)
    run.redrive()
    run.dead(ORDERS)


def redrive_again(run: Experiment) -> None:
    run.redrive()


def force(run: Experiment) -> None:
    run.redrive(force=True)
    run.processed()


SCENARIO = Scenario(
    title="Redrive: a second death is not repeated unasked",
    hypothesis="A message that died after a redrive is skipped by the next one, unless it is forced.",
    phases=(
        under(
            faults.failure_mode("schema_mismatch"),
            do=redrive_too_early,
            predict=(
                Prediction("messages moved", probes.redrive("moved"), exactly(ORDERS), rules.TOO_EARLY),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(ORDERS), rules.TOO_EARLY),
                Prediction("times redriven", probes.letters("redriveCount"), exactly({"1": ORDERS})),
                Prediction(
                    "deaths counted",
                    probes.emitted("OrdersDeadLettered"),
                    exactly(2 * ORDERS),
                    rules.DIED_TWICE,
                ),
            ),
            premise=f"{ORDERS} orders are sent, and redriven when they are dead.",
        ),
        recovery(
            redrive_again,
            Prediction("messages moved", probes.redrive("moved"), exactly(0)),
            Prediction("skipped as second deaths", probes.redrive("skipped.secondDeath"), exactly(ORDERS)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(ORDERS)),
            name="redrive unforced",
            premise="they are redriven again, without force.",
        ),
        recovery(
            force,
            Prediction("messages moved", probes.redrive("moved"), exactly(ORDERS)),
            Prediction("orders processed", probes.processed(), exactly(ORDERS)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            name="redrive forced",
            premise="they are redriven with force.",
        ),
    ),
)
