"""AWS APIs that fail under the functions, injected from outside their code. The audit proves that they did."""

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from functions.common import codec
from lab.engines.direct import DIRECT
from lab.faults import Fault, FaultProxy, routed, runtime_settings
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.tap import tap
from support.eventually import eventually
from tests.support.turned import turned

pytestmark = pytest.mark.long

ORDERS = 5


@pytest.fixture(scope="module")
def routed_proxy(pipeline: Pipeline) -> Iterator[FaultProxy]:
    """A proxy that ingest and worker talk through, and both warm."""
    aws, stack = pipeline.aws, pipeline.stack
    assert aws.endpoint
    with (
        FaultProxy(aws.endpoint) as proxy,
        routed(pipeline, [stack.ingest_function_name, stack.worker_function_name], proxy.endpoint),
        Api(aws, stack) as api,
    ):
        processed(pipeline, api, "warm", 1)
        assert proxy.calls() > 0
        yield proxy
    for name in (stack.ingest_function_name, stack.worker_function_name):
        found = aws.client("lambda").get_function_configuration(FunctionName=name)
        assert "AWS_ENDPOINT_URL" not in json.dumps(found["Environment"])


@pytest.fixture
def proxy(routed_proxy: FaultProxy) -> Iterator[FaultProxy]:
    yield routed_proxy
    routed_proxy.clear()


def processed(pipeline: Pipeline, api: Api, label: str, count: int, within: float = 60) -> None:
    """Submit orders, and wait until each has its effect once and nothing is left anywhere."""
    ids = {api.submit(order).order_id for order in orders(count, label=label)}
    eventually(
        lambda: ids <= {effect.order_id for effect in pipeline.effects(ids)} and pipeline.queue().total == 0,
        within=within,
        every=0.3,
    )
    executions = {e.order_id: e.executions for e in pipeline.effects(ids)}
    assert executions == dict.fromkeys(ids, 1)
    assert pipeline.dlq().total == 0


FAULTS = {
    "the table is throttled": Fault(
        service="dynamodb",
        operation="PutItem",
        error="ProvisionedThroughputExceededException",
        times=7,
    ),
    "the transaction fails": Fault(
        service="dynamodb", operation="TransactWriteItems", error="InternalServerError", times=4
    ),
    "the transaction's connection is reset": Fault(
        service="dynamodb", operation="TransactWriteItems", reset=True, times=4
    ),
    "the table is slow": Fault(service="dynamodb", operation="PutItem", latency_ms=400, times=5),
    "the bus answers 500": Fault(
        service="events", operation="PutEvents", error="InternalException", status=500, times=2
    ),
    "the queue answers 500 to ingest": Fault(
        service="sqs", operation="SendMessageBatch", error="InternalError", status=500, times=2
    ),
    "the queue answers 503 to ingest": Fault(
        service="sqs", operation="SendMessageBatch", error="ServiceUnavailable", status=503, times=2
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_passing_fault_costs_no_order_and_no_second_effect(
    pipeline: Pipeline, api: Api, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.inject(fault)
    processed(pipeline, api, "fault", ORDERS)
    hits = proxy.fired(fault.service, fault.operation)
    assert len(hits) == len(proxy.fired())
    assert 0 < len(hits) <= (fault.times or 0)
    if fault.error:
        assert {hit.action for hit in hits} == {f"error:{fault.error}"}


def test_an_order_is_announced_although_the_bus_failed_longer_than_a_call_is_repeated(
    pipeline: Pipeline, api: Api, proxy: FaultProxy
) -> None:
    """The effect is committed by the first delivery; a later one, a duplicate, announces it."""
    proxy.inject(
        Fault(service="events", operation="PutEvents", error="InternalException", status=500, times=4)
    )
    with tap(pipeline.aws, pipeline.stack.order_events_topic_arn) as events:
        (order,) = orders(1, label="announced")
        order_id = api.submit(order).order_id
        heard = eventually(
            lambda: [n for n in events.notifications() if n["detail"].get("orderId") == order_id], within=60
        )
    assert {event["detail-type"] for event in heard} == {"OrderProcessed"}
    assert len(proxy.fired("events", "PutEvents")) == 4
    assert [e.executions for e in pipeline.effects([order_id])] == [1]


def test_a_message_that_hangs_neither_fails_nor_delays_its_neighbours(
    pipeline: Pipeline, proxy: FaultProxy
) -> None:
    """Its call takes longer than the worker's time: the others are done with at their first receive."""
    proxy.inject(Fault(service="dynamodb", operation="PutItem", latency_ms=8_000, times=1))
    since = time.time()
    with turned(runtime_settings.MAPPING_ENABLED, pipeline, False):  # they are to be received together
        ids = submit_batch(pipeline, 10)

    def done() -> set[str]:
        return ids & {effect.order_id for effect in pipeline.effects(ids)}

    eventually(lambda: len(done()) >= 9, within=20)
    assert len(done()) == 9
    eventually(lambda: done() == ids and pipeline.queue().total == 0, within=60)
    assert len(proxy.fired("dynamodb", "PutItem")) == 1
    lines = worker_lines(pipeline, since)
    (late,) = {line["orderId"] for line in lines if line["event"] == "order.failed"}
    (batch,) = {line["function_request_id"] for line in lines if line["event"] == "order.failed"}
    neighbours = [line for line in lines if line["function_request_id"] == batch and line["orderId"] != late]
    assert neighbours, "the message that hung was alone in its batch: nothing was shown"
    assert {line["event"] for line in neighbours} == {"order.processed"}
    # The call that hung may still have ended well, after its worker had given it up.
    assert {line["orderId"] for line in lines if line["event"] == "order.duplicate"} <= {late}
    executions = {e.order_id: e.executions for e in pipeline.effects(ids)}
    assert executions == dict.fromkeys(ids, 1)


def submit_batch(pipeline: Pipeline, count: int) -> set[str]:
    """Orders in one request, so that the worker gets them together."""
    events = list(orders(count, label="batch"))
    url = f"{pipeline.stack.api_url}/events/batch"
    answer = httpx.post(url, json={"events": events}, timeout=30, **DIRECT)
    assert answer.json()["accepted"] == count
    return {str(event["orderId"]) for event in events}


def worker_lines(pipeline: Pipeline, since: float) -> list[dict[str, Any]]:
    """What the worker logged about orders since a time (epoch seconds)."""
    pages = (
        pipeline.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{pipeline.stack.worker_function_name}",
            filterPattern='{ $.event = "order.*" }',
            startTime=round(since * 1000),
        )
    )
    return [json.loads(event["message"]) for page in pages for event in page["events"]]


INGEST_SECONDS = 20
"""Its timeout, under either profile."""

HANGS = {
    "failure modes": Fault(service="ssm", operation="GetParameters", hangs=True),
    "claims": Fault(service="dynamodb", operation="PutItem", hangs=True),
    "commits": Fault(service="dynamodb", operation="TransactWriteItems", hangs=True),
    "circuits": Fault(service="dynamodb", operation="GetItem", hangs=True),
    "the bus": Fault(service="events", operation="PutEvents", hangs=True),
    "visibility timeouts": Fault(service="sqs", operation="ChangeMessageVisibilityBatch", hangs=True),
}


@pytest.mark.parametrize("fault", HANGS.values(), ids=HANGS.keys())
def test_a_dependency_that_never_answers_ends_no_worker_and_costs_no_order(
    pipeline: Pipeline, proxy: FaultProxy, fault: Fault
) -> None:
    """The worker answers with its partial batch in time, so that every message is retried, and none dies."""
    since = time.time()
    if fault.operation == "ChangeMessageVisibilityBatch":  # asked for messages that fail, each in three tries
        proxy.inject(Fault(service="dynamodb", operation="PutItem", error="InternalServerError", times=30))
    proxy.inject(fault)
    ids = submit_batch(pipeline, 10)
    eventually(  # again, as what a function has read lately it does not ask for
        lambda: proxy.fired(fault.service, fault.operation) or ids.update(submit_batch(pipeline, 2)),
        within=30,
        every=1,
    )
    eventually(lambda: invocations(pipeline, since), within=30)
    proxy.clear()
    eventually(
        lambda: ids <= {effect.order_id for effect in pipeline.effects(ids)} and pipeline.queue().total == 0,
        within=120,
        every=0.5,
    )
    assert {e.order_id: e.executions for e in pipeline.effects(ids)} == dict.fromkeys(ids, 1)
    assert pipeline.dlq().total == 0
    assert timed_out(pipeline, since) == []


def test_a_dlq_that_never_answers_keeps_no_neighbour_back(pipeline: Pipeline, proxy: FaultProxy) -> None:
    """The order that has to die is retried; the others are acknowledged at their first receive."""
    since = time.time()
    good = list(orders(9, label="neighbour"))
    (hopeless,) = orders(1, label="hopeless")
    hopeless |= {"items": [{"sku": "s", "quantity": 9, "unitPrice": 999_999}]}
    entries = [order_entry(order) for order in [*good, hopeless]]
    proxy.inject(Fault(service="sqs", operation="SendMessageBatch", hangs=True))
    pipeline.aws.client("sqs").send_message_batch(QueueUrl=pipeline.stack.queue_url, Entries=entries)
    ids = {str(order["orderId"]) for order in good}
    eventually(lambda: proxy.fired("sqs", "SendMessageBatch"), within=30)
    eventually(lambda: ids <= {effect.order_id for effect in pipeline.effects(ids)}, within=30)
    proxy.clear()
    eventually(lambda: pipeline.dlq().total == 1 and pipeline.queue().total == 0, within=120, every=0.5)
    lines = [line for line in worker_lines(pipeline, since) if line.get("orderId") in ids]
    assert {line["event"] for line in lines} == {"order.processed"}
    assert {line["receiveCount"] for line in lines} == {1}
    assert timed_out(pipeline, since) == []


def test_a_client_is_told_in_time_that_the_queue_does_not_answer(
    pipeline: Pipeline, proxy: FaultProxy
) -> None:
    since = time.time()
    proxy.inject(Fault(service="sqs", operation="SendMessageBatch", hangs=True))
    proxy.inject(Fault(service="ssm", operation="GetParameters", hangs=True))
    url = f"{pipeline.stack.api_url}/events/batch"
    events = list(orders(100, label="silent"))
    answer = httpx.post(url, json={"events": events}, timeout=60, **DIRECT)
    seconds = time.time() - since
    proxy.clear()
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == [503] * len(events)
    assert seconds < INGEST_SECONDS
    assert pipeline.queue().total == 0


ANSWERED_WITHIN = 30
"""Seconds: an HTTP API waits no longer for its function."""

SPELLINGS = itertools.count(1)
UNKNOWN = str(uuid.uuid4())
REDRIVE_HANGS = {
    "the DLQ": (Fault(service="sqs", operation="ReceiveMessage", hangs=True), "GET", "preview"),
    "its depth": (Fault(service="sqs", operation="GetQueueAttributes", hangs=True), "POST", "start"),
    "a new row": (Fault(service="dynamodb", operation="PutItem", hangs=True), "POST", "start"),
    "a row": (Fault(service="dynamodb", operation="GetItem", hangs=True), "GET", UNKNOWN),
    "a change of a row": (
        Fault(service="dynamodb", operation="UpdateItem", hangs=True),
        "POST",
        f"{UNKNOWN}/cancel",
    ),
    "the next invocation": (Fault(service="lambda", operation="Invoke", hangs=True), "POST", "start"),
}


@pytest.fixture(scope="module")
def proxy_of_redrives(pipeline: Pipeline) -> Iterator[FaultProxy]:
    """A proxy that the redrive function talks through."""
    function, services = pipeline.stack.redrive_function_name, ("DYNAMODB", "LAMBDA", "SQS")
    assert pipeline.aws.endpoint
    with (
        FaultProxy(pipeline.aws.endpoint) as proxy,
        routed(pipeline, [function], proxy.endpoint, services),
    ):
        yield proxy


@pytest.mark.parametrize("asked", REDRIVE_HANGS.values(), ids=REDRIVE_HANGS.keys())
def test_who_asks_for_a_redrive_is_told_in_time_that_a_dependency_does_not_answer(
    pipeline: Pipeline, api: Api, proxy_of_redrives: FaultProxy, asked: tuple[Fault, str, str]
) -> None:
    fault, method, path = asked
    answer, seconds = answered(pipeline, api, proxy_of_redrives, fault, method, path)
    assert answer.status_code == 503
    assert answer.json()["correlationId"]
    assert seconds < ANSWERED_WITHIN


def test_nobody_passes_an_authorizer_whose_secret_does_not_come_and_is_told_so_in_time(
    pipeline: Pipeline, api: Api
) -> None:
    fault = Fault(service="secretsmanager", operation="GetSecretValue", hangs=True)
    assert pipeline.aws.endpoint
    with (
        FaultProxy(pipeline.aws.endpoint) as proxy,
        routed(pipeline, [f"{pipeline.stack.prefix}-authorizer"], proxy.endpoint, ["SECRETS_MANAGER"]),
    ):
        answer, seconds = answered(pipeline, api, proxy, fault, "GET", "preview")
    assert answer.status_code == 500
    assert seconds < ANSWERED_WITHIN


def answered(
    pipeline: Pipeline, api: Api, proxy: FaultProxy, fault: Fault, *asked: str
) -> tuple[httpx.Response, float]:
    """What a /redrive route answers under a fault to who has the token, and after how many seconds."""
    method, path = asked
    proxy.inject(fault)
    began = time.monotonic()
    # another spelling each time: the API remembers its authorizer's verdict on the last one
    token = f"Bearer{' ' * next(SPELLINGS)}{api.redrive_token()}"
    headers = {"Authorization": token, "Content-Type": "application/json"}
    url = f"{pipeline.stack.api_url}/redrive/{path}"
    answer = httpx.request(method, url, headers=headers, content="{}", timeout=60, **DIRECT)
    seconds = time.monotonic() - began
    hits = proxy.fired(fault.service, fault.operation)
    proxy.clear()
    assert hits
    return answer, seconds


def order_entry(order: dict[str, Any]) -> Any:
    """An order as an entry of SendMessageBatch."""
    return {"Id": str(order["orderId"]), "MessageBody": codec.dumps(order)}


def invocations(pipeline: Pipeline, since: float) -> list[str]:
    """The worker's invocations that have ended since a time (epoch seconds)."""
    return logged(pipeline, "REPORT RequestId", since)


def timed_out(pipeline: Pipeline, since: float) -> list[str]:
    """Those that Lambda ended."""
    return logged(pipeline, "Task timed out", since)


def logged(pipeline: Pipeline, words: str, since: float) -> list[str]:
    """Lines of the worker's log with these words."""
    pages = (
        pipeline.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{pipeline.stack.worker_function_name}",
            filterPattern=f'"{words}"',
            startTime=round(since * 1000),
        )
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_an_order_that_cannot_be_queued_is_refused_and_not_lost_in_silence(
    pipeline: Pipeline, api: Api, proxy: FaultProxy
) -> None:
    before = pipeline.processed()
    proxy.inject(Fault(service="sqs", operation="SendMessageBatch", error="InternalError", status=500))
    (order,) = orders(1, label="refused")
    answer = api.post_order(order)
    proxy.clear()
    assert answer.status_code == 503
    assert answer.json()["correlationId"]
    assert pipeline.queue().total == 0
    assert pipeline.processed() == before


def test_a_fault_ends_by_itself_when_its_time_is_over(
    pipeline: Pipeline, api: Api, proxy: FaultProxy
) -> None:
    proxy.inject(Fault(service="dynamodb", operation="PutItem", latency_ms=50, ttl_seconds=1))
    time.sleep(1.2)
    processed(pipeline, api, "healed", 1)
    assert proxy.fired() == []
