"""Fixtures shared by the tests that need a running engine."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from lab.deployment.cdk import QUIET
from lab.engines import HostEngine
from support.engines import free_port

# What tests ask themselves is on this machine. The lab has no need of this: tests/integration/test_proxies.py.
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
# Engines of tests run beside one that somebody works with, whose port this clone remembers.
os.environ["ANOTHER"] = "1"
# What a test does is nobody's progress.
os.environ["LAB_PROGRESS"] = tempfile.mkdtemp(prefix="lab-progress-")
os.environ.update(QUIET)  # before anything imports the CDK, which starts its Node process then

# How fast examples are made says something of the machine, which may be busy, and nothing of the code.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")

# A shell starts background jobs with SIGINT ignored, and nohup with SIGHUP; children inherit that, also those that
# tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def engine_endpoint() -> Iterator[str]:
    """The engine under test."""
    yield from running_engine()


def running_engine() -> Iterator[str]:
    """The endpoint of the engine named by LAB_TEST_ENDPOINT, else of a host engine that ends with the iteration."""
    if given := os.environ.get("LAB_TEST_ENDPOINT"):
        yield given
        return
    engine = HostEngine(free_port())
    engine.up()
    try:
        yield engine.endpoint
    finally:
        engine.down()


@pytest.fixture(scope="session")
def aws(engine_endpoint: str) -> Callable[..., Any]:
    """`aws("sqs")` is a boto3 client of the engine under test."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def client(service: str, **config: Any) -> Any:
        options = Config(retries={"total_max_attempts": 1}, **config)
        return session.client(service, endpoint_url=engine_endpoint, config=options)

    return client
