"""AWS::ApiGatewayV2::Api, Authorizer, Integration, Route and Stage."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from localstack.services.cloudformation.resource_provider import ResourceRequest

from lab_localstack.cloudformation.base import Model, SynchronousProvider, plugin, select


class HttpApiPartProvider(SynchronousProvider):
    """A part of an HTTP API whose operations are create_X, update_X and delete_X."""

    NOUN: ClassVar[str]
    PROPERTIES: ClassVar[tuple[str, ...]]
    PARENT: ClassVar[tuple[str, ...]] = ("ApiId",)
    UPDATE_ONLY_WITHOUT: ClassVar[tuple[str, ...]] = ("Tags",)

    def make(self, request: ResourceRequest[Model], model: Model) -> dict[str, Any]:
        parameters = select(model, (*self.PARENT, *self.PROPERTIES))
        return self._chosen(self._call(request, f"create_{self.NOUN}", parameters))

    def change(self, request: ResourceRequest[Model], model: Model) -> dict[str, Any]:
        names = (*self.PARENT, self.ID, *self.PROPERTIES)
        changeable = tuple(name for name in names if name not in self.UPDATE_ONLY_WITHOUT)
        return self._chosen(self._call(request, f"update_{self.NOUN}", select(model, changeable)))

    def remove(self, request: ResourceRequest[Model], model: Model) -> None:
        client: Any = request.aws_client_factory.apigatewayv2
        with suppress(client.exceptions.NotFoundException):
            self._call(request, f"delete_{self.NOUN}", select(model, (*self.PARENT, self.ID)))

    def _call(
        self, request: ResourceRequest[Model], name: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return getattr(request.aws_client_factory.apigatewayv2, name)(**parameters)

    def _chosen(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {name: answer[name] for name in (self.ID, *self.READ_ONLY) if name in answer}


class ApiProvider(HttpApiPartProvider):
    TYPE, NOUN, ID, PARENT = "AWS::ApiGatewayV2::Api", "api", "ApiId", ()
    READ_ONLY, CREATE_ONLY = ("ApiId", "ApiEndpoint"), ("ProtocolType",)
    UPDATE_ONLY_WITHOUT = ("Tags", "ProtocolType")
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


class AuthorizerProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Authorizer", "authorizer", "AuthorizerId"
    READ_ONLY, CREATE_ONLY = ("AuthorizerId",), ("ApiId",)
    PROPERTIES = (
        "Name",
        "AuthorizerType",
        "AuthorizerUri",
        "AuthorizerCredentialsArn",
        "AuthorizerPayloadFormatVersion",
        "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses",
        "IdentitySource",
    )


class IntegrationProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Integration", "integration", "IntegrationId"
    READ_ONLY, CREATE_ONLY = ("IntegrationId",), ("ApiId",)
    PROPERTIES = (
        "IntegrationType",
        "IntegrationUri",
        "IntegrationMethod",
        "PayloadFormatVersion",
        "TimeoutInMillis",
        "Description",
        "ConnectionType",
    )


class RouteProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Route", "route", "RouteId"
    READ_ONLY, CREATE_ONLY = ("RouteId",), ("ApiId",)
    PROPERTIES = ("RouteKey", "Target", "AuthorizationType", "AuthorizerId", "OperationName")


class StageProvider(HttpApiPartProvider):
    TYPE, NOUN, ID = "AWS::ApiGatewayV2::Stage", "stage", "StageName"
    CREATE_ONLY = ("ApiId", "StageName")
    PROPERTIES = (
        "StageName",
        "AutoDeploy",
        "DefaultRouteSettings",
        "RouteSettings",
        "AccessLogSettings",
        "StageVariables",
        "Description",
        "Tags",
    )


ApiPlugin = plugin(ApiProvider)
AuthorizerPlugin = plugin(AuthorizerProvider)
IntegrationPlugin = plugin(IntegrationProvider)
RoutePlugin = plugin(RouteProvider)
StagePlugin = plugin(StageProvider)
