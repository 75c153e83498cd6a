"""Redrive operations while everything around them fails: no order is lost, and none has its effect twice."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions.redrive.crash import Step
from lab.dlq.browser import DlqBrowser
from lab.dlq.repair import discard
from lab.dlq.seed import bury
from lab.errors import LabError
from lab.faults import Fault, FaultProxy, routed
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.queues import purge
from support.eventually import eventually
from tests.support.redrives import TAKE_OVER_SECONDS, dying_at, executions, finished, settled, supply
from tests.support.refusing import RefusingSqs

pytestmark = pytest.mark.long

ORDERS = 40
ALWAYS = 1_000
MANY = 1_000
SIXTH_STEP = 6
"""Three canaries, then 10, 20, 40 and 80: the sixth batch of steps begins after 153 messages and ends at 313."""


@contextmanager
def refusing(pipeline: Pipeline, operation: str, times: int) -> Iterator[RefusingSqs]:
    aws = pipeline.aws
    assert aws.endpoint
    with (
        RefusingSqs(aws.endpoint, operation, times) as sqs,
        routed(pipeline, [pipeline.stack.redrive_function_name], sqs.endpoint, ["SQS"]),
    ):
        yield sqs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", [Step.SENT, Step.RECORDED, Step.DELETED])
def test_a_thousand_orders_survive_a_kill_in_the_middle(pipeline: Pipeline, api: Api, step: Step) -> None:
    ids = bury(pipeline, supply(MANY))
    with dying_at(pipeline, f"{step}:{SIXTH_STEP}"):
        operation = api.start_redrive(maxMessages=MANY)
        eventually(lambda: api.redrive(operation)["moved"] >= 153, within=60)
        row = finished(api, operation, within=2 * TAKE_OVER_SECONDS)
    assert row["status"] == "SUCCEEDED"
    assert row["invocations"] >= 2
    settled(pipeline, ids, within=120, succeeded=MANY, in_dlq=0)
    assert executions(pipeline, ids) == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("operation", ["SendMessageBatch", "DeleteMessageBatch"])
def test_entries_that_sqs_refuses_are_tried_again(pipeline: Pipeline, api: Api, operation: str) -> None:
    ids = bury(pipeline, supply(ORDERS))
    with refusing(pipeline, operation, times=2) as sqs:
        row = finished(api, api.start_redrive(maxMessages=100))
    assert sqs.refused >= ORDERS // 2
    assert (row["status"], row["moved"], row["notSent"], row["notDeleted"]) == ("SUCCEEDED", ORDERS, 0, 0)
    settled(pipeline, ids, succeeded=ORDERS, in_dlq=0)


def test_messages_that_sqs_refuses_stay_in_the_dlq(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(ORDERS))
    with refusing(pipeline, "SendMessageBatch", ALWAYS):
        row = finished(api, api.start_redrive(maxMessages=100, canaryMessages=0))
    assert (row["moved"], row["notSent"]) == (ORDERS // 2, ORDERS // 2)
    settled(pipeline, ids, succeeded=ORDERS // 2, in_dlq=ORDERS // 2)
    row = finished(api, api.start_redrive(maxMessages=100))
    assert row["moved"] == ORDERS // 2
    settled(pipeline, ids, succeeded=ORDERS, in_dlq=0)


def test_messages_that_sqs_does_not_delete_come_twice_and_count_once(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(ORDERS))
    with refusing(pipeline, "DeleteMessageBatch", ALWAYS):
        row = finished(api, api.start_redrive(maxMessages=100))
    assert (row["moved"], row["notDeleted"]) == (ORDERS, ORDERS // 2)
    eventually(lambda: executions(pipeline, ids) == dict.fromkeys(ids, 1), within=40)
    eventually(lambda: pipeline.dlq().visible == ORDERS // 2, within=40)
    row = finished(api, api.start_redrive(maxMessages=100))
    assert (row["status"], row["moved"]) == ("SUCCEEDED", ORDERS // 2)
    settled(pipeline, ids, succeeded=ORDERS, in_dlq=0)


FAULTS = {
    "the DLQ cannot be received from": Fault(
        service="sqs", operation="ReceiveMessage", error="InternalError", status=500, times=8
    ),
    "the queue cannot be sent to": Fault(
        service="sqs", operation="SendMessageBatch", error="ServiceUnavailable", status=503, times=8
    ),
    "the connection of a send is reset": Fault(
        service="sqs", operation="SendMessageBatch", reset=True, times=4
    ),
    "the DLQ cannot be deleted from": Fault(
        service="sqs", operation="DeleteMessageBatch", error="InternalError", status=500, times=8
    ),
    "progress cannot be recorded": Fault(
        service="dynamodb", operation="UpdateItem", error="InternalServerError", status=500, times=5
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_an_operation_gets_over_an_aws_api_that_fails_for_a_while(
    pipeline: Pipeline, api: Api, fault: Fault
) -> None:
    """It may take a second invocation, or a second operation for what the first one gave up."""
    aws = pipeline.aws
    assert aws.endpoint
    ids = bury(pipeline, supply(ORDERS))
    with (
        FaultProxy(aws.endpoint) as proxy,
        routed(pipeline, [pipeline.stack.redrive_function_name], proxy.endpoint),
    ):
        proxy.inject(fault)
        try:
            finished(api, api.start_redrive(maxMessages=100), within=TAKE_OVER_SECONDS)
        except LabError as refused:  # the operation could not even be recorded
            assert refused.what  # noqa: PT017  either way is right
        hits = proxy.fired(fault.service, fault.operation)
        assert 0 < len(hits) <= (fault.times or 0)
        proxy.clear()
        left = pipeline.dlq().total
        if left:
            eventually(lambda: pipeline.dlq().visible == left, within=TAKE_OVER_SECONDS)
            finished(api, api.start_redrive(maxMessages=100, force=True), within=TAKE_OVER_SECONDS)
    settled(pipeline, ids, succeeded=ORDERS, in_dlq=0)
    assert executions(pipeline, ids) == dict.fromkeys(ids, 1)


def test_a_dlq_that_changes_underneath_keeps_the_ledger_whole(pipeline: Pipeline, api: Api) -> None:
    """While an operation is under way others look, discard, and more orders die."""
    ids = bury(pipeline, supply(60))
    operation = api.start_redrive(maxMessages=100, ratePerSecond=10, canaryMessages=1)
    eventually(lambda: api.redrive(operation)["moved"] >= 11, within=30)
    young = bury(pipeline, supply(5), age_seconds=0)
    browser = DlqBrowser(pipeline)
    # the last of them: the operation, which goes on, is least likely to have it by the next line
    given_up = [message for message in browser.browse(100).envelopes if message.order_id in ids][-1]
    with browser.take(given_up.message_id) as envelope:
        discard(pipeline, browser, envelope, "test")
    row = finished(api, operation)
    assert row["status"] == "SUCCEEDED"
    assert 11 <= row["moved"] <= 59
    left = 60 - 1 - row["moved"]
    settled(pipeline, [*ids, *young], succeeded=row["moved"], discarded=1, in_dlq=left + 5)
    row = finished(api, api.start_redrive(maxMessages=100, minAgeSeconds=0))
    assert row["moved"] == left + 5
    settled(pipeline, [*ids, *young], succeeded=64, discarded=1, in_dlq=0)


def test_an_asynchronous_invocation_that_fails_for_good_is_kept_with_its_reason(pipeline: Pipeline) -> None:
    """One with an event that the function does not know; it is tried once here, as Lambda waits minutes in between."""
    client, name = pipeline.aws.client("lambda"), pipeline.stack.redrive_function_name
    sqs = pipeline.aws.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{pipeline.stack.prefix}-failed-invocations")["QueueUrl"]
    config = client.get_function_event_invoke_config(FunctionName=name)
    assert config["DestinationConfig"]["OnFailure"]["Destination"].endswith("-failed-invocations")
    client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    try:
        event = {"marker": str(uuid.uuid4())}
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
        (kept,) = eventually(
            lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []), within=60
        )
    finally:
        client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=2)
        purge(sqs, queue)
    document = json.loads(kept["Body"])
    assert document["requestPayload"] == event
    assert document["requestContext"]["condition"] == "RetriesExhausted"
