"""Fixtures of several of the engine's test files. What is made here is gone when its test or its file is over."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import functions
from support.functions import Function
from support.http_apis import ECHO, SCRIPTED, HttpApi
from support.stacks import Stack

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
