"""The limits that a service's own API model states: lengths, ranges, patterns and values of a request's members.

AWS checks them before anything else. LocalStack checks none, and botocore only the lower ones, in the caller's process.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext

CODES = {"cloudwatch": "ValidationError", "logs": "InvalidParameterException"}
"""The services whose requests are checked, with the code of the refusal."""
LATER_CODE = "ValidationException"
"""The code of operations that do not list their service's: those of log deliveries, which are younger."""
BULK = ("PutLogEvents", "PutMetricData")
"""Operations whose thousands of entries their provider checks in one pass."""
ENUMS = {
    "StateValue": ("INSUFFICIENT_DATA", "ALARM", "OK"),
    "OutputFormat": ("w3c", "raw", "json", "plain", "parquet"),
}
"""The order in which AWS lists the values of an enumeration, where it is recorded; elsewhere it is the model's."""

PATTERNS = {"MetricNamespace": "[^*$]*"}
"""Where AWS was recorded to take more than its model says: a namespace with a colon."""

UNTOLD = ("LogGroupIdentifier",)
"""Members whose value AWS does not repeat, as recorded."""


class ValidationException(CommonServiceException):
    """A member that does not satisfy its constraint."""


def require_constraints(chain: Any, context: RequestContext, response: Any) -> None:  # noqa: ARG001  LocalStack's signature
    """A request handler of LocalStack's gateway. Raises the service's validation error, which names every member."""
    code = CODES.get(str(context.service.service_name)) if context.service else None
    operation: Any = context.operation
    if code is None or operation is None or operation.input_shape is None or operation.name in BULK:
        return
    if found := list(violations(operation.input_shape, context.service_request, "")):
        plural = "" if len(found) == 1 else "s"
        message = f"{len(found)} validation error{plural} detected: {'; '.join(found)}"
        listed = {error.name for error in operation.error_shapes}
        later = LATER_CODE in listed and code not in listed
        raise ValidationException(LATER_CODE if later else code, message, 400, sender_fault=True)


def violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What a value at a path does not satisfy, as AWS words it. What is of another type is left to the provider."""
    for unsatisfied in _unsatisfied(shape, value):
        shown = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
        value_told = "Value" if shape.name in UNTOLD else f"Value '{shown}'"
        yield f"{value_told} at '{path}' failed to satisfy constraint: Member must {unsatisfied}"
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                below = name[:1].lower() + name[1:]
                yield from violations(member, value[name], f"{path}.{below}" if path else below)
    elif shape.type_name == "list" and isinstance(value, list):
        for number, element in enumerate(value, 1):
            yield from violations(shape.member, element, f"{path}.{number}.member")


def _unsatisfied(shape: Any, value: Any) -> Iterator[str]:
    if isinstance(value, str | list):
        measured, kind = len(value), "length"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        measured, kind = value, "value"
    else:
        return
    limits = shape.metadata
    if measured > limits.get("max", measured):
        yield f"have {kind} less than or equal to {limits['max']}"
    if measured < limits.get("min", measured):
        yield f"have {kind} greater than or equal to {limits['min']}"
    if isinstance(value, str):
        pattern = PATTERNS.get(shape.name, limits.get("pattern"))
        if pattern and not _fits(pattern, value):
            yield f"satisfy regular expression pattern: {pattern}"
        known: Sequence[str] = limits.get("enum", (value,))
        if value not in known:
            yield f"satisfy enum value set: [{', '.join(ENUMS.get(shape.name, known))}]"


def _fits(pattern: str, text: str) -> bool:
    """Whether a text has the form of a pattern; those that only Java can read fit everything."""
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return True
