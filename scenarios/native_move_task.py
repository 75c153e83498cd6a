"""Native move task: what SQS's own redrive does, and what it cannot know.

The worker sends its dead letters itself, so SQS does not know where they came from: StartMessageMoveTask without a
destination fails. With the queue as its destination it takes everything: it has no filter, writes no audit row and
counts nothing on the message. Four orders died of a worker that was ahead of their schema and has been rolled back, two
contradict themselves. It moves all six; the two die again, and their redriveCount still reads 0, so nothing tells a
second death from a first. (A letter that dies again while the task still runs is moved again.)
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, exactly, recovery, under

CURABLE, HOPELESS = 4, 2
ALL = CURABLE + HOPELESS
CONTRADICTION = {"amount": 0.01, "items": [{"sku": "sku-1", "quantity": 2, "unitPrice": 5}]}


def mismatched_orders(run: Experiment) -> None:
    run.submit(CURABLE, label="curable")
    run.submit(HOPELESS, label="hopeless", **CONTRADICTION)
    run.dead(ALL)


def move_to_where_they_came_from(run: Experiment) -> None:
    run.move_natively(to_the_queue=False)


def move_to_the_queue(run: Experiment) -> None:
    run.move_natively(to_the_queue=True)
    run.dead(HOPELESS)


SCENARIO = Scenario(
    title="SQS's own move task, for comparison",
    hypothesis="The native task brings everything back, the hopeless too, and leaves no trace on the message.",
    phases=(
        under(
            faults.failure_mode("schema_mismatch"),
            do=mismatched_orders,
            predict=(
                Prediction(
                    "category of death", probes.letters("errorCategory"), exactly({"VALIDATION": ALL})
                ),
            ),
            premise=f"{CURABLE} orders are sent, and {HOPELESS} whose lines cost more than their amount.",
        ),
        recovery(
            move_to_where_they_came_from,
            Prediction("status of the task", probes.move_task("Status"), exactly("FAILED")),
            Prediction(
                "why it failed", probes.move_task("FailureReason"), exactly("CouldNotDetermineMessageSource")
            ),
            Prediction("messages in the DLQ", probes.dlq_depth(), exactly(ALL), rules.NOTHING_MOVED),
            name="move without a destination",
            premise="SQS is told to move them to where they came from.",
        ),
        recovery(
            move_to_the_queue,
            Prediction("messages moved", probes.move_task("ApproximateNumberOfMessagesMoved"), at_least(ALL)),
            Prediction("orders processed", probes.processed(), exactly(CURABLE)),
            Prediction(
                "category of death",
                probes.letters("errorCategory"),
                exactly({"PERMANENT": HOPELESS}),
                rules.HOPELESS,
            ),
            Prediction(
                "times redriven", probes.letters("redriveCount"), exactly({"0": HOPELESS}), rules.NO_TRACE
            ),
            Prediction("redriven counted", probes.counted("OrdersRedriven"), exactly(0), rules.NOT_OURS),
            name="move to the queue",
            premise="SQS is told to move them to the queue.",
        ),
    ),
    ends_with=HOPELESS,
    relies_on=("a message moved by StartMessageMoveTask",),
)
