"""boto3 clients, made at first use, that fail fast and begin no call for which the invocation has no time.

Two kinds. A patient client repeats calls by itself; it is for threads that nobody has to wait for, and for functions
that have minutes. What an answer waits for takes a client that calls once and not for long: its callers repeat where
that is worth it, and repetitions of repetitions would multiply.
"""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from functions.common import deadline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

PATIENT_TRIES = 3
PATIENT_READ_SECONDS = 5

ANSWER_SECONDS = 10
"""How long a function may take whose answer another one waits for: an HTTP API waits 30 seconds for all of it."""

MAX_CONNECTIONS = 32
_making = threading.Lock()


def sqs() -> "SQSClient":
    """Amazon SQS."""
    return _client("sqs")


def sqs_once() -> "SQSClient":
    """Amazon SQS, each call tried once."""
    return _once("sqs")


def dynamodb() -> "DynamoDBClient":
    """Amazon DynamoDB."""
    return _client("dynamodb")


def dynamodb_once() -> "DynamoDBClient":
    """Amazon DynamoDB, each call tried once."""
    return _once("dynamodb")


def events_once() -> "EventBridgeClient":
    """Amazon EventBridge, each call tried once."""
    return _once("events")


def ssm_once() -> "SSMClient":
    """AWS Systems Manager, each call tried once."""
    return _once("ssm")


def secretsmanager_once() -> "SecretsManagerClient":
    """AWS Secrets Manager, each call tried once."""
    return _once("secretsmanager")


def cloudwatch() -> "CloudWatchClient":
    """Amazon CloudWatch."""
    return _client("cloudwatch")


def lambda_() -> "LambdaClient":
    """AWS Lambda."""
    return _client("lambda")


def lambda_once() -> "LambdaClient":
    """AWS Lambda, each call tried once."""
    return _once("lambda")


def lambda_answering() -> "LambdaClient":
    """AWS Lambda, for invocations whose answer is waited for; each call tried once."""
    return _make("lambda", 1, ANSWER_SECONDS)


def made_in_init(*clients: Callable[[], object]) -> None:
    """Make these clients while a function's environment starts, so that its first event does not wait for them.

    https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
    """
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        for make in clients:
            make()


def _client(service: str) -> Any:
    return _make(service, PATIENT_TRIES, PATIENT_READ_SECONDS)


def _once(service: str) -> Any:
    return _make(service, 1, deadline.READ_SECONDS)


def _make(service: str, tries: int, read_seconds: float) -> Any:
    # Making clients is not thread-safe in boto3, and a cache alone may make two.
    with _making:
        return _made(service, tries, read_seconds)


@cache
def _made(service: str, tries: int, read_seconds: float) -> Any:
    import boto3  # noqa: PLC0415  not every function calls AWS in every invocation
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=deadline.CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=MAX_CONNECTIONS,
        # botocore spends a fifth of its time on these two: our parameters are checked by types and tests, and its
        # own account of itself, made again for every call, tells a log nothing.
        parameter_validation=False,
        user_agent="ingestion-lab",
    )
    client = cast(Any, boto3.client(service, config=config))  # pyright: ignore[reportUnknownMemberType, reportCallIssue, reportArgumentType]
    client.meta.events.register("before-send", deadline.require_time_for_a_call)
    return client
