"""The pipeline deployed once per session, and left in its steady state by every test."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab import cli
from lab.deployment.deploy import deploy
from lab.deployment.stack import Stack
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.queues import purge
from support.eventually import eventually
from tests.conftest import running_engine
from tests.support.cure import cure
from tests.support.denials import denials
from tests.support.redrives import Lab


@pytest.fixture(scope="session")
def engine_endpoint() -> Iterator[str]:
    """An engine where functions may do what their roles allow: a grant that the stacks lack fails tests."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LAB_IAM", "enforce")
        yield from running_engine()


@pytest.fixture(scope="session")
def local(engine_endpoint: str) -> Aws:
    return guarded.local(engine_endpoint)


@pytest.fixture(scope="session")
def stack(local: Aws) -> Stack:
    try:
        return deploy(local, "dev", {}, print)
    except LabError as error:
        pytest.fail(f"{error.what}\n{error.details}")


@pytest.fixture(scope="session")
def pipeline(local: Aws, stack: Stack) -> Pipeline:
    return Pipeline(local, stack)


@pytest.fixture(scope="session")
def api(local: Aws, stack: Stack) -> Iterator[Api]:
    with Api(local, stack) as api:
        yield api


@pytest.fixture(autouse=True)
def nothing_is_denied(pipeline: Pipeline) -> Iterator[None]:
    """Fail, naming the action, when a function was refused a call during the test."""
    began = time.time_ns() // 1_000_000
    yield
    assert denials(pipeline, began) == []


@pytest.fixture(autouse=True)
def steady(pipeline: Pipeline, api: Api) -> Iterator[None]:
    """End with empty queues, and with no failure mode in force or remembered by any function."""
    yield
    if pipeline.failure_mode() != "none":
        cure(pipeline, api)
    with suppress(AssertionError):  # what is under way would reach the DLQ after the purge
        eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().in_flight == 0, within=15)
    sqs = pipeline.aws.client("sqs")
    for url, depth in ((pipeline.stack.queue_url, pipeline.queue), (pipeline.stack.dlq_url, pipeline.dlq)):
        if depth().total:
            purge(sqs, url)
    eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().total == 0, within=40)


@pytest.fixture
def lab(engine_endpoint: str, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Run `lab dlq ...`: its exit code and the JSON of its output lines."""

    def run(*arguments: str) -> tuple[int, list[Any]]:
        where = ["--port", str(urlsplit(engine_endpoint).port)]
        capsys.readouterr()
        code = cli.run(lambda **options: cli.app(["dlq", *arguments, *where], **options))
        out = capsys.readouterr().out
        return code, [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    return run
