"""Worker crash: killed after the effect was committed, before anybody was told.

The event bus sends its answer a byte at a time, without an end: no time-out of the client, which counts the silence
between two bytes, ends the call, and Lambda kills the worker while it waits. The order's row and its idempotency record
are in the tables, the event is not on the bus, the message is not acknowledged. Its next delivery finds the record,
repeats nothing, and announces what is still unannounced. (Effect and record are one transaction: between them there is
nothing to kill.)
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, exactly, recovery, steady, under

HEALTHY, CRASHED = 3, 5
ALL = HEALTHY + CRASHED


def healthy_orders(run: Experiment) -> None:
    run.processed(run.submit(HEALTHY, label="healthy"))


def crashing_orders(run: Experiment) -> None:
    run.processed(run.submit(CRASHED, label="crash"))


def patience(run: Experiment) -> None:
    run.drained(within=90)


SCENARIO = Scenario(
    title="Worker crash: killed between effect and acknowledgement",
    hypothesis="A worker that dies after its effect repeats nothing and forgets nothing.",
    phases=(
        steady(
            healthy_orders,
            Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(HEALTHY)),
            premise=f"{HEALTHY} orders are sent.",
        ),
        under(
            faults.dribbling_event_bus(),
            faults.worker_timeout(seconds=3),
            do=crashing_orders,
            predict=(
                Prediction("failed invocations of the worker", probes.worker("Errors"), at_least(1)),
                Prediction(
                    "worker error alarm", probes.alarm("critical-worker-errors"), exactly("ALARM"), within=60
                ),
                Prediction("orders with their effect", probes.processed(), exactly(ALL), rules.COMMITTED),
                Prediction(
                    "OrderProcessed events",
                    probes.announced("OrderProcessed"),
                    exactly(HEALTHY),
                    rules.SILENT,
                ),
                Prediction(
                    "messages still in the queue", probes.queue_depth(), exactly(CRASHED), rules.KILLED
                ),
            ),
            premise=f"{CRASHED} more orders are sent.",
        ),
        recovery(
            patience,
            Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(ALL)),
            Prediction("duplicates counted", probes.counted("OrdersDuplicate"), at_least(CRASHED)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            Prediction(
                "worker error alarm", probes.alarm("critical-worker-errors"), exactly("OK"), within=90
            ),
        ),
    ),
    alarms=("critical-worker-errors", "critical-dlq-depth"),
    relies_on=("a function that runs too long",),
    needs_local_functions=True,
)
