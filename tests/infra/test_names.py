"""Names: everything can be found by its name, and environments do not meet."""

from collections.abc import Iterator

import aws_cdk as cdk
import pytest

from tests.infra.templates import Templates

NAME_PROPERTIES = (
    "QueueName",
    "TableName",
    "TopicName",
    "FunctionName",
    "LogGroupName",
    "AlarmName",
    "DashboardName",
    "FilterName",
    "AliasName",
    "GroupName",
    "Name",
)
OUTPUTS = {
    "ApiUrl",
    "ApiId",
    "QueueUrl",
    "QueueName",
    "DlqUrl",
    "DlqName",
    "UndeliveredEventsQueueUrl",
    "OrdersTableName",
    "IdempotencyTableName",
    "CircuitsTableName",
    "RedriveTableName",
    "EventBusName",
    "OrderEventsTopicArn",
    "OrderEventsRuleName",
    "AlarmsTopicArn",
    "FailureModeParameter",
    "IngestFunctionName",
    "WorkerFunctionName",
    "DryRunFunctionName",
    "RedriveFunctionName",
    "WorkerEventSourceMappingId",
    "RedriveTokenSecretName",
    "DashboardName",
    "MetricNamespace",
}


def names(templates: Templates) -> Iterator[tuple[str, str]]:
    """Type and physical name of every resource that has one of its own."""
    for resource in templates.all():
        for key in NAME_PROPERTIES:
            name = resource.raw.get("Properties", {}).get(key)
            if isinstance(name, str):
                yield resource.type, name


@pytest.mark.parametrize("variant", ["local", "secured"])
def test_every_name_carries_the_environment(request: pytest.FixtureRequest, variant: str) -> None:
    templates: Templates = request.getfixturevalue(variant)
    env_name = templates.settings.env_name
    plain = {name for _, name in names(templates) if env_name not in name}
    assert plain <= {"/ingestion/failure_mode"}


def test_two_environments_share_no_name(aws: Templates, secured: Templates) -> None:
    assert not set(names(aws)) & set(names(secured))


def test_resources_that_people_and_tools_look_up_have_physical_names(aws: Templates) -> None:
    named = {kind for kind, _ in names(aws)}
    assert {
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::ApiGatewayV2::Api",
        "AWS::Logs::QueryDefinition",
    } <= named


def test_the_stacks_publish_the_outputs_that_the_tools_read(templates: Templates) -> None:
    pauser = {"ValveQueueUrl"} if templates.settings.has_pauser else set[str]()
    assert templates.outputs().keys() == OUTPUTS | pauser | {"Settings"}


def test_the_api_s_url_is_the_one_the_engine_gives_it(aws: Templates) -> None:
    assert aws.outputs()["ApiUrl"] == "api/Api.ApiEndpoint"


def test_local_stacks_belong_to_an_account_that_does_not_exist(local: Templates) -> None:
    accounts = {stack.account for stack in local.app.node.children if isinstance(stack, cdk.Stack)}
    assert accounts == {"000000000000"}
