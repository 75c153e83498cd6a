"""How fast a backlog drains depends on how many workers may run at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.faults import Fault, FaultProxy, routed, runtime_settings
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually

pytestmark = pytest.mark.long

BATCHES, BATCH, SLOW_MS = 12, 10, 1000


@contextmanager
def at_most(pipeline: Pipeline, workers: int) -> Iterator[None]:
    """The mapping's MaximumConcurrency (the setting workerMaxConcurrency) for the duration of a `with` block."""
    client, mapping = pipeline.aws.client("lambda"), pipeline.stack.worker_event_source_mapping_id

    def scale(config: dict[str, int]) -> None:
        client.update_event_source_mapping(UUID=mapping, ScalingConfig=config)
        eventually(lambda: client.get_event_source_mapping(UUID=mapping)["State"] in ("Enabled", "Disabled"))

    scale({"MaximumConcurrency": workers})
    try:
        yield
    finally:
        scale({})


def drain(pipeline: Pipeline, api: Api, workers: int) -> float:
    """Seconds that so many workers need for the backlog."""
    with at_most(pipeline, workers):
        runtime_settings.MAPPING_ENABLED.write(pipeline, False)
        for order in orders(BATCHES * BATCH, label=f"drain-{workers}"):
            api.submit(order)
        runtime_settings.MAPPING_ENABLED.write(pipeline, True)
        began = time.monotonic()
        eventually(lambda: pipeline.queue().total == 0, within=90, every=0.2)
        return time.monotonic() - began


def test_a_backlog_drains_slower_the_fewer_workers_may_run(pipeline: Pipeline, api: Api) -> None:
    """A slow event bus makes workers wait rather than compute: what counts is how many wait at once."""
    worker = pipeline.stack.worker_function_name
    assert pipeline.aws.endpoint
    with (
        FaultProxy(pipeline.aws.endpoint) as proxy,
        routed(pipeline, [worker], proxy.endpoint, ["EVENTBRIDGE"]),
    ):
        proxy.inject(Fault(service="events", operation="PutEvents", latency_ms=SLOW_MS, ttl_seconds=240))
        drain(pipeline, api, 8)  # cold starts belong to neither
        many, few = drain(pipeline, api, 8), drain(pipeline, api, 2)
        assert proxy.fired()
    assert few >= BATCHES / 2 * SLOW_MS / 1000
    assert few > 1.5 * many
    assert pipeline.dlq().total == 0
