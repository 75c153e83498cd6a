"""Happy path: nothing is wrong, and every count agrees with every other.

Thirty good orders, ten of them one after the other, twenty at once. What the API accepted is what the queue was sent,
what the worker processed, what the table holds, what the bus announced and what both kinds of metrics counted.
"""

from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_most, exactly, recovery, steady

ALONE, TOGETHER = 10, 20
ALL = ALONE + TOGETHER


def one_at_a_time(run: Experiment) -> None:
    for _ in range(ALONE):
        run.processed(run.submit(1, label="alone"))


def all_at_once(run: Experiment) -> None:
    run.processed(run.submit(TOGETHER, label="together"))


SCENARIO = Scenario(
    title="Happy path: every count agrees",
    hypothesis="Each accepted order is processed once, announced once and counted once.",
    phases=(
        steady(
            one_at_a_time,
            Prediction("orders processed", probes.processed(), exactly(ALONE)),
            premise=f"{ALONE} orders are sent, each when the one before is processed.",
        ),
        recovery(
            all_at_once,
            Prediction("requests answered 202", probes.answers(202), exactly(ALL)),
            Prediction("orders processed", probes.processed(), exactly(ALL)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(ALL)),
            Prediction("messages sent to the queue", probes.queue("NumberOfMessagesSent"), exactly(ALL)),
            Prediction("messages deleted by Lambda", probes.queue("NumberOfMessagesDeleted"), exactly(ALL)),
            Prediction("accepted counted (EMF)", probes.emitted("OrdersAccepted", "ingest"), exactly(ALL)),
            Prediction("processed counted (EMF)", probes.emitted("OrdersProcessed"), exactly(ALL)),
            Prediction("processed counted (log filter)", probes.counted("OrdersProcessed"), exactly(ALL)),
            Prediction("slowest order, ms", probes.slowest_ms(), at_most(20_000)),
            Prediction("failures counted", probes.counted("OrdersFailed"), exactly(0), rules.NO_FAILURE),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            Prediction("critical alarms that rang", probes.alarms_that_rang("critical"), exactly(0)),
            premise=f"{TOGETHER} more orders are sent at once.",
        ),
    ),
)
