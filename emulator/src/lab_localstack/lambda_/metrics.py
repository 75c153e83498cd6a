"""Lambda's own metrics: Invocations, Errors, Throttles, Duration, ConcurrentExecutions and AsyncEventsDropped.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import re

from localstack.services.lambda_.invocation.lambda_models import InvocationResult, VersionIdentifier

from lab_localstack.metrics import publish

NAMESPACE = "AWS/Lambda"
_DURATION = re.compile(r"(?:^REPORT .*\tDuration: |\"durationMs\": ?)([0-9.]+)", re.MULTILINE)


def invoked(function: VersionIdentifier, result: InvocationResult, concurrent_executions: int) -> None:
    """An invocation ended, well or not."""
    _publish(function, "Invocations", 1, "Count")
    _publish(function, "Errors", int(result.is_error), "Count")
    _publish(function, "Throttles", 0, "Count")
    _publish(function, "ConcurrentExecutions", concurrent_executions, "Count")
    if reported := _DURATION.findall(result.logs or ""):
        _publish(function, "Duration", float(reported[-1]), "Milliseconds")


def throttled(function: VersionIdentifier) -> None:
    """An invocation was refused for lack of concurrency."""
    _publish(function, "Throttles", 1, "Count")


def dropped(function: VersionIdentifier) -> None:
    """An asynchronous event was given up without a successful invocation."""
    _publish(function, "AsyncEventsDropped", 1, "Count")


def _publish(function: VersionIdentifier, name: str, value: float, unit: str) -> None:
    """With the dimension FunctionName, and for all functions together without one."""
    for dimensions in ({"FunctionName": function.function_name}, {}):
        publish(NAMESPACE, name, value, unit, dimensions, function.account, function.region)
