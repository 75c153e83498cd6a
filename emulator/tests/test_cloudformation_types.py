"""CloudFormation resource types: made, referred to, changed, replaced, removed or refused, never only said to be."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.direct import DIRECT
from support.eventually import eventually
from support.functions import Function
from support.stacks import Resources, Stack

pytestmark = pytest.mark.evidence("documented", source="CloudFormation template reference")

type Aws = Callable[..., Any]


def get(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def not_found(call: Callable[..., Any], **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] in (
            "NotFoundException",
            "ResourceNotFoundException",
            "ResourceNotFound",
        )
    return False


# HTTP APIs


def http_api(echo: Function, **changes: Any) -> Resources:
    """An API with an authorizer, two routes and a stage. `changes` replace properties, as in Api={"Name": ...}."""
    properties: dict[str, dict[str, Any]] = {
        "Api": {
            "Name": "first",
            "ProtocolType": "HTTP",
            "Description": "described",
            "CorsConfiguration": {"AllowOrigins": ["https://a.example.com"], "AllowMethods": ["GET"]},
            "Tags": {"team": "lab", "gone": "soon"},
        },
        "Authorizer": {
            "ApiId": ref("Api"),
            "Name": "token",
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{echo.arn}/invocations",
            "AuthorizerPayloadFormatVersion": "2.0",
            "AuthorizerResultTtlInSeconds": 30,
            "EnableSimpleResponses": True,
            "IdentitySource": ["$request.header.Authorization"],
        },
        "Integration": {
            "ApiId": ref("Api"),
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": echo.arn,
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": 5000,
        },
        "Open": {
            "ApiId": ref("Api"),
            "RouteKey": "GET /open",
            "Target": {"Fn::Sub": "integrations/${Integration}"},
        },
        "Closed": {
            "ApiId": ref("Api"),
            "RouteKey": "GET /closed",
            "Target": {"Fn::Sub": "integrations/${Integration}"},
            "AuthorizationType": "CUSTOM",
            "AuthorizerId": ref("Authorizer"),
        },
        "Stage": {
            "ApiId": ref("Api"),
            "StageName": "$default",
            "AutoDeploy": True,
            "DefaultRouteSettings": {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50},
            "AccessLogSettings": {
                "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:/test",
                "Format": "$context.requestId",
            },
            "StageVariables": {"a": "1"},
            "Tags": {"team": "lab"},
        },
    }
    kinds = {"Open": "Route", "Closed": "Route"}
    return {
        name: {
            "Type": f"AWS::ApiGatewayV2::{kinds.get(name, name)}",
            "Properties": {
                key: value for key, value in (own | changes.get(name, {})).items() if value is not None
            },
        }
        for name, own in properties.items()
    }


API_OUTPUTS = {
    "Ref": ref("Api"),
    "Id": get("Api", "ApiId"),
    "Endpoint": get("Api", "ApiEndpoint"),
    "Authorizer": ref("Authorizer"),
    "AuthorizerId": get("Authorizer", "AuthorizerId"),
    "Integration": ref("Integration"),
    "Route": ref("Open"),
    "Closed": ref("Closed"),
    "Stage": ref("Stage"),
}


def test_an_http_api_of_a_stack_serves_requests(aws: Aws, stack: Stack, echo: Function) -> None:
    told = stack.deploy(http_api(echo), API_OUTPUTS)
    client = aws("apigatewayv2")
    assert told["Ref"] == told["Id"] == client.get_api(ApiId=told["Id"])["ApiId"]
    assert told["Endpoint"] == client.get_api(ApiId=told["Id"])["ApiEndpoint"]
    assert told["Authorizer"] == told["AuthorizerId"]
    assert told["Stage"] == "$default"
    with httpx.Client(base_url=told["Endpoint"], **DIRECT) as http:
        event = http.get("/open").json()
        assert event["stageVariables"] == {"a": "1"}
        assert http.get("/closed").status_code == 401
        origin = {"Origin": "https://a.example.com"}
        assert http.get("/open", headers=origin).headers["access-control-allow-origin"] == origin["Origin"]


def test_the_parts_of_an_http_api_have_the_templates_properties(
    aws: Aws, stack: Stack, echo: Function
) -> None:
    told = stack.deploy(http_api(echo), API_OUTPUTS)
    client, of_api = aws("apigatewayv2"), {"ApiId": told["Id"]}
    api = client.get_api(**of_api)
    assert (api["Name"], api["Description"], api["Tags"]) == (
        "first",
        "described",
        {"team": "lab", "gone": "soon"},
    )
    authorizer = client.get_authorizer(**of_api, AuthorizerId=told["Authorizer"])
    assert authorizer["AuthorizerResultTtlInSeconds"] == 30
    assert authorizer["EnableSimpleResponses"] is True
    integration = client.get_integration(**of_api, IntegrationId=told["Integration"])
    assert (integration["TimeoutInMillis"], integration["IntegrationUri"]) == (5000, echo.arn)
    route = client.get_route(**of_api, RouteId=told["Closed"])
    assert (route["AuthorizationType"], route["AuthorizerId"]) == ("CUSTOM", told["Authorizer"])
    stage = client.get_stage(**of_api, StageName="$default")
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50.0}
    assert stage["AccessLogSettings"]["Format"] == "$context.requestId"
    assert stage["Tags"] == {"team": "lab"}


def test_changes_of_an_http_api_are_made_in_place(aws: Aws, stack: Stack, echo: Function) -> None:
    before = stack.deploy(http_api(echo), API_OUTPUTS)
    after = stack.deploy(
        http_api(
            echo,
            Api={"Name": "second", "Tags": {"team": "other"}},
            Authorizer={"AuthorizerResultTtlInSeconds": 60},
            Integration={"TimeoutInMillis": 6000},
            Open={"RouteKey": "GET /opened"},
            Stage={
                "DefaultRouteSettings": {"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0},
                "RouteSettings": {"GET /closed": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 5}},
                "Tags": {"team": "other"},
            },
        ),
        API_OUTPUTS,
    )
    assert after == before
    client, of_api = aws("apigatewayv2"), {"ApiId": after["Id"]}
    api = client.get_api(**of_api)
    assert (api["Name"], api["Tags"]) == ("second", {"team": "other"})
    changed = client.get_authorizer(**of_api, AuthorizerId=after["Authorizer"])
    assert changed["AuthorizerResultTtlInSeconds"] == 60
    changed = client.get_integration(**of_api, IntegrationId=after["Integration"])
    assert changed["TimeoutInMillis"] == 6000
    assert client.get_stage(**of_api, StageName="$default")["Tags"] == {"team": "other"}
    url = after["Endpoint"]
    assert httpx.get(f"{url}/opened", **DIRECT).status_code == 429
    assert httpx.get(f"{url}/closed", **DIRECT).status_code == 401


def test_a_property_removed_from_the_template_returns_to_its_default(
    aws: Aws, stack: Stack, echo: Function
) -> None:
    stack.deploy(
        http_api(echo, Stage={"RouteSettings": {"GET /open": {"ThrottlingBurstLimit": 0}}}), API_OUTPUTS
    )
    gone = http_api(
        echo,
        Api={"Description": None, "CorsConfiguration": None, "Tags": None},
        Integration={"TimeoutInMillis": None},
        Closed={"AuthorizationType": None, "AuthorizerId": None},
        Stage={
            "DefaultRouteSettings": None,
            "AccessLogSettings": None,
            "StageVariables": None,
            "Tags": None,
        },
    )
    del gone["Authorizer"]
    outputs = {name: value for name, value in API_OUTPUTS.items() if not name.startswith("Authorizer")}
    told = stack.deploy(gone, outputs)
    client, of_api = aws("apigatewayv2"), {"ApiId": told["Id"]}
    api = client.get_api(**of_api)
    assert (api.get("Description", ""), api.get("Tags", {})) == ("", {})
    assert "CorsConfiguration" not in api
    shown = client.get_integration(**of_api, IntegrationId=told["Integration"])
    assert shown["TimeoutInMillis"] == 30_000
    stage = client.get_stage(**of_api, StageName="$default")
    assert not stage.get("AccessLogSettings")
    assert [stage.get(name, {}) for name in ("StageVariables", "Tags", "RouteSettings")] == [{}, {}, {}]
    assert client.get_authorizers(**of_api)["Items"] == []
    for path in ("/open", "/closed"):
        assert httpx.get(f"{told['Endpoint']}{path}", **DIRECT).status_code == 200


def test_a_stage_with_another_name_is_another_stage(aws: Aws, stack: Stack, echo: Function) -> None:
    stack.deploy(http_api(echo), API_OUTPUTS)
    told = stack.deploy(http_api(echo, Stage={"StageName": "v1"}), API_OUTPUTS)
    stages = aws("apigatewayv2").get_stages(ApiId=told["Id"])["Items"]
    assert [stage["StageName"] for stage in stages] == ["v1"]
    assert told["Stage"] == stack.resources()["Stage"][0] == "v1"


def test_a_deleted_stack_leaves_nothing_of_its_api(aws: Aws, stack: Stack, echo: Function) -> None:
    told = stack.deploy(http_api(echo), API_OUTPUTS)
    stack.delete()
    assert not_found(aws("apigatewayv2").get_api, ApiId=told["Id"])
    assert httpx.get(f"{told['Endpoint']}/open", **DIRECT).status_code == 404


def test_a_stack_whose_api_was_deleted_by_hand_can_be_deleted(aws: Aws, stack: Stack, echo: Function) -> None:
    told = stack.deploy(http_api(echo), API_OUTPUTS)
    aws("apigatewayv2").delete_api(ApiId=told["Id"])
    stack.delete()


# Dashboards, metric filters, saved queries


def monitoring(name: str, **changes: Any) -> Resources:
    """A log group with a metric filter, a saved query and a dashboard, by the names that end in `name`."""
    properties: dict[str, dict[str, Any]] = {
        "Filter": {
            "LogGroupName": ref("Group"),
            "FilterName": f"filter-{name}",
            "FilterPattern": '{ $.event = "order.failed" }',
            "MetricTransformations": [
                {
                    "MetricName": "Failed",
                    "MetricNamespace": f"Test/{name}",
                    "MetricValue": "1",
                    "Unit": "Count",
                    "Dimensions": [{"Key": "category", "Value": "$.category"}],
                }
            ],
        },
        "Query": {
            "Name": f"query-{name}",
            "QueryString": "fields @message",
            "LogGroupNames": [ref("Group")],
        },
        "Dashboard": {"DashboardName": f"dashboard-{name}", "DashboardBody": '{"widgets": []}'},
    }
    types = {
        "Filter": "AWS::Logs::MetricFilter",
        "Query": "AWS::Logs::QueryDefinition",
        "Dashboard": "AWS::CloudWatch::Dashboard",
    }
    group = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": f"/test/{name}", "RetentionInDays": 7},
    }
    return {"Group": group} | {
        key: {
            "Type": types[key],
            "Properties": {
                k: value for k, value in (own | changes.get(key, {})).items() if value is not None
            },
        }
        for key, own in properties.items()
    }


MONITORING_OUTPUTS = {name: ref(name) for name in ("Filter", "Query", "Dashboard")}


def test_a_metric_filter_of_a_stack_counts_log_lines(aws: Aws, stack: Stack) -> None:
    told = stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    logs, group = aws("logs"), f"/test/{stack.name}"
    (shown,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert told["Filter"] == shown["filterName"] == f"filter-{stack.name}"
    assert shown["filterPattern"] == '{ $.event = "order.failed" }'
    (transformation,) = shown["metricTransformations"]
    assert transformation["dimensions"] == {"category": "$.category"}
    assert (transformation["unit"], transformation["metricNamespace"]) == ("Count", f"Test/{stack.name}")


def test_a_saved_query_and_a_dashboard_are_there(aws: Aws, stack: Stack) -> None:
    told = stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    (query,) = aws("logs").describe_query_definitions(queryDefinitionNamePrefix=f"query-{stack.name}")[
        "queryDefinitions"
    ]
    assert query["queryDefinitionId"] == told["Query"]
    assert (query["queryString"], query["logGroupNames"]) == ("fields @message", [f"/test/{stack.name}"])
    dashboard = aws("cloudwatch").get_dashboard(DashboardName=told["Dashboard"])
    assert json.loads(dashboard["DashboardBody"]) == {"widgets": []}


def test_changes_of_filter_query_and_dashboard_are_made_in_place(aws: Aws, stack: Stack) -> None:
    before = stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    after = stack.deploy(
        monitoring(
            stack.name,
            Filter={"FilterPattern": "{ $.level = 1 }"},
            Query={"Name": f"other-{stack.name}", "QueryString": "limit 1"},
            Dashboard={"DashboardBody": '{"start": "-PT3H", "widgets": []}'},
        ),
        MONITORING_OUTPUTS,
    )
    assert after == before
    logs = aws("logs")
    (shown,) = logs.describe_metric_filters(logGroupName=f"/test/{stack.name}")["metricFilters"]
    assert shown["filterPattern"] == "{ $.level = 1 }"
    queries = logs.describe_query_definitions()["queryDefinitions"]
    mine = [definition for definition in queries if definition["name"].endswith(stack.name)]
    assert [(one["name"], one["queryString"]) for one in mine] == [(f"other-{stack.name}", "limit 1")]
    body = aws("cloudwatch").get_dashboard(DashboardName=after["Dashboard"])["DashboardBody"]
    assert json.loads(body)["start"] == "-PT3H"


def test_another_name_replaces_filter_and_dashboard(aws: Aws, stack: Stack) -> None:
    stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    changes = {"Filter": {"FilterName": "other"}, "Dashboard": {"DashboardName": f"other-{stack.name}"}}
    told = stack.deploy(monitoring(stack.name, **changes), MONITORING_OUTPUTS)
    assert (told["Filter"], told["Dashboard"]) == ("other", f"other-{stack.name}")
    filters = aws("logs").describe_metric_filters(logGroupName=f"/test/{stack.name}")["metricFilters"]
    assert [metric_filter["filterName"] for metric_filter in filters] == ["other"]
    assert not_found(aws("cloudwatch").get_dashboard, DashboardName=f"dashboard-{stack.name}")


def test_without_a_name_filter_and_dashboard_get_one_and_keep_it(aws: Aws, stack: Stack) -> None:
    nameless = {"Filter": {"FilterName": None}, "Dashboard": {"DashboardName": None}}
    before = stack.deploy(monitoring(stack.name, **nameless), MONITORING_OUTPUTS)
    nameless["Filter"]["FilterPattern"] = "{ $.level = 1 }"
    nameless["Dashboard"]["DashboardBody"] = "{}"
    assert stack.deploy(monitoring(stack.name, **nameless), MONITORING_OUTPUTS) == before
    assert aws("cloudwatch").get_dashboard(DashboardName=before["Dashboard"])["DashboardBody"] == "{}"


def test_a_deleted_stack_leaves_no_filter_query_or_dashboard(aws: Aws, stack: Stack) -> None:
    told = stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    stack.delete()
    assert not_found(aws("cloudwatch").get_dashboard, DashboardName=told["Dashboard"])
    assert not_found(aws("logs").describe_metric_filters, logGroupName=f"/test/{stack.name}")
    prefix = {"queryDefinitionNamePrefix": f"query-{stack.name}"}
    assert aws("logs").describe_query_definitions(**prefix)["queryDefinitions"] == []


@pytest.mark.evidence("recorded", "LocalStack: test_event_rule_to_logs")
def test_resource_policy_of_a_stack_is_there_changes_and_goes(aws: Aws, stack: Stack) -> None:
    def policies() -> list[str]:
        shown = aws("logs").describe_resource_policies()["resourcePolicies"]
        return [json.loads(one["policyDocument"])["Id"] for one in shown if one["policyName"] == stack.name]

    def template(document: str) -> Resources:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "logs:PutLogEvents",
            "Resource": "*",
        }
        body = json.dumps({"Version": "2012-10-17", "Id": document, "Statement": [statement]})
        properties = {"PolicyName": stack.name, "PolicyDocument": body}
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": stack.name}}
        return {"Group": group, "Policy": {"Type": "AWS::Logs::ResourcePolicy", "Properties": properties}}

    assert stack.deploy(template("first"), {"Policy": ref("Policy")}) == {"Policy": stack.name}
    assert policies() == ["first"]
    stack.deploy(template("second"))
    assert policies() == ["second"]
    stack.delete()
    assert policies() == []


@pytest.mark.evidence("recorded", "LocalStack: test_cfn_handle_log_group_resource")
def test_property_whose_parameter_is_no_value_is_left_out(aws: Aws, stack: Stack) -> None:
    stack.parameters = {"Name": {"Type": "String", "Default": "AWS::NoValue"}}

    told = stack.deploy(
        {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": ref("Name")}}},
        {"Group": ref("Group")},
    )

    assert told["Group"].startswith(stack.name)
    (group,) = aws("logs").describe_log_groups(logGroupNamePrefix=told["Group"])["logGroups"]
    assert group["logGroupName"] == told["Group"]


def test_an_update_that_changes_nothing_says_so(stack: Stack) -> None:
    stack.deploy(monitoring(stack.name), MONITORING_OUTPUTS)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.try_to_deploy(monitoring(stack.name), MONITORING_OUTPUTS)


# what is refused


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    "unknown", ["AWS::EC2::VPNGateway", "AWS::ApiGatewayV2::Deployment", "Custom::Thing"]
)
def test_a_type_that_the_engine_does_not_have_fails_the_stack(aws: Aws, stack: Stack, unknown: str) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": stack.name}}
    state = stack.try_to_deploy({"Queue": queue, "Unknown": {"Type": unknown, "Properties": {}}})
    assert state["StackStatus"].endswith("FAILED")
    assert unknown in state["StackStatusReason"]
    assert "QueueUrls" not in aws("sqs").list_queues(QueueNamePrefix=stack.name)


@pytest.mark.evidence("ours")
def test_a_change_set_with_a_type_that_the_engine_does_not_have_fails(stack: Stack) -> None:
    body = json.dumps({"Resources": {"Unknown": {"Type": "AWS::EC2::VPNGateway", "Properties": {}}}})
    made = stack.client.create_change_set(
        StackName=stack.name, ChangeSetName="all", ChangeSetType="CREATE", TemplateBody=body
    )
    try:
        shown = eventually(
            lambda: (
                (now := stack.client.describe_change_set(ChangeSetName=made["Id"]))["Status"] == "FAILED"
                and now
            )
        )
        assert "AWS::EC2::VPNGateway" in shown["StatusReason"]
    finally:
        stack.client.delete_stack(StackName=stack.name)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"Api": {"Body": {"openapi": "3.0.1"}}}, "Body"),
        ({"Authorizer": {"AuthorizerType": "JWT"}}, "REQUEST"),
        ({"Integration": {"PayloadFormatVersion": "1.0"}}, "PayloadFormatVersion"),
        ({"Open": {"RouteKey": "/open"}}, "route key"),
        ({"Stage": {"AutoDeploy": False}}, "AutoDeploy"),
    ],
)
def test_a_resource_that_the_api_refuses_fails_the_stack_with_the_reason(
    stack: Stack, echo: Function, changes: dict[str, Any], because: str
) -> None:
    state = stack.try_to_deploy(http_api(echo, **changes))
    assert state["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert any(because in reason for reason in stack.reasons())


def test_a_change_that_the_api_refuses_fails_the_update(stack: Stack, echo: Function) -> None:
    stack.deploy(http_api(echo), API_OUTPUTS)
    state = stack.try_to_deploy(http_api(echo, Open={"Target": "integrations/nothing"}), API_OUTPUTS)
    assert state["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert any("nothing" in reason for reason in stack.reasons())


# networks


def test_flow_logs_and_rules_of_security_groups_are_there(aws: Aws, stack: Stack) -> None:
    group = {"GroupDescription": "test", "VpcId": ref("Vpc")}
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Description": "HTTPS"}
    resources: Resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/24"}},
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/test/{stack.name}"}},
        "Clients": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
        "Servers": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
        "In": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": rule
            | {"GroupId": get("Servers", "GroupId"), "SourceSecurityGroupId": get("Clients", "GroupId")},
        },
        "Out": {
            "Type": "AWS::EC2::SecurityGroupEgress",
            "Properties": rule | {"GroupId": get("Clients", "GroupId"), "CidrIp": "10.9.0.0/24"},
        },
        "Log": {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {
                "ResourceId": ref("Vpc"),
                "ResourceType": "VPC",
                "TrafficType": "REJECT",
                "LogDestinationType": "cloud-watch-logs",
                "LogGroupName": ref("Group"),
                "DeliverLogsPermissionArn": "arn:aws:iam::000000000000:role/some-role",
                "Tags": [{"Key": "team", "Value": "lab"}],
            },
        },
    }
    outputs = {name: ref(name) for name in ("Vpc", "In", "Out", "Log", "Clients", "Servers")}
    before = stack.deploy(resources, outputs)
    ec2 = aws("ec2")
    (log,) = ec2.describe_flow_logs(FlowLogIds=[before["Log"]])["FlowLogs"]
    assert (log["ResourceId"], log["TrafficType"]) == (before["Vpc"], "REJECT")

    def rules() -> dict[str, dict[str, Any]]:
        ids = [{"Name": "group-id", "Values": [before["Clients"], before["Servers"]]}]
        shown = ec2.describe_security_group_rules(Filters=ids)["SecurityGroupRules"]
        return {one["SecurityGroupRuleId"]: one for one in shown}

    assert rules()[before["In"]]["ReferencedGroupInfo"]["GroupId"] == before["Clients"]
    assert rules()[before["In"]]["IsEgress"] is False
    assert (rules()[before["Out"]]["CidrIpv4"], rules()[before["Out"]]["IsEgress"]) == ("10.9.0.0/24", True)
    resources["In"]["Properties"] |= {"FromPort": 80, "ToPort": 80}
    resources["Log"]["Properties"]["Tags"] = [{"Key": "team", "Value": "other"}]
    after = stack.deploy(resources, outputs)
    assert after["In"] != before["In"]
    assert before["In"] not in rules()
    assert (after["Out"], after["Log"]) == (before["Out"], before["Log"])
    (log,) = ec2.describe_flow_logs(FlowLogIds=[after["Log"]])["FlowLogs"]
    assert log["Tags"] == [{"Key": "team", "Value": "other"}]
    stack.delete()
    assert (
        ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [after["Vpc"]]}])["FlowLogs"] == []
    )
