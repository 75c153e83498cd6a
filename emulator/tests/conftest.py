"""Fixtures of several test files. What is made here is gone when its test, its file or the whole run is over."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from support import evidence, functions
from support.engines import Engine, EngineAt, EngineWith
from support.functions import Function
from support.http_apis import ECHO, SCRIPTED, HttpApi
from support.stacks import Stack

# What tests ask themselves is on this machine, whatever proxy the environment names.
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))

# How fast examples are made says something of the machine, which may be busy, and nothing of the code.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raises UsageError where a test does not say in exactly one mark what its expected answer rests on.

    A mark of a test's own takes the place of its module's.
    """
    for item in items:
        own = list(item.iter_markers_with_node("evidence"))
        nearest = [mark for node, mark in own if node is own[0][0]]
        wrong = (
            evidence.fault(*nearest[0].args, **nearest[0].kwargs)
            if len(nearest) == 1
            else f"{len(nearest)} marks"
        )
        if wrong:
            raise pytest.UsageError(
                f"{item.nodeid}: {wrong}; mark it with pytest.mark.evidence(kind, source)"
            )


@pytest.fixture(scope="session")
def running_engine() -> Iterator[Engine]:
    """The engine named by LAB_TEST_ENDPOINT, else one without Docker that ends with the tests."""
    if given := os.environ.get("LAB_TEST_ENDPOINT"):
        yield EngineAt(given)
        return
    engine = EngineWith()
    engine.up()
    yield engine
    engine.down()


@pytest.fixture(scope="session")
def engine_endpoint(running_engine: Engine) -> str:
    """The URL of the engine under test."""
    return running_engine.endpoint


@pytest.fixture(scope="session")
def aws(running_engine: Engine) -> Callable[..., Any]:
    """`aws("sqs")` is a boto3 client of the engine under test."""
    return running_engine.client


type Aws = Callable[..., Any]


@pytest.fixture(scope="module")
def cloudwatch(aws: Aws) -> Any:
    return aws("cloudwatch")


@pytest.fixture(scope="module")
def dynamodb(aws: Aws) -> Any:
    return aws("dynamodb", max_pool_connections=20)


@pytest.fixture(scope="module")
def logs(aws: Aws) -> Any:
    return aws("logs")


@pytest.fixture(scope="module")
def echo(aws: Aws) -> Iterator[Function]:
    """A function that answers with its event."""
    function = functions.create(aws, ECHO)
    yield function
    function.delete()


@pytest.fixture(scope="module")
def scripted(aws: Aws) -> Iterator[Function]:
    """A function that does what the body of its request says."""
    function = functions.create(aws, SCRIPTED)
    yield function
    function.delete()


@pytest.fixture
def api(aws: Aws) -> Iterator[HttpApi]:
    """An HTTP API without routes and stages."""
    made = HttpApi(aws)
    yield made
    made.delete()


@pytest.fixture
def stack(aws: Aws) -> Iterator[Stack]:
    """A stack that is not deployed yet."""
    made = Stack(aws)
    yield made
    made.delete()
