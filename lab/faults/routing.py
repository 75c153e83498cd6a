"""Sending a function's AWS calls through a proxy, by the environment variables that every AWS SDK obeys.

`AWS_ENDPOINT_URL_<SERVICE>` in the function's configuration wins over the engine's own endpoint. A deployment
never sets these variables, so taking them away always restores it.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.aws import Aws
from lab.polling import wait_until_updated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PREFIX = "AWS_ENDPOINT_URL_"
SERVICES = ("DYNAMODB", "EVENTBRIDGE", "SQS", "SSM")
"""The services the pipeline's functions call, as the SDKs spell them in variables."""


@contextmanager
def routed(
    aws: Aws, functions: Iterable[str], endpoint: str, services: Iterable[str] = SERVICES
) -> Generator[None]:
    """Route calls to `endpoint` while the context lasts; new environments of the functions obey it."""
    names = list(functions)
    variables = {f"{PREFIX}{service}": endpoint for service in services}
    try:
        for name in names:
            _configure(aws, name, lambda found: found | variables)
        yield
    finally:
        for name in names:
            heal(aws, name)


def heal(aws: Aws, function: str) -> None:
    """Send a function's calls to the engine again, whoever routed them elsewhere."""
    _configure(aws, function, _unrouted)


def _unrouted(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if not name.startswith(PREFIX)}


def _configure(aws: Aws, function: str, change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    client: LambdaClient = aws.client("lambda")
    found = client.get_function_configuration(FunctionName=function)
    variables = dict(found.get("Environment", {}).get("Variables", {}))
    wanted = change(variables)
    if wanted == variables:
        return
    client.update_function_configuration(FunctionName=function, Environment={"Variables": wanted})
    wait_until_updated(client, function)
