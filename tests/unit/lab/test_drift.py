"""What somebody deleted is found against the deployed templates, and forgotten so that a deployment makes it again."""

import json
from typing import Any

import pytest

from lab.deployment import drift
from lab.deployment.drift import EXISTS, forget, gone
from lab.errors import LabError
from tests.support.stacks import World

TEMPLATES: dict[str, dict[str, Any]] = {
    "queue": {
        "Resources": {
            "dlq": {"Type": "AWS::SQS::Queue", "Properties": {}},
            "orders": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "RedrivePolicy": {
                        "deadLetterTargetArn": {"Fn::GetAtt": ["dlq", "Arn"]},
                        "maxReceiveCount": 5,
                    }
                },
            },
            "policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "orders"}]}},
            "parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "none"}},
        },
        "Outputs": {
            "Parameter": {"Value": {"Ref": "parameter"}, "Export": {"Name": "parameter"}},
            "Queue": {"Value": {"Ref": "orders"}},
        },
    },
    "observability": {
        "Parameters": {"BootstrapVersion": {}},
        "Resources": {
            "alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {}},
            "filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {}, "DependsOn": ["alarm"]},
            "dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {"DashboardBody": {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["alarm", "Arn"]}]]}},
                "DependsOn": "filter",
            },
        },
    },
}


def world(*deleted: str) -> Any:
    return World(TEMPLATES, set(deleted))


def test_whole_deployment_misses_nothing() -> None:
    assert gone(world(), "dev") == []


def test_nothing_is_missed_where_nothing_is_deployed() -> None:
    assert gone(World({}, {"alarm"}), "dev") == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("parameter", "SSM Parameter parameter is gone"),
        ("alarm", "CloudWatch Alarm alarm is gone"),
        ("filter", "Logs MetricFilter filter is gone"),
        ("dashboard", "CloudWatch Dashboard dashboard is gone"),
        ("RedrivePolicy of orders", "RedrivePolicy of SQS Queue orders is gone"),
        ("Policy of orders", "SQS QueuePolicy policy is gone"),
    ],
)
def test_deleted_resource_is_named_with_its_fix(name: str, told: str) -> None:
    (missing,) = gone(world(name), "dev")
    assert (missing.told, missing.fix) == (told, "make deploy-local")


@pytest.mark.parametrize("kind", EXISTS)
def test_every_kind_that_is_asked_for_is_missed_when_deleted(kind: str) -> None:
    templates = {"queue": {"Resources": {"it": {"Type": kind, "Properties": {}}}}}
    assert gone(World(templates, set()), "dev") == []  # type: ignore[arg-type]
    (missing,) = gone(World(templates, {"it"}), "dev")  # type: ignore[arg-type]
    assert missing.resource.physical_id == "it"


def test_error_other_than_not_found_is_not_taken_for_a_deletion() -> None:
    def refused() -> None:
        raise drift.ClientError({"Error": {"Code": "AccessDenied"}}, "GetParameter")

    with pytest.raises(drift.ClientError, match="AccessDenied"):
        drift._answered(refused)  # pyright: ignore[reportPrivateUsage]


def test_forgotten_parameter_leaves_its_stack_with_the_value_of_its_export() -> None:
    here = world("parameter")
    forget(here, "dev", gone(here, "dev"))
    (update,) = here.updates
    template = json.loads(update["TemplateBody"])
    assert update["StackName"] == "ingestion-dev-queue"
    assert set(template["Resources"]) == {"dlq", "orders", "policy"}
    assert template["Outputs"]["Parameter"]["Value"] == "value of Parameter"
    assert template["Outputs"]["Queue"] == TEMPLATES["queue"]["Outputs"]["Queue"]


def test_forgotten_alarm_takes_along_what_refers_to_it_and_no_more() -> None:
    here = world("alarm")
    forget(here, "dev", gone(here, "dev"))
    (update,) = here.updates
    assert json.loads(update["TemplateBody"])["Resources"] == {
        "filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {}}
    }
    assert update["Parameters"] == [{"ParameterKey": "BootstrapVersion", "UsePreviousValue": True}]


def test_forgotten_redrive_policy_leaves_the_queue_and_its_messages() -> None:
    here = world("RedrivePolicy of orders")
    forget(here, "dev", gone(here, "dev"))
    resources = json.loads(here.updates[0]["TemplateBody"])["Resources"]
    assert set(resources) == set(TEMPLATES["queue"]["Resources"])
    assert resources["orders"]["Properties"] == {}


def test_queue_with_messages_is_not_made_again_for_the_sake_of_its_dlq() -> None:
    here = world("dlq")
    missing = gone(here, "dev")
    assert [each.fix for each in missing if each.resource.name == "dlq"] == ["make down up deploy-local"]
    with pytest.raises(LabError, match="SQS Queue dlq is gone") as raised:
        forget(here, "dev", missing)
    assert raised.value.fix == "Start afresh: make down up deploy-local"
    assert here.updates == []
