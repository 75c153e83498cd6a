"""Partial batch: a bad message neither fails nor delays its neighbours.

Ten orders go to the queue together. Three contradict themselves: their lines cost more than their amount, which the
schema cannot see and no retry can mend. The seven others are processed at their first receive.
"""

from lab.scenario import Experiment, read
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
    acts=(
        under(
            do=mixed_orders,
            predict=(
                Prediction("orders processed", read.processed(), exactly(GOOD)),
                Prediction("category of death", read.letters("errorCategory"), exactly({"PERMANENT": BAD})),
                Prediction("type of death", read.letters("errorType"), exactly({"LinesExceedAmount": BAD})),
                Prediction("receives until death", read.letters("receiveCount"), exactly({"1": BAD})),
                Prediction("failures counted", read.counted("OrdersFailed"), exactly(BAD)),
                Prediction("failures counted as PERMANENT", read.counted("FailedPermanent"), exactly(BAD)),
                Prediction("processed counted", read.emitted("OrdersProcessed"), exactly(GOOD)),
                Prediction("DLQ alarm", read.alarm("critical-dlq-depth"), exactly("ALARM"), within=60),
                Prediction("failed invocations of the worker", read.worker("Errors"), exactly(0)),
            ),
        ),
    ),
    ends_with=BAD,
)
