"""Traffic spike: ten times the usual rate for eight seconds.

One order a second is usual; then ten a second come. The queue takes what the worker cannot at once; nobody is turned
away, nothing dies, and soon after the spike the queue is empty again. Where the machine is so busy that an invocation
runs out of time, its orders wait for one visibility timeout (30 s), not for two.
"""

from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, at_most, exactly, recovery, steady, under

USUAL, SPIKE = 1, 10
SECONDS = 8


def usual_traffic(run: Experiment) -> None:
    run.processed(run.submit_at(USUAL, USUAL * SECONDS, label="usual"))


def ten_times_as_much(run: Experiment) -> None:
    run.submit_at(SPIKE, SPIKE * SECONDS, label="spike")


def drain(run: Experiment) -> None:
    run.drained(within=60)


ALL = (USUAL + SPIKE) * SECONDS

SCENARIO = Scenario(
    title="Traffic spike: ten times the usual rate",
    hypothesis="The queue absorbs a spike: every order is accepted, none dies, and the backlog drains by itself.",
    phases=(
        steady(
            usual_traffic,
            Prediction("orders processed", probes.processed(), exactly(USUAL * SECONDS)),
            premise=f"{USUAL} order a second is sent for {SECONDS} s.",
        ),
        under(
            do=ten_times_as_much,
            predict=(Prediction("requests answered 202", probes.answers(202), exactly(ALL)),),
            name="spike",
            premise=f"{SPIKE} orders a second are sent for {SECONDS} s.",
        ),
        recovery(
            drain,
            Prediction("orders processed", probes.processed(), exactly(ALL), rules.BACKLOG, within=60),
            Prediction("processed counted", probes.counted("OrdersProcessed"), exactly(ALL)),
            Prediction("most executions of one order", probes.most_executions(), exactly(1)),
            Prediction("slowest order, ms", probes.slowest_ms(), at_most(60_000), rules.BACKLOG),
            Prediction("messages in the queue", probes.queue_depth(), exactly(0), rules.BACKLOG),
            Prediction("most messages in the DLQ at once", probes.deepest_dlq(), exactly(0)),
        ),
    ),
    alarms=("critical-dlq-depth", "warning-backlog"),
)
