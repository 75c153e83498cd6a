"""Fixtures of the tests that need a Docker engine: without one they fail, they are never skipped."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from lab.engines.docker import DockerEngine
from tests.conftest import free_port

SOURCE = """
import boto3, os

def handler(event, context):
    sqs = boto3.client("sqs")
    if "queue" in event:
        sqs.send_message(QueueUrl=event["queue"], MessageBody=event["body"])
    return {"endpoint": os.environ["AWS_ENDPOINT_URL"], "runtime": os.environ["AWS_EXECUTION_ENV"],
            "user": os.getuid()}
"""

type Client = Callable[[str], Any]


@pytest.fixture(scope="session", autouse=True)
def built_image() -> None:
    """The engine's image, built from the code as it is."""
    DockerEngine(free_port()).build()


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine(free_port())
    yield engine
    engine.down()


def clients(endpoint: str) -> Client:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=endpoint)


def create_function(client: Client, name: str = "some-function") -> str:
    """A function that sends `body` to `queue` when it is given them; active when this returns."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("app.py", SOURCE)
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/some-role",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=10,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def invoke(client: Client, name: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload
