"""Poison payload: an order that can never be read must not be tried again.

Five orders are corrupted on their way: their amount is text with a decimal comma, which no schema version accepts.
Retrying them would change nothing and cost five receives each; the worker sends them straight to the DLQ with their
cause of death. The DLQ alarm rings. Each letter holds the body that died: its amount is edited, and every order has
its effect, once.
"""

from lab.faults import catalogue as faults
from lab.pipeline.orders import healed
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, exactly, recovery, steady, under

HEALTHY, POISONED = 5, 5


def healthy_orders(run: Experiment) -> None:
    run.processed(run.submit(HEALTHY, label="healthy"))


def poisoned_orders(run: Experiment) -> None:
    run.submit(POISONED, label="poison")
    run.dead(POISONED)


def edit(run: Experiment) -> None:
    run.edit(healed)
    run.processed()


SCENARIO = Scenario(
    title="Poison payload: straight to the DLQ",
    hypothesis="An order that can never pass dies at its first receive, with its cause, and comes back when edited.",
    phases=(
        steady(
            healthy_orders,
            Prediction("orders processed", probes.processed(), exactly(HEALTHY)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            premise=f"{HEALTHY} orders are sent.",
        ),
        under(
            faults.failure_mode("poison_payload"),
            do=poisoned_orders,
            predict=(
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(POISONED)),
                Prediction(
                    "category of death", probes.letters("errorCategory"), exactly({"VALIDATION": POISONED})
                ),
                Prediction("receives until death", probes.letters("receiveCount"), exactly({"1": POISONED})),
                Prediction(
                    "failures counted as VALIDATION", probes.counted("FailedValidation"), exactly(POISONED)
                ),
                Prediction("deaths counted", probes.emitted("OrdersDeadLettered"), exactly(POISONED)),
                Prediction("OrderFailed events", probes.announced("OrderFailed"), exactly(POISONED)),
                Prediction("DLQ alarm", probes.alarm("critical-dlq-depth"), exactly("ALARM"), within=60),
                Prediction("notifications", probes.notified("critical-dlq-depth"), exactly({"ALARM": 1})),
                Prediction("orders processed", probes.processed(), exactly(HEALTHY), rules.KEPT),
            ),
            premise=f"{POISONED} more orders are sent.",
        ),
        recovery(
            edit,
            Prediction("letters edited", probes.edited(), exactly(POISONED)),
            Prediction("orders processed", probes.processed(), exactly(HEALTHY + POISONED)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            Prediction(
                "OrderProcessed events", probes.announced("OrderProcessed"), at_least(HEALTHY + POISONED)
            ),
            Prediction("DLQ alarm", probes.alarm("critical-dlq-depth"), exactly("OK"), within=90),
            premise="the amount of each letter is edited.",
        ),
    ),
)
