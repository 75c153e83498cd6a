"""A grant that is missing in the stacks shows: the engine refuses the call and the function's log names the action."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually
from tests.support.denials import denials

pytestmark = pytest.mark.skipif(
    "LAB_TEST_ENDPOINT" in os.environ and os.environ.get("LAB_IAM") != "enforce",
    reason="the engine was not started with LAB_IAM=enforce",
)

POLICY = "least-privilege"


def new_order() -> dict[str, Any]:
    return next(iter(orders(1, label=f"permission-{uuid.uuid4().hex[:6]}")))


def role_of(pipeline: Pipeline, function: str) -> str:
    configuration = pipeline.aws.client("lambda").get_function_configuration(FunctionName=function)
    return configuration["Role"].rpartition("/")[2]


@contextmanager
def revoked(pipeline: Pipeline, function: str, sid: str, action: str) -> Iterator[None]:
    """One action taken out of one statement of a function's policy, and put back."""
    iam, role = pipeline.aws.client("iam"), role_of(pipeline, function)
    whole = iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
    rest = json.loads(json.dumps(whole))
    (statement,) = [each for each in rest["Statement"] if each["Sid"] == sid]
    granted = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    assert action in granted
    statement["Action"] = [each for each in granted if each != action] or "none:None"

    def put(document: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))

    put(rest)
    try:
        yield
    finally:
        put(whole)


@pytest.fixture(autouse=True)
def nothing_is_denied() -> None:
    """Here it is."""


type Provoke = Callable[[Api], object]


def submit(api: Api) -> object:
    return api.post_order(new_order())


def preview(api: Api) -> None:
    with suppress(LabError):
        api.preview()


@pytest.mark.parametrize(
    ("name", "sid", "action", "provoke"),
    [
        ("ingest", "PublishOrders", "sqs:SendMessage", submit),
        ("ingest", "ReadFailureMode", "ssm:GetParameters", submit),
        ("worker", "StoreOrders", "dynamodb:UpdateItem", submit),
        ("worker", "PublishOutcomes", "events:PutEvents", submit),
        ("redrive", "TakeFromDlq", "sqs:ReceiveMessage", preview),
    ],
)
def test_without_one_grant_the_call_is_denied_and_with_it_orders_are_processed_again(  # noqa: PLR0917
    pipeline: Pipeline,
    api: Api,
    name: str,
    sid: str,
    action: str,
    provoke: Provoke,
) -> None:
    function = getattr(pipeline.stack, f"{name}_function_name")
    began = time.time_ns() // 1_000_000
    with revoked(pipeline, function, sid, action):

        def denied() -> list[str]:
            provoke(api)
            return [line for line in denials(pipeline, began) if f"perform: {action} on" in line]

        message = eventually(denied, within=30, every=0.5)[0]
    assert f"assumed-role/{role_of(pipeline, function)}/{function} is not authorized" in message
    assert f"because no identity-based policy allows the {action} action" in message
    order = new_order()
    eventually(lambda: api.post_order(order).status_code == 202, within=20)
    eventually(lambda: any(e.order_id == order["orderId"] for e in pipeline.effects()), within=40)


def test_without_the_grant_to_receive_orders_wait_in_the_queue(pipeline: Pipeline, api: Api) -> None:
    """The event source mapping polls with the permissions of the worker's role."""
    worker = pipeline.stack.worker_function_name
    order = new_order()
    with revoked(pipeline, worker, "ReceiveOrders", "sqs:ReceiveMessage"):
        # a poll that has begun may still take one message
        eventually(lambda: api.submit(new_order()) and pipeline.queue().visible > 0, within=10)
        api.submit(order)
        assert not any(effect.order_id == order["orderId"] for effect in pipeline.effects())
    eventually(lambda: any(e.order_id == order["orderId"] for e in pipeline.effects()), within=40)
