"""Breaker strategies: one outage, three ways to wait for its end, and what each loses to the DLQ.

Ten orders meet an outage of the price service. With the strategy `none` an open circuit is one more failure: five quick
receives, and ten good orders are in the DLQ. With `defer` a message that met an open circuit is hidden until the
circuit may close, three times as long after each further receive: the same outage ends before the receives do. With
`pause` the event source mapping is switched off as well, and comes on again by itself.
"""

from lab.faults import catalogue as faults
from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_least, between, exactly, recovery, under, where

ORDERS, RECEIVES = 10, 5
OUTAGE_SECONDS = 11
RETRY_CAP_SECONDS = 2
"""With `none` five receives are at most 1 + 2 + 2 + 2 s apart: the outage is longer."""


def outage(strategy: str, dead: int, fewest: int, most: int, why: str, *more: Prediction):
    def strike(run: Experiment) -> None:
        run.submit_batch(ORDERS, label=strategy)
        run.hold(OUTAGE_SECONDS)
        run.note(f"DLQ after {OUTAGE_SECONDS} s of outage, strategy {strategy}", run.pipeline.dlq().total)

    worker = faults.worker_environment(BREAKER_STRATEGY=strategy, RETRY_CAP_SECONDS=str(RETRY_CAP_SECONDS))
    predict = (
        Prediction("in the DLQ", probes.dlq_depth(), exactly(dead), why),
        Prediction("in the queue", probes.queue_depth(), exactly(ORDERS - dead), why),
        Prediction("most receives of an order", probes.most_receives(strategy), between(fewest, most), why),
        *more,
    )
    premise = f"{ORDERS} orders are sent in one request; after {OUTAGE_SECONDS} s of outage:"
    slow = faults.failure_mode("slow_downstream")
    return under(worker, slow, do=strike, predict=predict, premise=premise, name=f"outage with {strategy}")


def redrive_the_dead(run: Experiment) -> None:
    run.processed(run.submit(1, label="probe"))  # a redrive halts while a circuit is open
    run.redrive()
    run.processed()


def patience(run: Experiment) -> None:
    run.processed(within=100)


REDRIVEN = "1 order is sent, then everything in the DLQ is redriven."
PAUSED = Prediction("times paused", probes.emitted("MappingPaused", "valve"), at_least(1), rules.PAUSES)
RESUMED = Prediction("times resumed", probes.emitted("MappingResumed", "valve"), at_least(1), rules.RESUMES)


def processed(count: int, why: str = "") -> Prediction:
    return Prediction("orders processed", probes.processed(), exactly(count), why)


SCENARIO = Scenario(
    title="Breaker strategies: one outage under each",
    hypothesis="Failing fast on an open circuit burns receives and kills good orders; waiting keeps them alive.",
    phases=(
        outage("none", ORDERS, RECEIVES, RECEIVES, rules.NONE_KILLS),
        recovery(redrive_the_dead, processed(ORDERS + 1), premise=REDRIVEN, name="after none"),
        outage("defer", 0, 1, RECEIVES - 1, rules.OUTLASTS),
        recovery(patience, processed(2 * ORDERS + 1, rules.OUTLASTS), name="after defer"),
        *where(
            faults.can_pause,
            outage("pause", 0, 1, RECEIVES - 1, rules.OUTLASTS, PAUSED),
            recovery(patience, processed(3 * ORDERS + 1, rules.OUTLASTS), RESUMED, name="after pause"),
        ),
    ),
    seconds=300,
)
