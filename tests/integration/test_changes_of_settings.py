"""A deployment goes from any settings to others and back again: CloudFormation refuses nothing on the way."""

from collections.abc import Iterator, Mapping

import pytest

from lab.deployment.deploy import deploy
from lab.deployment.stack import Stack
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually
from tests.conftest import running_engine

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ENCRYPTED = {"useKmsCmk": "true", "breakerStrategy": "pause"}
ON_AWS = {"profile": "aws"}
"""There the pauser exists with its strategy alone; the functions are Linux's, so none is called here."""


@pytest.fixture
def apart() -> Iterator[Aws]:
    """An engine of one test: the engine serves no authorizer of AWS, which every environment but dev must have."""
    for endpoint in running_engine():
        yield guarded.local(endpoint)


def encrypted(local: Aws, stack: Stack) -> bool:
    found = local.client("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["All"])
    return "KmsMasterKeyId" in found.get("Attributes", {})


def has_pauser(local: Aws, env_name: str) -> bool:
    pages = local.client("lambda").get_paginator("list_functions").paginate()
    names = {function["FunctionName"] for page in pages for function in page["Functions"]}
    return f"ingestion-{env_name}-valve" in names


def deployed(aws: Aws, settings: Mapping[str, str]) -> Stack:
    """Deploy; a queue that went with the settings before may not yet be made again."""
    try:
        return deploy(aws, "dev", dict(settings), print)
    except LabError as refused:
        if "after deleting a queue" in refused.details:
            raise AssertionError(refused.details) from refused
        raise


@pytest.mark.parametrize("there", [ENCRYPTED, ENCRYPTED | {"enableTracing": "true"}], ids=["key", "tracing"])
def test_orders_are_processed_before_during_and_after_other_settings(
    local: Aws, there: Mapping[str, str]
) -> None:
    for number, settings in enumerate(({}, there, {})):
        stack = deploy(local, "there", dict(settings), print)
        assert encrypted(local, stack) == bool(settings)
        with Api(local, stack) as api:
            sent = [api.submit(order).order_id for order in orders(3, label=f"there-{len(there)}-{number}")]
        pipeline = Pipeline(local, stack)
        eventually(lambda: len(list(pipeline.effects(sent))) == 3, within=60)  # noqa: B023  called at once


def test_the_pauser_goes_and_comes_back_with_its_strategy_and_the_key_with_its_setting(apart: Aws) -> None:
    for settings in (ENCRYPTED, {}, ENCRYPTED):
        stack = eventually(lambda: deployed(apart, ON_AWS | settings), within=90, every=1)  # noqa: B023  called at once
        assert has_pauser(apart, "dev") == bool(settings)
        assert bool(stack.valve_queue_url) == bool(settings)
        assert encrypted(apart, stack) == bool(settings)
