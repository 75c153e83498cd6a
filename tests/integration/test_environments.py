"""Two environments on one engine, as in one account: what breaks in one neither rings nor counts in the other."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lab.deployment.deploy import deploy
from lab.engines.clients import Aws
from lab.faults import runtime_settings
from lab.pipeline.api import Api
from lab.pipeline.metrics import Metric, Sums, counted, emitted
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from support.eventually import eventually
from tests.support.turned import turned

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

TIMEOUT = 2
SETTINGS = {"workerTimeoutSeconds": str(TIMEOUT), "queueVisibilitySeconds": str(6 * TIMEOUT)}
HEALTHY_ORDERS = 3
RINGS = {"critical-dlq-depth", "warning-latency"}
"""What a dead letter and orders that are late set off."""

type Environment = tuple[Pipeline, Api]


@pytest.fixture(scope="module")
def environments(local: Aws) -> Iterator[tuple[Environment, Environment]]:
    with ExitStack() as stack:

        def deployed(name: str) -> Environment:
            pipeline = Pipeline(local, deploy(local, name, SETTINGS, print))
            return pipeline, stack.enter_context(Api(local, pipeline.stack))

        yield deployed("broken"), deployed("healthy")


def metrics_of(pipeline: Pipeline) -> dict[str, Metric]:
    """What tells an incident: how orders ended, by the functions' own metrics and by the filters of their logs."""
    names = ("OrdersProcessed", "OrdersFailed", "OrdersDeadLettered")
    return {name: emitted(pipeline.stack, name, "worker") for name in names} | {
        f"{name} (logs)": counted(pipeline.stack, name) for name in names
    }


def test_an_incident_in_one_environment_leaves_alarms_and_counts_of_the_other_still(
    environments: tuple[Environment, Environment],
) -> None:
    (broken, front_of_broken), (healthy, front_of_healthy) = environments
    sums = {pipeline: Sums(pipeline) for pipeline in (broken, healthy)}
    for pipeline, counts in sums.items():
        for metric in metrics_of(pipeline).values():
            counts.watch(metric)

    def counts(pipeline: Pipeline) -> dict[str, float]:
        return {name: sums[pipeline].of(metric) for name, metric in metrics_of(pipeline).items()}

    def ringing(pipeline: Pipeline) -> set[str]:
        return {name for name, state in pipeline.alarm_states().items() if state == "ALARM"}

    for order in orders(HEALTHY_ORDERS, label="healthy"):
        front_of_healthy.submit(order)
    sqs = broken.aws.client("sqs")
    sqs.send_message(QueueUrl=broken.stack.queue_url, MessageBody="no order")
    rang_beside: set[str] = set()

    def rings() -> bool:
        front_of_broken.submit(next(orders(1, label="late")))
        rang_beside.update(ringing(healthy))
        return ringing(broken) >= RINGS

    with turned(runtime_settings.QUEUE_DELAY, broken, str(TIMEOUT + 1)):
        eventually(rings, within=75, every=0.5)
    expected = {
        name: HEALTHY_ORDERS if name.startswith("OrdersProcessed") else 0 for name in metrics_of(healthy)
    }
    eventually(lambda: counts(healthy) == expected, within=15)
    assert rang_beside == set()
    assert counts(broken)["OrdersDeadLettered"] == counts(broken)["OrdersDeadLettered (logs)"] == 1
    purge(sqs, broken.stack.dlq_url)
