"""What the control plane accepts: what AWS accepts and this package serves. All else is refused with a reason."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from moto.apigatewayv2.models import Api

from lab_localstack.apigatewayv2 import routes
from lab_localstack.apigatewayv2.errors import bad_request, conflict, not_found

type Request = Mapping[str, Any]
type Check = Callable[[Api | None, Request], None]

UNSERVED = {
    "Api": ("CredentialsArn", "RouteKey", "Target", "IpAddressType"),
    "Authorizer": ("JwtConfiguration",),
    "Integration": (
        "ConnectionId",
        "ContentHandlingStrategy",
        "IntegrationSubtype",
        "PassthroughBehavior",
        "RequestParameters",
        "RequestTemplates",
        "ResponseParameters",
        "TemplateSelectionExpression",
        "TlsConfig",
    ),
    "Route": (
        "ApiKeyRequired",
        "AuthorizationScopes",
        "ModelSelectionExpression",
        "RequestModels",
        "RequestParameters",
        "RouteResponseSelectionExpression",
    ),
    "Stage": ("ClientCertificateId", "DeploymentId"),
}
"""Parameters that mean something on AWS and nothing here."""

SELECTION = ("$request.method $request.path", "${request.method} ${request.path}")
TIMEOUT_MILLISECONDS = range(50, 30_001)
TTL_SECONDS = range(3601)
_FUNCTION = re.compile(
    r"(arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/)?"
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?(/invocations)?"
)
_IDENTITY_SOURCE = re.compile(r"\$(request\.(header|querystring)|stageVariables|context)\..+")
_STAGE_NAME = re.compile(r"\$default|[A-Za-z0-9_-]{1,128}")
_LOG_GROUP = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:[A-Za-z0-9_/.#-]+(:\*)?")


def check_api(_api: Api | None, request: Request) -> None:
    """CreateApi and UpdateApi."""
    _require(
        request.get("ProtocolType", "HTTP") == "HTTP", "Only HTTP APIs are served here, not WebSocket APIs."
    )
    expression = request.get("RouteSelectionExpression")
    _require(
        expression in (None, *SELECTION), "An HTTP API selects routes by ${request.method} ${request.path}."
    )
    cors = request.get("CorsConfiguration") or {}
    _require(
        not (cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or [])),
        "AllowCredentials cannot be true with an allowed origin of '*'.",
    )


def check_authorizer(_api: Api | None, request: Request) -> None:
    """CreateAuthorizer and UpdateAuthorizer."""
    _require(
        request.get("AuthorizerType", "REQUEST") == "REQUEST",
        "Only Lambda (REQUEST) authorizers are served here.",
    )
    version = request.get("AuthorizerPayloadFormatVersion")
    _require(
        version == "2.0" or (version is None and "AuthorizerId" in request),
        "AuthorizerPayloadFormatVersion must be 2.0 here.",
    )
    uri = request.get("AuthorizerUri")
    _require(
        _is_function(uri) or (uri is None and "AuthorizerId" in request),
        "AuthorizerUri names no Lambda function.",
    )
    _require(
        request.get("AuthorizerResultTtlInSeconds", 0) in TTL_SECONDS,
        "AuthorizerResultTtlInSeconds must be between 0 and 3600.",
    )
    for source in request.get("IdentitySource") or []:
        _require(_IDENTITY_SOURCE.fullmatch(source), f"Invalid identity source {source!r}.")


def check_integration(_api: Api | None, request: Request) -> None:
    """CreateIntegration and UpdateIntegration."""
    changes = "IntegrationId" in request
    kind, version = request.get("IntegrationType"), request.get("PayloadFormatVersion")
    _require(
        kind == "AWS_PROXY" or (kind is None and changes),
        "Only Lambda proxy integrations (AWS_PROXY) are served here.",
    )
    _require(version == "2.0" or (version is None and changes), "PayloadFormatVersion must be 2.0 here.")
    uri = request.get("IntegrationUri")
    _require(_is_function(uri) or (uri is None and changes), "IntegrationUri names no Lambda function.")
    _require(request.get("ConnectionType", "INTERNET") == "INTERNET", "VPC links are not served here.")
    _require(
        request.get("TimeoutInMillis", 30_000) in TIMEOUT_MILLISECONDS,
        "TimeoutInMillis must be between 50 and 30000.",
    )


def check_route(api: Api | None, request: Request) -> None:
    """CreateRoute and UpdateRoute."""
    assert api  # noqa: S101  a route is always that of an API
    key, own_id = request.get("RouteKey"), request.get("RouteId")
    if key is not None:
        try:
            routes.check(key)
        except routes.RouteKeyError as error:
            raise bad_request(f"The provided route key is not valid: {error}.") from error
        if any(route.route_key == key and route.route_id != own_id for route in api.routes.values()):
            raise conflict(f"Route with key {key} already exists for this API")
    authorization = request.get("AuthorizationType", "NONE")
    _require(
        authorization in ("NONE", "CUSTOM"),
        f"Routes with AuthorizationType {authorization} are not served here.",
    )
    authorizer = request.get("AuthorizerId")
    _require(
        authorization != "CUSTOM" or authorizer or own_id,
        "AuthorizerId is required for AuthorizationType CUSTOM.",
    )
    if authorizer and authorizer not in api.authorizers:
        raise not_found(f"Invalid Authorizer identifier specified {authorizer}")
    target = request.get("Target")
    if target is not None:
        place, _, integration = target.partition("/")
        _require(place == "integrations", "Target must be integrations/ and the id of an integration.")
        if integration not in api.integrations:
            raise not_found(f"Invalid Integration identifier specified {integration}")


def check_stage(api: Api | None, request: Request) -> None:
    """CreateStage and UpdateStage."""
    assert api  # noqa: S101  a stage is always that of an API
    _require(_STAGE_NAME.fullmatch(request["StageName"]), "The stage name is not valid.")
    exists = request["StageName"] in api.stages
    _require(
        request.get("AutoDeploy", exists),
        "Only stages with AutoDeploy are served here: deployments are not.",
    )
    log = request.get("AccessLogSettings") or {}
    _require(
        not log or (log.get("Format") and _LOG_GROUP.fullmatch(log.get("DestinationArn") or "")),
        "AccessLogSettings needs a Format and the ARN of a log group as DestinationArn.",
    )
    own_settings = request.get("RouteSettings") or {}
    known = {route.route_key for route in api.routes.values()}
    for key in own_settings:
        if key not in known:
            raise not_found(f"Unable to find Route by key {key} within the provided RouteSettings")
    for settings in (request.get("DefaultRouteSettings") or {}, *own_settings.values()):
        _require(not settings.get("DetailedMetricsEnabled"), "Metrics of single routes are not served here.")
        _require(
            not settings.get("DataTraceEnabled") and settings.get("LoggingLevel", "OFF") == "OFF",
            "Execution logs are not supported on protocolType HTTP",
        )
        for name in ("ThrottlingBurstLimit", "ThrottlingRateLimit"):
            _require(settings.get(name, 0) >= 0, f"{name} must not be negative.")


CHECKS: Mapping[str, Check] = {
    "Api": check_api,
    "Authorizer": check_authorizer,
    "Integration": check_integration,
    "Route": check_route,
    "Stage": check_stage,
}


def check(noun: str, api: Api | None, request: Request) -> None:
    """Raise an AWS error unless CreateNOUN or UpdateNOUN with these parameters can be served as AWS serves it."""
    for name in UNSERVED[noun]:
        _require(not request.get(name), f"{name} is not served here.")
    CHECKS[noun](api, request)


def _require(condition: object, message: str) -> None:
    if not condition:
        raise bad_request(message)


def _is_function(uri: str | None) -> bool:
    return bool(uri and _FUNCTION.fullmatch(uri))
