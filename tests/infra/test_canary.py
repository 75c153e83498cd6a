"""Gradual deployments by CodeDeploy, if they are asked for: what leads through the alias, and what rolls back."""

import pytest

from tests.infra.templates import Templates

GRADUAL = ("Ingest", "Worker")
ALIAS = "functions/{}/Live"


def test_without_the_setting_nothing_of_codedeploy_is_made(local: Templates, aws: Templates) -> None:
    for templates in (local, aws):
        kinds = {resource.type for resource in templates.all()}
        assert not kinds & {"AWS::Lambda::Alias", "AWS::Lambda::Version"}
        assert not [kind for kind in kinds if kind.startswith("AWS::CodeDeploy::")]


def test_orders_and_messages_reach_functions_through_the_alias(canary: Templates) -> None:
    mapping = canary.one("AWS::Lambda::EventSourceMapping", "WorkerMapping").properties
    assert ALIAS.format("Worker") in mapping["FunctionName"]
    assert mapping["FunctionName"].endswith(":live")
    integrations = {i.properties["IntegrationUri"] for i in canary.all("AWS::ApiGatewayV2::Integration")}
    assert integrations == {ALIAS.format("Ingest"), "functions/Redrive/Function.Arn"}


@pytest.mark.parametrize("function", GRADUAL)
def test_an_alias_changes_version_by_its_deployment_group(canary: Templates, function: str) -> None:
    alias = canary.one("AWS::Lambda::Alias", f"{function}/Live")
    group = f"functions/{function}/Deployments"
    assert alias.properties["Name"] == "live"
    assert canary.resolved("functions", alias.raw["UpdatePolicy"])["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": "functions/Canary/Application",
        "DeploymentGroupName": group,
    }


@pytest.mark.parametrize("function", GRADUAL)
def test_a_deployment_begins_with_a_tenth_and_goes_back_when_customers_are_hurt(
    canary: Templates, function: str
) -> None:
    group = canary.one("AWS::CodeDeploy::DeploymentGroup", f"{function}/Deployments").properties
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert group["AlarmConfiguration"] == {
        "Alarms": [{"Name": "ingestion-prod-critical-customers-hurt"}],
        "Enabled": True,
    }
    assert group["AutoRollbackConfiguration"] == {
        "Enabled": True,
        "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
    }


def test_the_alarm_that_rolls_back_is_there(canary: Templates) -> None:
    alarms = {alarm.properties["AlarmName"] for alarm in canary.all("AWS::CloudWatch::CompositeAlarm")}
    assert "ingestion-prod-critical-customers-hurt" in alarms
