"""The pipeline deployed once per session, and left in its steady state by every test."""

from collections.abc import Iterator

import pytest

from lab import aws as guarded
from lab.api import Api
from lab.aws import Aws
from lab.deploy import deploy
from lab.observe import Pipeline
from lab.stack import Stack
from tests.eventually import eventually


@pytest.fixture(scope="session")
def local(engine_endpoint: str) -> Aws:
    return guarded.local(engine_endpoint)


@pytest.fixture(scope="session")
def stack(local: Aws) -> Stack:
    return deploy(local, "dev", {}, print)


@pytest.fixture(scope="session")
def pipeline(local: Aws, stack: Stack) -> Pipeline:
    return Pipeline(local, stack)


@pytest.fixture(scope="session")
def api(local: Aws, stack: Stack) -> Iterator[Api]:
    with Api(local, stack) as api:
        yield api


@pytest.fixture(autouse=True)
def steady(pipeline: Pipeline) -> Iterator[None]:
    """Begin with empty queues and no failure mode, and end so."""
    yield
    pipeline.set_failure_mode("none")
    sqs = pipeline.aws.client("sqs")
    sqs.purge_queue(QueueUrl=pipeline.stack.queue_url)
    sqs.purge_queue(QueueUrl=pipeline.stack.dlq_url)
    eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().total == 0, within=40)
