"""No error of a service that this distribution serves leaves its caller without words."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

SERVICES = (
    "apigatewayv2",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "events",
    "lambda",
    "logs",
    "sns",
    "sqs",
)
UNSAID = {("cloudwatch", "SetAlarmState", "ResourceNotFound")}
"""Errors to which AWS gives no message: recorded by LocalStack's test_set_alarm_invalid_input."""
DEPTH = 4
SCALARS = {
    "integer": 1, "long": 1, "float": 1, "double": 1, "boolean": False, "timestamp": 1_700_000_000, "blob": b"x",
}  # fmt: skip


def filled(shape: Any, depth: int = DEPTH) -> Any:
    """A value of the shape that names nothing which exists, with its required members only."""
    if shape is None or depth == 0:
        return {}
    if shape.type_name == "structure":
        required = shape.metadata.get("required") or ()
        return {name: filled(shape.members[name], depth - 1) for name in required}
    if shape.type_name in ("list", "map"):
        inside = filled(shape.member if shape.type_name == "list" else shape.value, depth - 1)
        return [inside] if shape.type_name == "list" else {"x": inside}
    return SCALARS.get(shape.type_name, (shape.metadata.get("enum") or ["nothing-of-that-name"])[0])


SOMEBODY_ELSES = re.compile(
    r"localstack(?!\.cloud)|\bmoto\b|\bpro\b|licen[cs]e|upgrade|not (yet )?implemented", re.IGNORECASE
)
"""What errors of the base say of itself, of other products, and of what is not done."""


def badly_worded(service: str, operation: str, request: Any, client: Any) -> str | None:
    """An error without a message, or with the base's own; None for all other answers, and what botocore cannot send."""
    try:
        client._make_api_call(operation, request)
    except ClientError as error:
        told = error.response["Error"]
        words = str(told.get("Message") or "").strip()
        if SOMEBODY_ELSES.search(words) or (not words and (service, operation, told["Code"]) not in UNSAID):
            return f"{operation}: {told['Code']} {words}".strip()
    except (AttributeError, BotoCoreError, KeyError, TypeError, ValueError):
        return None
    return None


@pytest.mark.evidence("ours", "an error says what is wrong")
@pytest.mark.parametrize("service", SERVICES)
def test_every_error_of_a_service_has_a_message_of_this_engine(aws: Callable[..., Any], service: str) -> None:
    client = aws(service, parameter_validation=False, read_timeout=30)
    model = client.meta.service_model
    shapes = {name: model.operation_model(name).input_shape for name in model.operation_names}
    asked = [(name, request) for name, shape in shapes.items() for request in ({}, filled(shape))]
    found = [badly_worded(service, name, request, client) for name, request in asked]
    assert not [one for one in found if one]


@pytest.mark.evidence("ours", "what is refused is refused in this engine's own words")
@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("dynamodb", "ExecuteStatement", {"Statement": "SELECT * FROM x"}),
        ("cloudwatch", "PutAnomalyDetector", {}),
        ("logs", "PutDataProtectionPolicy", {"logGroupIdentifier": "x", "policyDocument": "x"}),
        ("xray", "GetSamplingRules", {}),
    ],
)
def test_operation_that_is_not_served_is_named(
    aws: Callable[..., Any], service: str, operation: str, request_: Any
) -> None:
    with pytest.raises(ClientError) as refused:
        aws(service)._make_api_call(operation, request_)
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["Error"]["Message"].endswith(f"{service} is not served by this engine.")
