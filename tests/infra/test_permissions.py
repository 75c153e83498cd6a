"""Least privilege: who may do what, and that nobody may do anything else."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.accepted_findings import WILDCARD_ACTIONS
from tests.infra.templates import Templates

FUNCTIONS = ("Ingest", "Worker", "Redrive", "Authorizer")

WHO_MAY = [
    ("sqs:SendMessage", "queue/Orders.Arn", {"Ingest", "Worker", "Redrive"}),
    ("sqs:ReceiveMessage", "queue/Orders.Arn", {"Worker"}),
    ("sqs:DeleteMessage", "queue/Orders.Arn", {"Worker"}),
    ("sqs:ChangeMessageVisibility", "queue/Orders.Arn", {"Worker"}),
    ("sqs:SendMessage", "queue/OrdersDlq.Arn", {"Worker"}),
    ("sqs:ReceiveMessage", "queue/OrdersDlq.Arn", {"Redrive"}),
    ("sqs:DeleteMessage", "queue/OrdersDlq.Arn", {"Redrive"}),
    ("sqs:ChangeMessageVisibility", "queue/OrdersDlq.Arn", {"Redrive"}),
    ("sqs:PurgeQueue", "queue/OrdersDlq.Arn", set[str]()),
    ("dynamodb:UpdateItem", "queue/OrdersTable.Arn", {"Worker"}),
    ("dynamodb:GetItem", "queue/OrdersTable.Arn", {"Redrive"}),
    ("cloudwatch:DescribeAlarms", "-critical-worker-errors", {"Redrive"}),
    ("dynamodb:PutItem", "queue/OrdersTable.Arn", set[str]()),
    ("dynamodb:DeleteItem", "queue/OrdersTable.Arn", set[str]()),
    ("dynamodb:DeleteItem", "queue/IdempotencyTable.Arn", {"Worker"}),
    ("dynamodb:PutItem", "queue/IdempotencyTable.Arn", {"Worker"}),
    ("dynamodb:PutItem", "queue/CircuitsTable.Arn", {"Worker"}),
    ("dynamodb:DeleteItem", "queue/CircuitsTable.Arn", set[str]()),
    ("dynamodb:GetItem", "queue/CircuitsTable.Arn", {"Worker", "Redrive"}),
    ("dynamodb:PutItem", "queue/RedriveTable.Arn", {"Redrive"}),
    ("dynamodb:DeleteItem", "queue/RedriveTable.Arn", set[str]()),
    ("events:PutEvents", "queue/Bus.Arn", {"Worker"}),
    ("secretsmanager:GetSecretValue", "queue/RedriveToken", {"Authorizer"}),
    ("ssm:GetParameters", "queue/FailureMode0", {"Ingest", "Worker"}),
]


def statements(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a function's role with the function's name, from inline and attached policies."""
    for resource in (*templates.all("AWS::IAM::Role"), *templates.all("AWS::IAM::Policy")):
        function = resource.path.split("/")[0]
        policies = resource.properties.get("Policies", [resource.properties])
        if function in FUNCTIONS:
            for policy in policies:
                yield from ((function, statement) for statement in policy["PolicyDocument"]["Statement"])


def listed(value: str | list[str]) -> list[str]:
    """IAM writes a list of one as its only member."""
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(("action", "resource", "functions"), WHO_MAY)
def test_an_action_on_a_resource_is_allowed_to_the_functions_that_need_it(
    secured: Templates, action: str, resource: str, functions: set[str]
) -> None:
    allowed = {
        function
        for function, statement in statements(secured)
        if action in listed(statement["Action"])
        and any(arn.endswith(resource) for arn in listed(statement["Resource"]))
    }
    assert allowed == functions


def test_no_statement_allows_a_wildcard_of_actions(templates: Templates) -> None:
    broad = [
        (who, action) for who, s in statements(templates) for action in listed(s["Action"]) if "*" in action
    ]
    assert broad == []


def test_every_resource_is_named_except_for_actions_with_a_written_reason(templates: Templates) -> None:
    unnamed = {
        (function, action)
        for function, statement in statements(templates)
        if any("*" in arn for arn in listed(statement["Resource"]))
        for action in listed(statement["Action"])
    }
    assert [pair for pair in sorted(unnamed) if pair[1] not in WILDCARD_ACTIONS] == []


def test_the_reasons_for_wildcards_are_all_still_needed(secured: Templates) -> None:
    used = {
        action
        for _, statement in statements(secured)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert used == WILDCARD_ACTIONS.keys()


def test_functions_have_no_managed_policies_and_trust_lambda_alone(templates: Templates) -> None:
    for function in templates.all("AWS::Lambda::Function"):
        role = templates.one(
            "AWS::IAM::Role", function.properties["Role"].split("/", 1)[1].removesuffix(".Arn")
        )
        assert "ManagedPolicyArns" not in role.properties
        (trusted,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_redrive_function_may_invoke_itself_and_nothing_else(aws: Templates) -> None:
    targets = [
        (who, arn)
        for who, statement in statements(aws)
        if "lambda:InvokeFunction" in listed(statement["Action"])
        for arn in listed(statement["Resource"])
    ]
    assert [(who, arn.rsplit(":", 1)[1]) for who, arn in targets] == [("Redrive", "ingestion-dev-redrive")]


def test_functions_may_be_invoked_by_the_routes_of_the_api_alone(aws: Templates) -> None:
    for permission in aws.all("AWS::Lambda::Permission"):
        assert permission.properties["Principal"] == "apigateway.amazonaws.com"
        assert "api/Api" in permission.properties["SourceArn"]
