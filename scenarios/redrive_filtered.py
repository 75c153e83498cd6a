"""Redrive, filtered: only what was cured goes back.

A worker ahead of its producers killed four orders for their schema version, and has been rolled back: their cause is
gone. Three others contradict themselves, and still do. A redrive of everything would kill the three again; one filtered
by category moves the four and leaves the others as they were, visible and unchanged.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes
from lab.scenario.model import Prediction, Scenario, exactly, recovery, under

CURABLE, HOPELESS = 4, 3
CONTRADICTION = {"amount": 0.01, "items": [{"sku": "sku-1", "quantity": 2, "unitPrice": 5}]}


def mismatched_orders(run: Experiment) -> None:
    run.submit(CURABLE, label="curable")
    run.dead(CURABLE)


def filtered_redrive(run: Experiment) -> None:
    run.submit(HOPELESS, label="hopeless", **CONTRADICTION)
    run.dead(CURABLE + HOPELESS)
    run.redrive(errorCategory="VALIDATION")
    run.drained()


SCENARIO = Scenario(
    title="Redrive, filtered by category",
    hypothesis="A filtered redrive moves what it names and leaves the rest untouched.",
    phases=(
        under(
            faults.failure_mode("schema_mismatch"),
            do=mismatched_orders,
            predict=(
                Prediction(
                    "category of death", probes.letters("errorCategory"), exactly({"VALIDATION": CURABLE})
                ),
            ),
            premise=f"{CURABLE} orders are sent.",
        ),
        recovery(
            filtered_redrive,
            Prediction("messages moved", probes.redrive("moved"), exactly(CURABLE)),
            Prediction("messages passed over", probes.redrive("skipped.filtered"), exactly(HOPELESS)),
            Prediction("orders processed", probes.processed(), exactly(CURABLE)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(HOPELESS)),
            Prediction(
                "category of death", probes.letters("errorCategory"), exactly({"PERMANENT": HOPELESS})
            ),
            Prediction("times redriven", probes.letters("redriveCount"), exactly({"0": HOPELESS})),
            Prediction("redriven counted", probes.counted("OrdersRedriven"), exactly(CURABLE)),
            premise=f"{HOPELESS} orders whose lines cost more than their amount are sent; VALIDATION is redriven.",
        ),
    ),
    ends_with=HOPELESS,
)
