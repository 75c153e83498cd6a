"""Partial batch: a bad message neither fails nor delays its neighbours.

Ten orders go to the queue together. Three contradict themselves: their lines cost more than their amount, which the
schema cannot see and no retry can mend. The seven others are processed at their first receive.
"""

from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, exactly, under

GOOD, BAD = 7, 3
CONTRADICTION = {"amount": 0.01, "items": [{"sku": "sku-1", "quantity": 2, "unitPrice": 5}]}


def mixed_orders(run: Experiment) -> None:
    run.submit(BAD, label="bad", **CONTRADICTION)
    run.processed(run.submit(GOOD, label="good"))
    run.dead(BAD)


SCENARIO = Scenario(
    title="Partial batch: three bad orders among ten",
    hypothesis="One bad message never delays or fails the rest of its batch.",
    phases=(
        under(
            do=mixed_orders,
            predict=(
                Prediction("orders processed", probes.processed(), exactly(GOOD), rules.NEIGHBOURS),
                Prediction("category of death", probes.letters("errorCategory"), exactly({"PERMANENT": BAD})),
                Prediction("type of death", probes.letters("errorType"), exactly({"LinesExceedAmount": BAD})),
                Prediction("receives until death", probes.letters("receiveCount"), exactly({"1": BAD})),
                Prediction("failures counted", probes.counted("OrdersFailed"), exactly(BAD)),
                Prediction("failures counted as PERMANENT", probes.counted("FailedPermanent"), exactly(BAD)),
                Prediction(
                    "processed counted", probes.emitted("OrdersProcessed"), exactly(GOOD), rules.NEIGHBOURS
                ),
                Prediction("DLQ alarm", probes.alarm("critical-dlq-depth"), exactly("ALARM"), within=60),
                Prediction("failed invocations of the worker", probes.worker("Errors"), exactly(0)),
            ),
            premise=f"{BAD} orders whose lines cost more than their amount are sent, and {GOOD} good ones.",
        ),
    ),
    ends_with=BAD,
)
