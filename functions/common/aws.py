"""boto3 clients: one of each, made at first use, that fail fast."""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 5
MAX_CONNECTIONS = 32
_making = threading.Lock()


def sqs() -> "SQSClient":
    """Amazon SQS."""
    return _client("sqs")


def dynamodb() -> "DynamoDBClient":
    """Amazon DynamoDB."""
    return _client("dynamodb")


def events() -> "EventBridgeClient":
    """Amazon EventBridge."""
    return _client("events")


def ssm() -> "SSMClient":
    """AWS Systems Manager."""
    return _client("ssm")


def secretsmanager() -> "SecretsManagerClient":
    """AWS Secrets Manager."""
    return _client("secretsmanager")


def cloudwatch() -> "CloudWatchClient":
    """Amazon CloudWatch."""
    return _client("cloudwatch")


def lambda_() -> "LambdaClient":
    """AWS Lambda."""
    return _client("lambda")


def made_in_init(*clients: Callable[[], object]) -> None:
    """Make these clients while a function's environment starts, so that its first event does not wait for them.

    https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
    """
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        for make in clients:
            make()


def _client(service: str) -> Any:
    # Making clients is not thread-safe in boto3, and a cache alone may make two.
    with _making:
        return _made(service)


@cache
def _made(service: str) -> Any:
    import boto3  # noqa: PLC0415  not every function calls AWS in every invocation
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard"},
        max_pool_connections=MAX_CONNECTIONS,
        # botocore spends a fifth of its time on these two: our parameters are checked by types and tests, and its
        # own account of itself, made again for every call, tells a log nothing.
        parameter_validation=False,
        user_agent="ingestion-lab",
    )
    return boto3.client(service, config=config)  # pyright: ignore[reportUnknownMemberType, reportCallIssue, reportArgumentType, reportUnknownVariableType]
