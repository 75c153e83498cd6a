"""Breaker strategies: the same outage, and what each strategy loses to the DLQ.

Ten orders meet an outage of the price service. With the strategy `none` an open circuit is one more failure: five
quick receives, and ten good orders are in the DLQ. With `defer` a message that met an open circuit is hidden until the
circuit may close, twice as long each time: the same outage ends before the receives do, and the DLQ stays empty.

Seen to fail: run `--without-fault`, nothing is in the DLQ with `none` and nothing in the queue with `defer`.
"""

from lab.scenario import Experiment, Prediction, Scenario, exactly, faults, read, recovery, under

ORDERS = 10
OUTAGE_SECONDS = 25
"""Longer than five receives take with `none` (at most 1 + 2 + 4 + 8 s apart), shorter than with `defer`."""


def outage(run: Experiment) -> None:
    run.submit(ORDERS, label="outage")
    run.hold(OUTAGE_SECONDS)


def redrive_the_dead(run: Experiment) -> None:
    run.redrive()
    run.processed(within=60)


def patience(run: Experiment) -> None:
    run.processed(within=60)


SCENARIO = Scenario(
    title="Breaker strategies: one outage under each",
    hypothesis="Failing fast on an open circuit burns receives and kills good orders; deferring keeps them alive.",
    acts=(
        under(
            faults.worker_environment(BREAKER_STRATEGY="none"),
            faults.failure_mode("slow_downstream"),
            do=outage,
            predict=(
                Prediction("in the DLQ with `none`", read.dlq_depth(), exactly(ORDERS)),
                Prediction("receives until death", read.letters("receiveCount"), exactly({"5": ORDERS})),
            ),
            name="outage with none",
        ),
        recovery(redrive_the_dead, Prediction("orders processed", read.processed(), exactly(ORDERS))),
        under(
            faults.worker_environment(BREAKER_STRATEGY="defer"),
            faults.failure_mode("slow_downstream"),
            do=outage,
            predict=(
                Prediction("in the DLQ with `defer`", read.dlq_depth(), exactly(0)),
                Prediction("messages in the queue", read.queue_depth(), exactly(ORDERS)),
                Prediction(
                    "in the DLQ with `pause`",
                    read.dlq_depth(),
                    exactly(0),
                    unprovable=lambda _run: (
                        "nothing in this deployment resumes a paused event source mapping"
                    ),
                ),
            ),
            name="outage with defer",
        ),
        recovery(
            patience,
            Prediction("orders processed", read.processed(), exactly(2 * ORDERS)),
            Prediction("most executions of one order", read.most_executions(), exactly(1)),
            Prediction("messages in the DLQ", read.dlq_depth(), exactly(0)),
        ),
    ),
    seconds=200,
)
