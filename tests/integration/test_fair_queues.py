"""With the setting fairQueues an order's customer is its message's group, from the API to the DLQ."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lab.faults.changes import Change, Changes
from lab.faults.runtime_settings import MAPPING_ENABLED, environment_of
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually
from tests.support.redrives import dlq_messages

SECONDS = 120.0


@pytest.fixture
def fair(pipeline: Pipeline) -> Iterator[None]:
    """Ingest as it is deployed with the setting, and a queue that nobody reads."""
    ingest = environment_of(pipeline.stack.ingest_function_name)
    with ExitStack() as changed:
        for change in (
            Change(ingest, lambda now, _pipeline: now | {"FAIR_QUEUES": "true"}, "fair queues"),
            Change(MAPPING_ENABLED, lambda _now, _pipeline: False, "nobody reads"),
        ):
            changed.enter_context(Changes(pipeline).temporarily(change, why="a test", seconds=SECONDS))
        yield


def test_a_customer_s_orders_are_one_group(pipeline: Pipeline, api: Api, fair: None) -> None:
    for customer in ("noisy", "noisy", "quiet"):
        (order,) = orders(1, label="fair")
        api.submit(order | {"customerId": customer})
    groups: list[str] = []

    def received() -> bool:
        answer = pipeline.aws.client("sqs").receive_message(
            QueueUrl=pipeline.stack.queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=5,
            MessageSystemAttributeNames=["All"],
        )
        groups.extend(message["Attributes"]["MessageGroupId"] for message in answer.get("Messages", []))
        return len(groups) >= 3

    eventually(received, within=20)
    assert sorted(groups) == ["noisy", "noisy", "quiet"]


def test_a_letter_stays_in_its_group(pipeline: Pipeline) -> None:
    """The worker hands a message on with the group that it came with."""
    pipeline.aws.client("sqs").send_message(
        QueueUrl=pipeline.stack.queue_url, MessageBody="no order", MessageGroupId="noisy"
    )
    (letter,) = eventually(lambda: dlq_messages(pipeline), within=30)
    assert letter["Attributes"]["MessageGroupId"] == "noisy"
