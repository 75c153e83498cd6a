"""Duplicate submit: twice in the queue, once in the world.

Every accepted order is published twice, as a client that repeats itself or SQS's own at-least-once delivery does. The
idempotency key makes the second delivery a duplicate: it is counted and announced under the same event id, and has no
effect. If both copies are at work at once, the second waits until the first one's claim is over.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, exactly, steady, under

ORDERS = 10


def healthy_order(run: Experiment) -> None:
    run.processed(run.submit(1, label="healthy"))


def doubled_orders(run: Experiment) -> None:
    run.processed(run.submit(ORDERS, label="doubled"))
    run.drained()


SCENARIO = Scenario(
    title="Duplicate submit: twice in the queue, once in the world",
    hypothesis="A message that arrives twice has one effect and one event id.",
    phases=(
        steady(
            healthy_order,
            Prediction("orders processed", probes.processed(), exactly(1)),
            premise="1 order is sent.",
        ),
        under(
            faults.failure_mode("duplicate_submit"),
            do=doubled_orders,
            predict=(
                Prediction(
                    "messages sent to the queue",
                    probes.queue("NumberOfMessagesSent"),
                    exactly(1 + 2 * ORDERS),
                    rules.TWICE_SENT,
                ),
                Prediction("orders processed", probes.processed(), exactly(1 + ORDERS)),
                Prediction("most executions of one order", probes.most_executions(), exactly(1)),
                Prediction("duplicates counted (EMF)", probes.emitted("OrdersDuplicate"), exactly(ORDERS)),
                Prediction(
                    "duplicates counted (log filter)", probes.counted("OrdersDuplicate"), exactly(ORDERS)
                ),
                Prediction(
                    "OrderProcessed event ids", probes.announced("OrderProcessed"), exactly(1 + ORDERS)
                ),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            ),
            premise=f"{ORDERS} more orders are sent.",
        ),
    ),
)
