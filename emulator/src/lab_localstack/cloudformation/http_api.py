"""AWS::ApiGatewayV2::Api, Authorizer, Integration, Route and Stage."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from lab_localstack.cloudformation.resource_provider import (
    Model,
    Request,
    SynchronousProvider,
    plugin,
    select,
)


class HttpApiPartProvider(SynchronousProvider):
    """An HTTP API or a part of one, whose operations are create_X, get_X, update_X and delete_X."""

    NOUN: ClassVar[str]
    PARENT: ClassVar[tuple[str, ...]] = ("ApiId",)
    DEFAULTS: ClassVar[Mapping[str, Any]] = {}
    """What a property becomes again when it goes from the template."""

    def make(self, request: Request, model: Model) -> Model:
        return self._call(request, "create", model, self.PROPERTIES)

    def change(self, request: Request, model: Model, before: Model) -> Model:
        gone = {name: value for name, value in self.DEFAULTS.items() if name in before and name not in model}
        names = tuple(name for name in self.PROPERTIES if name not in ("Tags", *self.CREATE_ONLY))
        self._change_tags(request, model, before)
        return self._call(request, "update", gone | model, (*self.PARENT, self.ID, *names))

    def remove(self, request: Request, model: Model) -> None:
        client = self._client(request)
        with suppress(client.exceptions.NotFoundException):
            self._call(request, "delete", model, (*self.PARENT, self.ID))

    def arn(self, request: Request, model: Model) -> str:
        """What tags are attached to."""
        return f"arn:aws:apigateway:{request.region_name}::/apis/{model['ApiId']}"

    def _call(self, request: Request, verb: str, model: Model, names: tuple[str, ...]) -> Model:
        answer = getattr(self._client(request), f"{verb}_{self.NOUN}")(**select(model, names))
        return select(answer, (self.ID, *self.READ_ONLY))

    def _change_tags(self, request: Request, model: Model, before: Model) -> None:
        wanted, had = model.get("Tags") or {}, before.get("Tags") or {}
        client, arn = self._client(request), self.arn(request, model)
        if gone := sorted(had.keys() - wanted.keys()):
            client.untag_resource(ResourceArn=arn, TagKeys=gone)
        if wanted != had and wanted:
            client.tag_resource(ResourceArn=arn, Tags=wanted)

    @staticmethod
    def _client(request: Request) -> Any:
        return request.aws_client_factory.apigatewayv2


class ApiProvider(HttpApiPartProvider):
    TYPE, NOUN, ID, PARENT = "AWS::ApiGatewayV2::Api", "api", "ApiId", ()
    READ_ONLY, CREATE_ONLY = ("ApiId", "ApiEndpoint"), ("ProtocolType",)
    DEFAULTS: ClassVar = {"Description": "", "DisableExecuteApiEndpoint": False, "Version": ""}
    PROPERTIES = (
        "Name",
        "ProtocolType",
        "Description",
        "CorsConfiguration",
        "DisableExecuteApiEndpoint",
        "RouteSelectionExpression",
        "Tags",
        "Version",
    )

    def change(self, request: Request, model: Model, before: Model) -> Model:
        if "CorsConfiguration" in before and "CorsConfiguration" not in model:
            self._client(request).delete_cors_configuration(ApiId=model["ApiId"])
        return super().change(request, model, before)


class AuthorizerProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Authorizer", "authorizer", "AuthorizerId"
    READ_ONLY, CREATE_ONLY = ("AuthorizerId",), ("ApiId",)
    DEFAULTS: ClassVar = {
        "AuthorizerResultTtlInSeconds": 300,
        "EnableSimpleResponses": False,
        "IdentitySource": [],
    }
    PROPERTIES = (
        "ApiId",
        "Name",
        "AuthorizerType",
        "AuthorizerUri",
        "AuthorizerCredentialsArn",
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses",
        "IdentitySource",
        "JwtConfiguration",
    )


class IntegrationProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Integration", "integration", "IntegrationId"
    READ_ONLY, CREATE_ONLY = ("IntegrationId",), ("ApiId",)
    DEFAULTS: ClassVar = {"Description": "", "TimeoutInMillis": 30_000}
    PROPERTIES = (
        "ApiId",
        "IntegrationType",
        "IntegrationUri",
        "IntegrationMethod",
        "IntegrationSubtype",
        "PayloadFormatVersion",
        "RequestParameters",
        "ResponseParameters",
        "TimeoutInMillis",
        "CredentialsArn",
        "Description",
        "ConnectionId",
        "ConnectionType",
    )


class RouteProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Route", "route", "RouteId"
    READ_ONLY, CREATE_ONLY = ("RouteId",), ("ApiId",)
    DEFAULTS: ClassVar = {"AuthorizationType": "NONE", "OperationName": ""}
    PROPERTIES = (
        "ApiId",
        "RouteKey",
        "Target",
        "AuthorizationType",
        "AuthorizationScopes",
        "AuthorizerId",
        "OperationName",
    )


class StageProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Stage", "stage", "StageName"
    CREATE_ONLY = ("ApiId", "StageName")
    DEFAULTS: ClassVar = {
        "DefaultRouteSettings": {},
        "Description": "",
        "StageVariables": {},
    }
    PROPERTIES = (
        "ApiId",
        "StageName",
        "AutoDeploy",
        "DeploymentId",
        "DefaultRouteSettings",
        "RouteSettings",
        "AccessLogSettings",
        "StageVariables",
        "Description",
        "Tags",
    )

    def change(self, request: Request, model: Model, before: Model) -> Model:
        client, place = self._client(request), select(model, ("ApiId", "StageName"))
        if "AccessLogSettings" in before and "AccessLogSettings" not in model:
            client.delete_access_log_settings(**place)
        for key in (before.get("RouteSettings") or {}).keys() - (model.get("RouteSettings") or {}).keys():
            with suppress(client.exceptions.NotFoundException):
                client.delete_route_settings(**place, RouteKey=key)
        return super().change(request, model, before)

    def arn(self, request: Request, model: Model) -> str:
        return f"{super().arn(request, model)}/stages/{model['StageName']}"


ApiPlugin = plugin(ApiProvider)
AuthorizerPlugin = plugin(AuthorizerProvider)
IntegrationPlugin = plugin(IntegrationProvider)
RoutePlugin = plugin(RouteProvider)
StagePlugin = plugin(StageProvider)
