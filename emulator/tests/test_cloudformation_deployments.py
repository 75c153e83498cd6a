"""What becomes of a stack: complete, rolled back or failed, as its resources are."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.eventually import eventually
from support.stacks import Resources, Stack

pytestmark = pytest.mark.evidence("documented", source="CloudFormation guide, Stack failure options")

type Aws = Callable[..., Any]

BROKEN: Resources = {
    "Type": "AWS::ApiGatewayV2::Api",
    "Properties": {"Name": "broken", "ProtocolType": "WEBSOCKET"},
}
"""A resource that no engine of this lab makes: it is refused when it is its turn."""


def queue(name: str, **properties: Any) -> Resources:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, **properties}}


def broken(*after: str) -> Resources:
    """The broken resource, deployed after the others."""
    return {**BROKEN, "DependsOn": list(after)}


def attribute(aws: Aws, name: str, key: str) -> str | None:
    """An attribute of a queue; None where there is no such queue."""
    sqs = aws("sqs")
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[key])["Attributes"][key]
    except sqs.exceptions.QueueDoesNotExist:
        return None


def delay(aws: Aws, name: str) -> str | None:
    return attribute(aws, name, "DelaySeconds")


def statuses(stack: Stack) -> list[str]:
    """Of the stack itself, oldest first, without repetitions."""
    events = stack.client.describe_stack_events(StackName=stack.name)["StackEvents"]
    told = [
        e["ResourceStatus"] for e in reversed(events) if e["ResourceType"] == "AWS::CloudFormation::Stack"
    ]
    return [status for index, status in enumerate(told) if index == 0 or told[index - 1] != status]


def test_a_failed_creation_leaves_nothing(aws: Aws, stack: Stack) -> None:
    first, second = f"{stack.name}-a", f"{stack.name}-b"
    state = stack.try_to_deploy({"A": queue(first), "B": queue(second), "Broken": broken("A", "B")})
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    assert statuses(stack) == ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]
    assert any("WebSocket" in reason for reason in stack.reasons())
    assert (delay(aws, first), delay(aws, second)) == (None, None)
    stack.delete()
    third = f"{stack.name}-c"  # for a while SQS makes no queue of the first one's name
    stack.deploy({"A": queue(third)})
    assert delay(aws, third) == "0"


@pytest.mark.evidence(
    "recorded",
    "LocalStack: cloudformation test_handle_existing_log_group, test_get_template_summary_failed_stack",
)
def test_stack_whose_creation_failed_keeps_template_parameters_and_deletion_time(stack: Stack) -> None:
    stack.parameters = {"Name": {"Type": "String", "Default": "x"}}
    state = stack.try_to_deploy({"Broken": BROKEN})
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    assert state["Parameters"] == [{"ParameterKey": "Name", "ParameterValue": "x"}]
    assert state["DeletionTime"] > state["CreationTime"]
    assert "StackStatusReason" not in state
    summary = stack.client.get_template_summary(StackName=stack.name)
    assert summary["ResourceTypes"] == ["AWS::ApiGatewayV2::Api"]
    assert stack.client.get_template(StackName=stack.name)["TemplateBody"]["Resources"] == {"Broken": BROKEN}


@pytest.mark.evidence("ours", "the type is refused before anything is made")
def test_stack_with_a_type_that_is_not_made_has_a_template_summary(stack: Stack) -> None:
    assert stack.try_to_deploy({"Unknown": {"Type": "Custom::Thing"}})["StackStatus"] == "CREATE_FAILED"
    assert stack.client.get_template_summary(StackName=stack.name)["ResourceTypes"] == ["Custom::Thing"]
    assert any(reason.endswith("Custom::Thing is not made by this engine.") for reason in stack.reasons())


def test_a_failed_update_is_taken_back(aws: Aws, stack: Stack) -> None:
    *names, other = [f"{stack.name}-{letter}" for letter in "abcd"]
    before = {"A": queue(names[0], DelaySeconds=1), "B": queue(names[1])}
    outputs = {"Url": {"Ref": "A"}}
    told = stack.deploy(before, outputs)
    state = stack.try_to_deploy(
        {"A": queue(names[0], DelaySeconds=5), "C": queue(names[2]), "Broken": broken("A", "C")}, outputs
    )
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert [delay(aws, name) for name in names] == ["1", "0", None]
    assert statuses(stack)[-3:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert {output["OutputKey"]: output["OutputValue"] for output in state["Outputs"]} == told
    assert stack.resources().keys() == {"A", "B"}
    stack.deploy({"A": queue(names[0], DelaySeconds=5), "C": queue(other)}, outputs)
    assert [delay(aws, name) for name in (*names, other)] == ["5", None, None, "0"]


def test_a_failed_replacement_keeps_the_old_resource(aws: Aws, stack: Stack) -> None:
    old, new, newer = (f"{stack.name}-{which}" for which in ("old", "new", "newer"))
    stack.deploy({"A": queue(old)})
    state = stack.try_to_deploy({"A": queue(new), "Broken": broken("A")})
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (delay(aws, old), delay(aws, new)) == ("0", None)
    stack.deploy({"A": queue(newer)})
    assert (delay(aws, old), delay(aws, new), delay(aws, newer)) == (None, None, "0")
    assert stack.resources()["A"][0].endswith(newer)


def test_the_same_template_again_is_not_taken_for_deployed_after_a_failure(stack: Stack) -> None:
    template = {"A": queue(f"{stack.name}-a"), "Broken": broken("A")}
    stack.deploy({"A": queue(f"{stack.name}-a")})
    for _ in range(2):
        assert stack.try_to_deploy(template)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_change_set_that_fails_is_taken_back(aws: Aws, stack: Stack) -> None:
    name = f"{stack.name}-a"
    stack.deploy({"A": queue(name, DelaySeconds=1)})
    body = json.dumps({"Resources": {"A": queue(name, DelaySeconds=5), "Broken": broken("A")}})
    change_set = stack.client.create_change_set(StackName=stack.name, ChangeSetName="all", TemplateBody=body)[
        "Id"
    ]
    stack.client.execute_change_set(ChangeSetName=change_set)

    def settled() -> bool:
        return stack.client.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"].endswith(
            "ROLLBACK_COMPLETE"
        )

    eventually(settled)
    assert statuses(stack)[-1] == "UPDATE_ROLLBACK_COMPLETE"
    assert delay(aws, name) == "1"
    shown = stack.client.describe_change_set(ChangeSetName=change_set)
    assert shown["ExecutionStatus"] == "EXECUTE_FAILED"


def test_a_resource_added_by_an_update_is_deleted_with_the_stack(aws: Aws, stack: Stack) -> None:
    first, second = f"{stack.name}-a", f"{stack.name}-b"
    stack.deploy({"A": queue(first)})
    stack.deploy({"A": queue(first), "B": queue(second)})
    assert (delay(aws, first), delay(aws, second)) == ("0", "0")
    stack.delete()
    assert (delay(aws, first), delay(aws, second)) == (None, None)


def test_the_outputs_are_there_as_soon_as_the_stack_is_complete(stack: Stack) -> None:
    for seconds in range(5):
        resources = {"A": queue(f"{stack.name}-a", DelaySeconds=seconds)}
        told = stack.deploy(resources, {"Seconds": str(seconds), "Url": {"Ref": "A"}})
        assert told["Seconds"] == str(seconds)
        assert told["Url"].endswith(f"{stack.name}-a")


def test_a_resource_that_refers_to_a_changed_one_is_updated_in_place(aws: Aws, stack: Stack) -> None:
    group, pattern = f"/test/{stack.name}", "ERROR"

    def template(retention: int, pattern: str) -> Resources:
        transformation = {"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}
        return {
            "Group": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": group, "RetentionInDays": retention},
            },
            "Filter": {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": {"Ref": "Group"},
                    "FilterPattern": pattern,
                    "MetricTransformations": [transformation],
                },
            },
        }

    outputs = {"Filter": {"Ref": "Filter"}}
    before = stack.deploy(template(1, pattern), outputs)
    assert stack.deploy(template(3, "WARN"), outputs) == before
    (shown,) = aws("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    assert (shown["filterName"], shown["filterPattern"]) == (before["Filter"], "WARN")


def test_a_resource_that_cannot_be_deleted_fails_the_deletion(aws: Aws, stack: Stack) -> None:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": stack.name,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
        },
    }
    stack.deploy({"Table": table})
    dynamodb = aws("dynamodb")
    protected = dynamodb.describe_table(TableName=stack.name)["Table"].get("DeletionProtectionEnabled")
    if not protected:
        pytest.skip("this engine's tables know no deletion protection through CloudFormation")
    try:
        with pytest.raises(AssertionError, match="DELETE_FAILED"):
            stack.delete()
        assert any("Table" in reason for reason in stack.reasons())
    finally:
        dynamodb.update_table(TableName=stack.name, DeletionProtectionEnabled=False)
    stack.delete()
    with pytest.raises(ClientError):
        dynamodb.describe_table(TableName=stack.name)


@pytest.mark.evidence("recorded", "LocalStack: test_requires_replacement")
def test_queue_without_properties_that_gets_a_name_is_replaced(aws: Aws, stack: Stack) -> None:
    outputs = {"Name": {"Fn::GetAtt": ["Queue", "QueueName"]}}
    before = stack.deploy({"Queue": {"Type": "AWS::SQS::Queue"}}, outputs)
    named = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{stack.name}-named"}}}

    assert stack.deploy(named, outputs) == {"Name": f"{stack.name}-named"}

    urls = aws("sqs").list_queues(QueueNamePrefix=stack.name).get("QueueUrls", [])
    assert [url.rpartition("/")[2] for url in urls] == [f"{stack.name}-named"], before


@pytest.mark.evidence("recorded", "LocalStack: test_stack_description_lifecycle")
def test_description_is_told_once_the_change_set_of_a_new_stack_is_executed(stack: Stack) -> None:
    body = json.dumps({"Description": "orders", "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    change = {"StackName": stack.name, "ChangeSetName": "first"}
    stack.client.create_change_set(**change, ChangeSetType="CREATE", TemplateBody=body)
    stack.client.describe_change_set(**change)

    def shown() -> dict[str, Any]:
        return stack.client.describe_stacks(StackName=stack.name)["Stacks"][0]

    assert (shown()["StackStatus"], shown().get("Description")) == ("REVIEW_IN_PROGRESS", None)
    stack.client.execute_change_set(**change)
    eventually(lambda: shown()["StackStatus"] == "CREATE_COMPLETE", within=20)
    assert shown()["Description"] == "orders"
    stack.client.delete_stack(StackName=stack.name)


@pytest.mark.evidence("recorded", "moto: test_update_stack_with_previous_value")
def test_update_with_the_previous_template_changes_a_parameter_alone(aws: Aws, stack: Stack) -> None:
    stack.parameters = {"Seconds": {"Type": "String"}, "Other": {"Type": "String", "Default": "kept"}}
    properties = {"QueueName": stack.name, "VisibilityTimeout": {"Ref": "Seconds"}}
    stack.parameters["Seconds"]["Default"] = "10"
    stack.deploy({"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}})

    stack.client.update_stack(
        StackName=stack.name,
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "Seconds", "ParameterValue": "20"},
            {"ParameterKey": "Other", "UsePreviousValue": True},
        ],
    )

    def shown() -> dict[str, Any]:
        return stack.client.describe_stacks(StackName=stack.name)["Stacks"][0]

    eventually(lambda: shown()["StackStatus"] == "UPDATE_COMPLETE", within=20)
    values = {one["ParameterKey"]: one["ParameterValue"] for one in shown()["Parameters"]}
    assert values == {"Seconds": "20", "Other": "kept"}
    sqs = aws("sqs")
    url = sqs.get_queue_url(QueueName=stack.name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert attributes == {"VisibilityTimeout": "20"}


@pytest.mark.evidence("recorded", "moto: test_list_exports")
def test_output_of_a_stack_has_its_description(stack: Stack) -> None:
    outputs = {
        "Told": {"Value": "1", "Description": "what it is for"},
        "Bare": {"Value": "2"},
    }
    body = stack.template({"Queue": {"Type": "AWS::SQS::Queue"}}, outputs)
    stack.client.create_stack(StackName=stack.name, TemplateBody=body)

    (shown,) = stack.client.describe_stacks(StackName=stack.name)["Stacks"]

    stack.client.delete_stack(StackName=stack.name)
    assert {one["OutputKey"]: one.get("Description") for one in shown["Outputs"]} == {
        "Told": "what it is for",
        "Bare": None,
    }


def kept(name: str, policy: str) -> Resources:
    return queue(name) | {"DeletionPolicy": policy}


def remove(aws: Aws, name: str) -> None:
    sqs = aws("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])


def test_a_retained_resource_outlives_a_creation_that_fails(aws: Aws, stack: Stack) -> None:
    name = f"{stack.name}-kept"
    state = stack.try_to_deploy({"Kept": kept(name, "Retain"), "Broken": broken("Kept")})
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stack.client.describe_stack_events(StackName=stack.name)["StackEvents"]
    assert "DELETE_SKIPPED" in {
        event["ResourceStatus"] for event in events if event["LogicalResourceId"] == "Kept"
    }
    assert delay(aws, name) == "0"
    remove(aws, name)


def test_a_resource_retained_except_on_create_goes_with_a_failed_creation_and_outlives_a_deletion(
    aws: Aws, stack: Stack
) -> None:
    name = f"{stack.name}-kept"
    template = {"Kept": kept(name, "RetainExceptOnCreate")}
    state = stack.try_to_deploy({**template, "Broken": broken("Kept")})
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    assert delay(aws, name) is None
    stack.delete()
    stack.deploy({"Kept": kept(f"{name}-2", "RetainExceptOnCreate")})
    stack.delete()
    assert delay(aws, f"{name}-2") == "0"
    remove(aws, f"{name}-2")
