"""Signals of the deployed pipeline, read through AWS APIs while orders go through it."""

from infra.components.names import ALARMS
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.signals import Reader, Signals
from support.eventually import eventually


def test_a_snapshot_shows_the_flow_through_the_pipeline(pipeline: Pipeline, api: Api) -> None:
    reader = Reader(pipeline)
    try:
        assert reader.read().rates.processed == 0
        for order in orders(5, label="vitals"):
            api.submit(order)

        def processed() -> Signals:
            reading = reader.read()
            assert reading.rates.accepted > 0
            assert reading.rates.processed > 0
            assert reading.latency is not None
            return reading

        seen = eventually(processed, within=20, every=0.5)
    finally:
        reader.close()
    assert seen.latency is not None
    assert 0 < seen.latency.p50 <= seen.latency.p95 <= seen.latency.p99
    assert set(ALARMS) <= set(seen.alarms)
    assert seen.took < 10


def test_an_invalid_order_and_a_message_that_waits_are_seen(pipeline: Pipeline, api: Api) -> None:
    reader = Reader(pipeline)
    try:
        reader.read()
        assert api.post_order({"orderId": "vitals-1", "amount": -1}).status_code == 422
        pipeline.aws.client("sqs").send_message(
            QueueUrl=pipeline.stack.queue_url, MessageBody="{}", DelaySeconds=60
        )
        eventually(lambda: reader.read().rates.client_errors > 0, within=20, every=0.5)
        assert reader.read().queue.delayed == 1
    finally:
        reader.close()
