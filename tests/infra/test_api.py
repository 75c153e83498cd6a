"""The API stack: routes, who may call them, limits and access log."""

import json

from functions.ingest import handler as ingest
from tests.infra.templates import Templates

ROUTES = {
    "POST /events": "NONE",
    "POST /events/batch": "NONE",
    "GET /health": "NONE",
    "GET /openapi.json": "NONE",
    "GET /redrive/preview": "CUSTOM",
    "POST /redrive/start": "CUSTOM",
    "GET /redrive/dry-run": "CUSTOM",
    "GET /redrive/{id}": "CUSTOM",
    "POST /redrive/{id}/cancel": "CUSTOM",
}

TAKE_ORDERS = ("POST /events", "POST /events/batch")


def authorization(templates: Templates) -> dict[str, str]:
    """How each route is authorized."""
    return {r.properties["RouteKey"]: r.properties["AuthorizationType"] for r in templates.all(_ROUTE)}


def test_the_api_has_these_routes_and_no_catch_all(templates: Templates) -> None:
    orders = "AWS_IAM" if templates.settings.ingest_auth == "iam" else "NONE"
    assert authorization(templates) == ROUTES | dict.fromkeys(TAKE_ORDERS, orders)


def test_orders_are_taken_from_who_has_a_token_of_the_issuer() -> None:
    tokens = {"ingestAuth": "jwt", "jwtIssuer": "https://issuer", "jwtAudience": "orders,batches"}
    templates = Templates(tokens)
    assert authorization(templates) == ROUTES | dict.fromkeys(TAKE_ORDERS, "JWT")
    (authorizer,) = (a for a in templates.all(_AUTHORIZER) if a.properties["AuthorizerType"] == "JWT")
    assert authorizer.properties["JwtConfiguration"] == {
        "Issuer": "https://issuer",
        "Audience": ["orders", "batches"],
    }


def test_the_routes_are_those_that_the_api_describes_of_itself(aws: Templates) -> None:
    paths = json.loads(ingest.DOCUMENT.read_text())["paths"]
    described = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    assert described == {route.properties["RouteKey"] for route in aws.all(_ROUTE)}


def test_every_redrive_route_stands_behind_the_authorizer(aws: Templates) -> None:
    guarded = {r.properties["RouteKey"] for r in aws.all(_ROUTE) if "AuthorizerId" in r.properties}
    assert guarded == {route for route in ROUTES if "/redrive" in route}


def test_the_authorizer_asks_for_the_bearer_token_and_answers_yes_or_no(aws: Templates) -> None:
    (authorizer,) = aws.all(_AUTHORIZER)
    properties = authorizer.properties
    assert properties["AuthorizerType"] == "REQUEST"
    assert properties["AuthorizerPayloadFormatVersion"] == "2.0"
    assert properties["EnableSimpleResponses"] is True
    assert properties["IdentitySource"] == ["$request.header.Authorization"]
    assert 0 < properties["AuthorizerResultTtlInSeconds"] <= 60
    assert "functions/Authorizer/Function.Arn" in properties["AuthorizerUri"]


def test_functions_get_payload_format_2(aws: Templates) -> None:
    integrations = list(aws.all("AWS::ApiGatewayV2::Integration"))
    assert {i.properties["PayloadFormatVersion"] for i in integrations} == {"2.0"}
    assert {i.properties["IntegrationUri"] for i in integrations} == {
        "functions/Ingest/Function.Arn",
        "functions/Redrive/Function.Arn",
    }


def test_the_default_stage_throttles_and_deploys_by_itself(templates: Templates) -> None:
    stage = templates.one("AWS::ApiGatewayV2::Stage", "DefaultStage").properties
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": templates.settings.api_rate_limit,
        "ThrottlingBurstLimit": templates.settings.api_burst_limit,
    }


def test_each_request_leaves_one_json_object_in_the_access_log(aws: Templates) -> None:
    log = aws.one("AWS::ApiGatewayV2::Stage", "DefaultStage").properties["AccessLogSettings"]
    assert log["DestinationArn"] == "api/AccessLog.Arn"
    fields = json.loads(log["Format"])
    assert {"requestId", "routeKey", "status", "responseLatency", "integrationError"} <= fields.keys()
    assert all(value.startswith("$context.") for value in fields.values())


def test_the_access_log_holds_no_header_that_could_carry_the_token(aws: Templates) -> None:
    log = aws.one("AWS::ApiGatewayV2::Stage", "DefaultStage").properties["AccessLogSettings"]
    assert "header" not in log["Format"].lower()


def test_browsers_may_send_the_headers_the_api_understands(aws: Templates) -> None:
    (api,) = aws.all("AWS::ApiGatewayV2::Api")
    cors = api.properties["CorsConfiguration"]
    assert {"Authorization", "Content-Type", "Idempotency-Key", "X-Correlation-Id"} == set(
        cors["AllowHeaders"]
    )
    assert cors["ExposeHeaders"] == ["X-Correlation-Id"]
    assert "AllowCredentials" not in cors


_AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
_ROUTE = "AWS::ApiGatewayV2::Route"
