"""EventBridge, partial failure: HTTP 200 with failures inside.

PutEvents answers 200 even if it took only some of its entries. The bus refuses every second event once: the worker
finds that in the answer and resends what was refused, alone. Nothing is retried through the queue for it, no event is
missing, and none comes twice.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Probe, Scenario, at_least, exactly, recovery, under

ORDERS, LATER = 20, 5
REFUSALS = 1


def announced_orders(run: Experiment) -> None:
    run.processed(run.submit(ORDERS, label="partial"))
    run.drained()


def later_orders(run: Experiment) -> None:
    run.processed(run.submit(LATER, label="later"))


SCENARIO = Scenario(
    title="EventBridge: some entries of a call refused",
    hypothesis="What PutEvents refused is resent alone: every event arrives, and no order is processed again for it.",
    phases=(
        under(
            faults.partly_deaf_event_bus(refusals=REFUSALS),
            do=announced_orders,
            predict=(
                Prediction(
                    "entries refused",
                    Probe("the bus in between", faults.entries_refused),
                    at_least(1),
                    rules.REFUSED,
                ),
                Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(ORDERS)),
                Prediction(
                    "events delivered in all",
                    probes.deliveries("OrderProcessed"),
                    exactly(ORDERS),
                    rules.ONLY_REFUSED,
                ),
                Prediction(
                    "duplicates counted", probes.counted("OrdersDuplicate"), exactly(0), rules.NOT_REPEATED
                ),
                Prediction(
                    "failures counted", probes.counted("OrdersFailed"), exactly(0), rules.NOT_REPEATED
                ),
                Prediction("most executions of one order", probes.most_executions(), exactly(1)),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            ),
            premise=f"{ORDERS} orders are sent.",
        ),
        recovery(
            later_orders,
            Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(ORDERS + LATER)),
            premise=f"{LATER} more orders are sent.",
        ),
    ),
    needs_local_functions=True,
)
