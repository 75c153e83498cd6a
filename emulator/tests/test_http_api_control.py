"""The control plane of HTTP APIs: what is made, shown, changed and deleted, and what is refused with a reason."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.direct import DIRECT
from support.functions import Function
from support.http_apis import HttpApi

pytestmark = pytest.mark.evidence("documented", source="API Gateway version 2 API reference")

type Aws = Callable[..., Any]

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:some-function"
LOG_GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/some/group"


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """The code and the message of the refusal of a call."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_endpoint_of_an_api_answers(api: HttpApi, echo: Function, engine_endpoint: str) -> None:
    api.route("$default", echo.arn)
    api.stage()
    shown = api.client.get_api(ApiId=api.id)
    listed = [item["ApiEndpoint"] for item in api.client.get_apis()["Items"] if item["ApiId"] == api.id]
    assert [shown["ApiEndpoint"]] == listed == [api.url]
    assert api.url == f"{engine_endpoint}/_aws/execute-api/{api.id}"
    assert httpx.get(f"{api.url}/a", **DIRECT).json()["rawPath"] == "/a"


def test_an_api_update_keeps_the_settings_it_does_not_name(api: HttpApi) -> None:
    api.client.update_api(ApiId=api.id, Description="new", CorsConfiguration={"AllowOrigins": ["*"]})
    api.client.update_api(ApiId=api.id, Version="2")
    shown = api.client.get_api(ApiId=api.id)
    assert (shown["Description"], shown["Version"]) == ("new", "2")
    assert shown["CorsConfiguration"] == {"AllowOrigins": ["*"]}
    api.client.delete_cors_configuration(ApiId=api.id)
    assert "CorsConfiguration" not in api.client.get_api(ApiId=api.id)


def test_a_changed_cors_configuration_holds_at_once(api: HttpApi) -> None:
    api.stage()
    preflight = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "GET"}
    assert api.http.options("/", headers=preflight).status_code == 403
    api.client.update_api(ApiId=api.id, CorsConfiguration={"AllowOrigins": ["*"], "AllowMethods": ["GET"]})
    assert api.http.options("/", headers=preflight).headers["access-control-allow-methods"] == "GET"


def test_changed_and_deleted_routes_hold_at_once(api: HttpApi, echo: Function) -> None:
    route = api.route("GET /a", echo.arn)
    api.stage()
    assert api.http.get("/a").status_code == 200
    api.client.update_route(ApiId=api.id, RouteId=route, RouteKey="GET /b")
    assert (api.http.get("/a").status_code, api.http.get("/b").status_code) == (404, 200)
    api.client.delete_route(ApiId=api.id, RouteId=route)
    assert api.http.get("/b").status_code == 404


def test_a_route_can_lose_its_authorizer(api: HttpApi, echo: Function) -> None:
    authorizer = api.authorizer(echo.arn)
    route = api.route("GET /", echo.arn, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    api.stage()
    assert api.http.get("/").status_code == 401
    api.client.update_route(ApiId=api.id, RouteId=route, AuthorizationType="NONE")
    assert api.http.get("/").status_code == 200
    shown = api.client.get_route(ApiId=api.id, RouteId=route)
    assert shown["AuthorizationType"] == "NONE"
    assert "AuthorizerId" not in shown


def test_a_stage_update_keeps_the_settings_it_does_not_name(api: HttpApi, echo: Function) -> None:
    api.route("GET /a", echo.arn)
    api.route("GET /b", echo.arn)
    log = {"DestinationArn": LOG_GROUP, "Format": "$context.requestId"}
    limits = {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 10.0}
    api.stage(
        Description="first",
        StageVariables={"a": "1"},
        RouteSettings={"GET /a": limits},
        AccessLogSettings=log,
        Tags={"team": "lab"},
    )
    place = {"ApiId": api.id, "StageName": "$default"}
    changed = api.client.update_stage(
        **place, DefaultRouteSettings=limits, RouteSettings={"GET /b": limits}, Description="second"
    )
    shown = api.client.get_stage(**place)
    for stage in (changed, shown):
        assert stage["Description"] == "second"
        assert stage["StageVariables"] == {"a": "1"}
        assert stage["DefaultRouteSettings"] == limits
        assert stage["RouteSettings"] == {"GET /a": limits, "GET /b": limits}
        assert stage["AccessLogSettings"] == log
        assert stage["AutoDeploy"] is True
        assert stage["Tags"] == {"team": "lab"}
        assert stage["LastUpdatedDate"] >= stage["CreatedDate"]
    api.client.delete_route_settings(**place, RouteKey="GET /a")
    api.client.delete_access_log_settings(**place)
    shown = api.client.get_stage(**place)
    assert shown["RouteSettings"] == {"GET /b": limits}
    assert "AccessLogSettings" not in shown


def test_apis_and_stages_have_tags(api: HttpApi) -> None:
    api.stage("v1", Tags={"a": "1"})
    of_api = f"arn:aws:apigateway:us-east-1::/apis/{api.id}"
    for arn in (of_api, f"{of_api}/stages/v1"):
        api.client.tag_resource(ResourceArn=arn, Tags={"b": "2", "c": "3"})
        api.client.untag_resource(ResourceArn=arn, TagKeys=["c"])
    assert api.client.get_tags(ResourceArn=of_api)["Tags"] == {"b": "2"}
    assert api.client.get_tags(ResourceArn=f"{of_api}/stages/v1")["Tags"] == {"a": "1", "b": "2"}
    assert api.client.get_stage(ApiId=api.id, StageName="v1")["Tags"] == {"a": "1", "b": "2"}


def test_a_created_resource_is_listed_until_it_is_deleted(api: HttpApi, echo: Function) -> None:
    client, of_api = api.client, {"ApiId": api.id}
    authorizer, integration = api.authorizer(echo.arn), api.integration(echo.arn)
    route = api.route("GET /", echo.arn)
    api.stage()
    assert [item["AuthorizerId"] for item in client.get_authorizers(**of_api)["Items"]] == [authorizer]
    assert [item["IntegrationId"] for item in client.get_integrations(**of_api)["Items"]] == [integration]
    assert [item["RouteKey"] for item in client.get_routes(**of_api)["Items"]] == ["GET /"]
    assert [item["StageName"] for item in client.get_stages(**of_api)["Items"]] == ["$default"]
    shown = client.get_authorizer(**of_api, AuthorizerId=authorizer)
    assert shown["IdentitySource"] == ["$request.header.Authorization"]
    assert client.get_authorizers(**of_api)["Items"] == [
        {key: value for key, value in shown.items() if key != "ResponseMetadata"}
    ]
    client.delete_stage(**of_api, StageName="$default")
    client.delete_route(**of_api, RouteId=route)
    client.delete_integration(**of_api, IntegrationId=integration)
    client.delete_authorizer(**of_api, AuthorizerId=authorizer)
    for listed in (client.get_authorizers, client.get_integrations, client.get_routes, client.get_stages):
        assert listed(**of_api)["Items"] == []


def test_a_call_about_a_missing_resource_is_not_found(api: HttpApi) -> None:
    client, of_api = api.client, {"ApiId": api.id}
    for call, parameters in (
        (client.get_api, {"ApiId": "nothing"}),
        (client.delete_api, {"ApiId": "nothing"}),
        (client.update_api, {"ApiId": "nothing"}),
        (client.create_route, {"ApiId": "nothing", "RouteKey": "$default"}),
        (client.get_route, {**of_api, "RouteId": "nothing"}),
        (client.update_route, {**of_api, "RouteId": "nothing"}),
        (client.delete_route, {**of_api, "RouteId": "nothing"}),
        (client.update_integration, {**of_api, "IntegrationId": "nothing"}),
        (client.delete_integration, {**of_api, "IntegrationId": "nothing"}),
        (client.update_authorizer, {**of_api, "AuthorizerId": "nothing"}),
        (client.delete_authorizer, {**of_api, "AuthorizerId": "nothing"}),
        (client.get_stage, {**of_api, "StageName": "nothing"}),
        (client.update_stage, {**of_api, "StageName": "nothing"}),
        (client.delete_stage, {**of_api, "StageName": "nothing"}),
        (client.delete_route_settings, {**of_api, "StageName": "nothing", "RouteKey": "$default"}),
        (client.create_route, {**of_api, "RouteKey": "$default", "Target": "integrations/nothing"}),
        (
            client.create_route,
            {**of_api, "RouteKey": "$default", "AuthorizationType": "CUSTOM", "AuthorizerId": "nothing"},
        ),
    ):
        assert refused(call, **parameters)[0] == "NotFoundException", (call, parameters)


def test_a_route_key_and_a_stage_name_are_used_once(api: HttpApi, echo: Function) -> None:
    first, second = api.route("GET /a", echo.arn), api.route("GET /b", echo.arn)
    api.stage()
    assert refused(api.client.create_route, ApiId=api.id, RouteKey="GET /a")[0] == "ConflictException"
    same = {"ApiId": api.id, "RouteKey": "GET /a"}
    assert refused(api.client.update_route, **same, RouteId=second)[0] == "ConflictException"
    api.client.update_route(**same, RouteId=first)
    duplicate = {"ApiId": api.id, "StageName": "$default", "AutoDeploy": True}
    assert refused(api.client.create_stage, **duplicate)[0] == "ConflictException"


@pytest.mark.parametrize("key", ["/a", "GET a", "TRACE /a", "GET /{a+}/b", "GET /a{b}"])
def test_invalid_route_keys_are_refused(api: HttpApi, key: str) -> None:
    assert refused(api.client.create_route, ApiId=api.id, RouteKey=key)[0] == "BadRequestException"


INTEGRATION = {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION, "PayloadFormatVersion": "2.0"}
AUTHORIZER = {
    "Name": "a",
    "AuthorizerType": "REQUEST",
    "AuthorizerUri": FUNCTION,
    "AuthorizerPayloadFormatVersion": "2.0",
    "IdentitySource": ["$request.header.Authorization"],
}


@pytest.mark.parametrize(
    ("operation", "parameters", "because"),
    [
        ("integration", {"IntegrationType": "HTTP_PROXY"}, "AWS_PROXY"),
        ("integration", {"IntegrationUri": "https://example.com"}, "IntegrationUri"),
        ("integration", {"PayloadFormatVersion": "1.0"}, "PayloadFormatVersion"),
        ("integration", {"IntegrationSubtype": "SQS-SendMessage"}, "IntegrationSubtype"),
        ("integration", {"RequestParameters": {"append:header.a": "b"}}, "RequestParameters"),
        ("integration", {"ConnectionType": "VPC_LINK", "ConnectionId": "a"}, "ConnectionId"),
        ("integration", {"TimeoutInMillis": 30_001}, "TimeoutInMillis"),
        ("authorizer", {"AuthorizerType": "JWT"}, "REQUEST"),
        ("authorizer", {"AuthorizerPayloadFormatVersion": "1.0"}, "AuthorizerPayloadFormatVersion"),
        ("authorizer", {"AuthorizerResultTtlInSeconds": 3601}, "AuthorizerResultTtlInSeconds"),
        ("authorizer", {"IdentitySource": ["Authorization"]}, "identity source"),
        ("route", {"RouteKey": "GET /", "AuthorizationType": "AWS_IAM"}, "AWS_IAM"),
        ("route", {"RouteKey": "GET /", "AuthorizationType": "CUSTOM"}, "AuthorizerId"),
        ("route", {"RouteKey": "GET /", "ApiKeyRequired": True}, "ApiKeyRequired"),
        ("stage", {"StageName": "v1"}, "AutoDeploy"),
        ("stage", {"StageName": "v1", "AutoDeploy": True, "DeploymentId": "a"}, "DeploymentId"),
        ("stage", {"StageName": "v 1", "AutoDeploy": True}, "stage name"),
        (
            "stage",
            {"StageName": "v1", "AutoDeploy": True, "AccessLogSettings": {"DestinationArn": LOG_GROUP}},
            "Format",
        ),
        (
            "stage",
            {"StageName": "v1", "AutoDeploy": True, "DefaultRouteSettings": {"DetailedMetricsEnabled": True}},
            "Metrics",
        ),
        (
            "stage",
            {"StageName": "v1", "AutoDeploy": True, "DefaultRouteSettings": {"LoggingLevel": "INFO"}},
            "Execution logs",
        ),
    ],
)
def test_an_invalid_or_unserved_setting_is_refused_with_a_reason(
    api: HttpApi, operation: str, parameters: dict[str, Any], because: str
) -> None:
    valid = {"integration": INTEGRATION, "authorizer": AUTHORIZER}.get(operation, {})
    call = getattr(api.client, f"create_{operation}")
    code, message = refused(call, ApiId=api.id, **{**valid, **parameters})
    assert code == "BadRequestException"
    assert because in message


def test_settings_of_an_unknown_route_are_not_found(api: HttpApi) -> None:
    code, message = refused(
        api.client.create_stage,
        ApiId=api.id,
        StageName="v1",
        AutoDeploy=True,
        RouteSettings={"GET /a": {"ThrottlingBurstLimit": 1}},
    )
    assert code == "NotFoundException"
    assert "GET /a" in message


@pytest.mark.evidence("ours")
def test_apis_of_other_kinds_are_refused(aws: Aws) -> None:
    create = aws("apigatewayv2").create_api
    for parameters in (
        {"ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"},
        {"ProtocolType": "HTTP", "Target": FUNCTION},
        {"ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"], "AllowCredentials": True}},
    ):
        assert refused(create, Name="test", **parameters)[0] == "BadRequestException"


@pytest.mark.evidence("ours")
def test_operations_that_are_not_served_say_so(api: HttpApi) -> None:
    code, message = refused(api.client.create_deployment, ApiId=api.id)
    assert code == "InternalFailure"
    assert "CreateDeployment" in message
