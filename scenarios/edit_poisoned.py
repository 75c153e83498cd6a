"""Edit poisoned: letters that no cure can help, and that a person can.

Four orders are corrupted on their way: their amount is text with a decimal comma, and that is what their letters hold.
When the corruption has ended, the letters still have it inside. A redrive with one canary tries: the canary dies again
of the same cause, and the operation halts before it has moved any other. Then each letter's amount is edited: the order
is sent as it was meant, under its own id and key, and has its effect once.
"""

from lab.faults import catalogue as faults
from lab.pipeline.orders import healed
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, exactly, recovery, under

ORDERS = 4


def poisoned_orders(run: Experiment) -> None:
    run.submit(ORDERS, label="poison")
    run.dead(ORDERS)


def redrive_unchanged(run: Experiment) -> None:
    run.redrive(canaryMessages=1)
    run.dead(ORDERS)


def edit(run: Experiment) -> None:
    run.edit(healed)
    run.processed()


SCENARIO = Scenario(
    title="Poison in the letter: only an edit saves the order",
    hypothesis="A redrive of what is corrupt halts at its canary; an edit gives each order its effect, once.",
    phases=(
        under(
            faults.failure_mode("poison_payload"),
            do=poisoned_orders,
            predict=(
                Prediction(
                    "letters that blame the amount",
                    probes.letters_saying("/amount must be of type number"),
                    exactly(ORDERS),
                ),
                Prediction(
                    "letters with a corrupt amount",
                    probes.letters_holding(r'"amount":"\d+,\d+"'),
                    exactly(ORDERS),
                ),
            ),
            premise=f"{ORDERS} orders are sent.",
        ),
        recovery(
            redrive_unchanged,
            Prediction("status of the redrive", probes.redrive("status"), exactly("HALTED")),
            Prediction("messages moved", probes.redrive("moved"), exactly(1), rules.ONE_CANARY),
            Prediction("times redriven", probes.letters("redriveCount"), exactly({"0": ORDERS - 1, "1": 1})),
            Prediction("orders processed", probes.processed(), exactly(0), rules.STILL_CORRUPT),
            name="redrive unchanged",
            premise="they are redriven as they are, with one canary.",
        ),
        recovery(
            edit,
            Prediction("letters edited", probes.edited(), exactly(ORDERS)),
            Prediction("orders processed", probes.processed(), exactly(ORDERS)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("OrderProcessed events", probes.announced("OrderProcessed"), exactly(ORDERS)),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(0)),
            name="edit",
            premise="the amount of each letter is edited.",
        ),
    ),
)
