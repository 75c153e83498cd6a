"""Least privilege: who may do what, and that nobody may do anything else."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.accepted_findings import WILDCARD_ACTIONS
from tests.infra.templates import Templates

FUNCTIONS = ("Ingest", "Worker", "DryRun", "Redrive", "Authorizer", "Valve")

READ_FAILURE_MODE = {"ssm:GetParameter", "ssm:GetParameters"}
RECEIVE = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}
POLL = RECEIVE | {"sqs:GetQueueAttributes"}
"""What Lambda's poller needs, which acts in the function's name."""

MAY: dict[str, dict[str, set[str]]] = {
    "Ingest": {
        "queue/Orders.Arn": {"sqs:SendMessage"},
        "queue/FailureMode0": READ_FAILURE_MODE,
        "queue/FailureMode1": READ_FAILURE_MODE,
    },
    "Worker": {
        "queue/Orders.Arn": POLL | {"sqs:SendMessage"},
        "queue/OrdersDlq.Arn": {"sqs:SendMessage"},
        "queue/OrdersTable.Arn": {"dynamodb:UpdateItem"},
        "queue/IdempotencyTable.Arn": {
            "dynamodb:DeleteItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        },
        "queue/CircuitsTable.Arn": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "queue/Bus.Arn": {"events:PutEvents"},
        "queue/FailureMode0": READ_FAILURE_MODE,
        "queue/FailureMode1": READ_FAILURE_MODE,
    },
    "DryRun": {
        "queue/OrdersTable.Arn": {"dynamodb:BatchGetItem"},
        "queue/IdempotencyTable.Arn": {"dynamodb:BatchGetItem"},
        "queue/CircuitsTable.Arn": {"dynamodb:GetItem"},
        "queue/FailureMode0": READ_FAILURE_MODE,
        "queue/FailureMode1": READ_FAILURE_MODE,
    },
    "Redrive": {
        "queue/OrdersDlq.Arn": POLL,
        "queue/Orders.Arn": {"sqs:GetQueueAttributes", "sqs:SendMessage"},
        "queue/RedriveTable.Arn": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        "queue/CircuitsTable.Arn": {"dynamodb:GetItem", "dynamodb:Scan"},
        "queue/OrdersTable.Arn": {"dynamodb:BatchGetItem"},
        "alarm:critical-worker-errors": {"cloudwatch:DescribeAlarms"},
        "function:redrive": {"lambda:InvokeFunction"},
        "functions/DryRun/Function.Arn": {"lambda:InvokeFunction"},
        "queue/FailedInvocations.Arn": {"sqs:SendMessage"},
    },
    "Authorizer": {"queue/RedriveToken": {"secretsmanager:GetSecretValue"}},
}
"""Everything that a function may do by its role, beside writing its own log: no less, and no more."""

WITH_A_PAUSER: dict[str, dict[str, set[str]]] = {
    "Worker": {"queue/Valve.Arn": {"sqs:SendMessage"}},
    "Valve": {
        "queue/Valve.Arn": POLL,
        "event-source-mapping:functions/WorkerMapping": {"lambda:UpdateEventSourceMapping"},
    },
}
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEY = {
    "Ingest": {"kms:Decrypt", "kms:GenerateDataKey"},
    "Authorizer": {"kms:Decrypt"},
    "DryRun": {"kms:Decrypt"},
    "Valve": {"kms:Decrypt"},
}
FULL_USE_OF_KEY = {f"kms:{action}" for action in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")} | {
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
}


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


def allowed(templates: Templates) -> dict[str, dict[str, set[str]]]:
    """Actions by function and resource, of statements that name their resources."""
    found: dict[str, dict[str, set[str]]] = {}
    for function, statement in statements(templates):
        for arn in listed(statement["Resource"]):
            if arn != "*":
                name = _short(arn, templates.prefix)
                found.setdefault(function, {}).setdefault(name, set()).update(listed(statement["Action"]))
    return found


def _short(arn: str, prefix: str) -> str:
    """`queue/Orders.Arn` for a resource of the stacks, else the resource part without the environment's name."""
    if not arn.startswith("arn:"):
        return arn
    resource = arn.split(":", 5)[5].removeprefix("parameter")
    return resource.replace(f"{prefix}-", "")


def expected(*parts: dict[str, dict[str, set[str]]]) -> dict[str, dict[str, set[str]]]:
    """The sum of permissions, with its own log for each function."""
    total: dict[str, dict[str, set[str]]] = {}
    for part in parts:
        for function, resources in part.items():
            total.setdefault(function, {f"functions/{function}/Logs.Arn": OWN_LOG}).update(resources)
    return total


def test_a_function_has_the_permissions_it_needs_and_no_others(aws: Templates) -> None:
    assert allowed(aws) == expected(MAY)


@pytest.mark.parametrize("variant", ["local", "paused"])
def test_the_pauser_adds_the_permissions_it_needs_and_no_others(
    request: pytest.FixtureRequest, variant: str
) -> None:
    """It is there with the strategy `pause`, and locally, where a scenario switches strategies."""
    assert allowed(request.getfixturevalue(variant)) == expected(MAY, WITH_A_PAUSER)


def test_an_encryption_key_adds_its_use_and_no_other_permission(secured_and_paused: Templates) -> None:
    """In production, where there are no failure modes either."""
    found = allowed(secured_and_paused)
    assert {function: resources.pop("queue/Key.Arn") for function, resources in found.items()} == {
        function: KEY.get(function, FULL_USE_OF_KEY) for function in FUNCTIONS
    }
    wanted = expected(MAY, WITH_A_PAUSER)
    for function in ("Ingest", "Worker", "DryRun"):
        del wanted[function]["queue/FailureMode0"], wanted[function]["queue/FailureMode1"]
    assert found == wanted


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


READS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "kms:Decrypt", *READ_FAILURE_MODE}
OF_ANY_FUNCTION = ("ec2", "logs", "xray")
"""The services that every function uses for itself: its interfaces in a VPC, its log, its spans."""


def test_the_dry_run_may_write_nothing_but_what_tells_of_itself(templates: Templates) -> None:
    actions = {
        action
        for function, statement in statements(templates)
        if function == "DryRun"
        for action in listed(statement["Action"])
        if action.partition(":")[0] not in OF_ANY_FUNCTION
    }
    assert {"dynamodb:BatchGetItem", "dynamodb:GetItem"} <= actions <= READS


def test_the_dry_run_runs_the_workers_code_with_its_settings(templates: Templates) -> None:
    worker, dry_run = (
        templates.one("AWS::Lambda::Function", f"{name}/Function").properties for name in ("Worker", "DryRun")
    )
    assert dry_run["Code"] == worker["Code"]
    own = {"POWERTOOLS_SERVICE_NAME", "TRACED_HANDLER"}
    asked, deployed = (
        {name: value for name, value in each["Environment"]["Variables"].items() if name not in own}
        for each in (dry_run, worker)
    )
    assert asked == deployed


def test_the_redrive_function_may_invoke_itself_and_the_dry_run_and_nothing_else(aws: Templates) -> None:
    targets = [
        (who, arn)
        for who, statement in statements(aws)
        if "lambda:InvokeFunction" in listed(statement["Action"])
        for arn in listed(statement["Resource"])
    ]
    assert [(who, arn.rsplit(":", 1)[-1]) for who, arn in targets] == [
        ("Redrive", "functions/DryRun/Function.Arn"),
        ("Redrive", "ingestion-dev-redrive"),
    ]


def test_functions_may_be_invoked_by_the_routes_of_the_api_alone(aws: Templates) -> None:
    for permission in aws.all("AWS::Lambda::Permission"):
        assert permission.properties["Principal"] == "apigateway.amazonaws.com"
        assert "api/Api" in permission.properties["SourceArn"]


WITHOUT_CONDITION = {
    ("OrderEvents/Policy", "events.amazonaws.com"),
    ("EventLogPolicy", "events.amazonaws.com"),
}
"""EventBridge documents no condition for topics and logs; both statements name the one resource."""


def service_statements(templates: Templates) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each statement of a resource's policy that lets an AWS service do something."""
    for resource in templates.all():
        document: Any = (
            resource.properties.get("PolicyDocument") or resource.properties.get("KeyPolicy") or {}
        )
        for statement in (json.loads(document) if isinstance(document, str) else document).get(
            "Statement", []
        ):
            principal = statement.get("Principal", {})
            if statement["Effect"] == "Allow" and "Service" in principal:
                yield resource.path, principal["Service"], statement


def test_services_act_for_this_account_alone_where_they_say_for_whom(secured_and_paused: Templates) -> None:
    found = list(service_statements(secured_and_paused))
    assert len(found) >= 8
    unbound = {(path, service) for path, service, statement in found if not statement.get("Condition")}
    assert unbound == WITHOUT_CONDITION


def test_only_what_is_named_invokes_a_function(secured_and_paused: Templates) -> None:
    permissions = list(secured_and_paused.all("AWS::Lambda::Permission"))
    assert permissions
    assert not [permission.path for permission in permissions if not permission.properties.get("SourceArn")]
