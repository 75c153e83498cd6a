"""Slow downstream: a dependency that does not answer costs time, and no order.

The price service misses every deadline. A single order that meets that is tried again soon, and no circuit opens. Seven
timeouts in a row do open it: from then on messages are hidden for as long as the circuit stays open at least, so that
they spend their receives slowly. When the service is well again the circuit closes by itself at the first success, and
every order is processed without anybody's help.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, exactly, recovery, steady, under

HEALTHY, LATE, STUCK = 3, 1, 10
SERVICE = "price service's circuit"


def healthy_orders(run: Experiment) -> None:
    run.processed(run.submit(HEALTHY, label="healthy"))


def late_order(run: Experiment) -> None:
    run.submit(LATE, label="late")


def stuck_orders(run: Experiment) -> None:
    run.submit_batch(STUCK, label="stuck")


def patience(run: Experiment) -> None:
    run.processed(within=100)


SCENARIO = Scenario(
    title="Slow downstream: deadlines missed, circuit open",
    hypothesis="An outage of a dependency delays orders; with an open circuit none of them dies.",
    phases=(
        steady(
            healthy_orders,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY)),
            premise=f"{HEALTHY} orders are sent.",
        ),
        under(
            faults.failure_mode("slow_downstream"),
            do=late_order,
            predict=(
                Prediction("failures counted as TIMEOUT", probes.counted("FailedTimeout"), at_least(LATE)),
                Prediction(SERVICE, probes.circuit("price-service"), exactly("CLOSED")),
            ),
            name="one order late",
            premise=f"{LATE} more order is sent.",
        ),
        recovery(
            patience,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY + LATE)),
            name="not late any more",
        ),
        under(
            faults.failure_mode("slow_downstream"),
            do=stuck_orders,
            predict=(
                Prediction("circuits opened", probes.counted("CircuitsOpened"), at_least(1)),
                Prediction(SERVICE, probes.circuit("price-service"), exactly("OPEN")),
                Prediction(
                    "failures counted as TRANSIENT", probes.counted("FailedTransient"), at_least(STUCK)
                ),
                Prediction("messages in the queue", probes.queue_depth(), exactly(STUCK), rules.HIDDEN),
                Prediction("orders processed", probes.processed(), exactly(HEALTHY + LATE)),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0), rules.HIDDEN),
            ),
            premise=f"{STUCK} more orders are sent in one request.",
        ),
        recovery(
            patience,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY + LATE + STUCK), rules.HIDDEN),
            Prediction(SERVICE, probes.circuit("price-service"), exactly("CLOSED")),
            Prediction("circuits closed", probes.counted("CircuitsClosed"), at_least(1)),
            Prediction("most messages in the DLQ at once", probes.deepest_dlq(), exactly(0), rules.HIDDEN),
        ),
    ),
)
