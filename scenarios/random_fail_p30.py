"""Random failures: three of ten deliveries fail, and patience is enough.

The price service refuses 30 % of all deliveries, each independently, by a draw that the seed and the message decide. So
the log can be checked line by line against the same draw: a delivery that failed was drawn below 0.30, one that passed
was not. Five failures in a row have a probability of 0.24 % an order; such an order may lie in the DLQ.
"""

from functions.processor.downstream import RANDOM_FAILURE_SHARE, DeliveryId, draw
from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Probe, Scenario, at_most, between, exactly, recovery, under

ORDERS, SEED = 30, "7"


def unlucky_orders(run: Experiment) -> None:
    run.submit(ORDERS, label="random")
    run.drained(within=90)


def redrive_what_died(run: Experiment) -> None:
    run.redrive()
    run.processed()


def against_the_draw(run: Experiment) -> int:
    """Deliveries that ended otherwise than their draw says."""
    keys = {order.order_id: order.idempotency_key for order in run.accepted.values()}
    refused = run.log_lines(event="order.failed", errorType="DependencyUnavailable")
    passed = run.log_lines(event="order.processed")

    def drawn_to_fail(fields: dict[str, object]) -> bool:
        delivery = DeliveryId(keys[str(fields["orderId"])], 0, int(str(fields["receiveCount"])))
        return draw(SEED, delivery) < RANDOM_FAILURE_SHARE

    wrong = [line for line in refused if not drawn_to_fail(line.fields)]
    return len(wrong) + sum(drawn_to_fail(line.fields) for line in passed)


SCENARIO = Scenario(
    title="Random failures: 30 % of all deliveries",
    hypothesis="Retries with backoff absorb independent failures; the seed alone decides which.",
    phases=(
        under(
            faults.worker_environment(FAULT_SEED=SEED),
            faults.failure_mode("random_fail_p30"),
            do=unlucky_orders,
            predict=(
                Prediction(
                    "orders processed", probes.processed(), between(ORDERS - 2, ORDERS), rules.PATIENCE
                ),
                Prediction(
                    "failed deliveries counted",
                    probes.counted("FailedTransient"),
                    between(3, 27),
                    rules.BY_CHANCE,
                ),
                Prediction("messages in the DLQ", probes.dlq_depth(), at_most(2), rules.PATIENCE),
                Prediction(
                    "deliveries that contradict the seed",
                    Probe("CloudWatch Logs FilterLogEvents of the worker", against_the_draw),
                    exactly(0),
                    rules.DRAWN,
                ),
            ),
            premise=f"{ORDERS} orders are sent.",
        ),
        recovery(
            redrive_what_died,
            Prediction("orders processed", probes.processed(), exactly(ORDERS)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            premise="what is in the DLQ, if anything, is redriven.",
        ),
    ),
)
