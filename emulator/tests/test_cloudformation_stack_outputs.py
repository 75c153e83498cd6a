"""Fn::GetStackOutput: a stack reads another's output by its key, and nothing ties the two together."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.stacks import Resources, Stack

pytestmark = pytest.mark.evidence(
    "documented", source="CloudFormation template reference, Fn::GetStackOutput"
)

type Aws = Callable[..., Any]


@pytest.fixture
def reader(aws: Aws) -> Iterator[Stack]:
    """A second stack, deleted first."""
    stack = Stack(aws)
    yield stack
    stack.delete()


def parameter(value: Any) -> Resources:
    return {"Read": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}


def output_of(stack: Stack, name: str) -> dict[str, Any]:
    return {"Fn::GetStackOutput": {"StackName": stack.name, "OutputName": name, "Region": "us-east-1"}}


def value(aws: Aws, reader: Stack) -> str:
    name, _ = reader.resources()["Read"]
    return aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]


def test_an_output_that_is_not_exported_is_read_alone_and_within_other_functions(
    aws: Aws, stack: Stack, reader: Stack
) -> None:
    stack.deploy(parameter("x"), {"Told": "hello"})
    read = output_of(stack, "Told")
    shown = reader.deploy(parameter(read), {"Joined": {"Fn::Join": ["-", ["say", read]]}})
    assert value(aws, reader) == "hello"
    assert shown == {"Joined": "say-hello"}


def test_a_reader_has_another_value_at_its_next_update(aws: Aws, stack: Stack, reader: Stack) -> None:
    stack.deploy(parameter("x"), {"Told": "first"})
    reader.deploy(parameter(output_of(stack, "Told")))
    stack.deploy(parameter("x"), {"Told": "second"})
    assert value(aws, reader) == "first"
    reader.deploy({**parameter(output_of(stack, "Told")), "More": parameter("y")["Read"]})
    assert value(aws, reader) == "second"


def test_an_output_goes_while_it_is_read_and_its_reader_lets_go_of_it_later(
    aws: Aws, stack: Stack, reader: Stack
) -> None:
    stack.deploy(parameter("x"), {"Told": "hello"})
    reader.deploy(parameter(output_of(stack, "Told")))
    stack.deploy(parameter("x"), {"Other": "z"})
    assert value(aws, reader) == "hello"
    reader.deploy(parameter("of its own"))
    assert value(aws, reader) == "of its own"


def test_an_update_that_fails_restores_what_had_been_read(aws: Aws, stack: Stack, reader: Stack) -> None:
    stack.deploy(parameter("x"), {"Told": "hello"})
    reader.deploy(parameter(output_of(stack, "Told")))
    stack.deploy(parameter("x"), {"Other": "z"})
    broken = {"Type": "AWS::ApiGatewayV2::Api", "DependsOn": ["Read"]}
    broken |= {"Properties": {"Name": "broken", "ProtocolType": "WEBSOCKET"}}
    state = reader.try_to_deploy({**parameter("of its own"), "Broken": broken})
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert value(aws, reader) == "hello"


def test_an_output_that_is_not_there_fails_the_deployment(stack: Stack, reader: Stack) -> None:
    stack.deploy(parameter("x"), {"Told": "hello"})
    with pytest.raises(reader.client.exceptions.ClientError, match="Untold"):
        reader.try_to_deploy(parameter(output_of(stack, "Untold")))
