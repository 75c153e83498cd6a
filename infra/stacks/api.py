"""The HTTP API: its routes, who may call them, its limits and its access log."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

import json
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk.aws_apigatewayv2_authorizers import (
    HttpIamAuthorizer,
    HttpJwtAuthorizer,
    HttpLambdaAuthorizer,
    HttpLambdaResponseType,
)
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from functions.ingest import routes as ingest
from functions.redrive import routes as redrive
from infra.components.logs import log_group
from infra.components.stack import LabStack
from infra.settings import Settings
from infra.stacks.functions import FunctionsStack

AUTHORIZER_CACHE = cdk.Duration.seconds(30)
"""How long a verdict on a token is reused: short, so that a changed token takes hold."""

ACCESS_LOG_FORMAT = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "dataProcessed": "$context.dataProcessed",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "error": "$context.error.message",
}
"""One JSON object a request. The tokens are API Gateway's; a value without meaning for a request is `-`."""


class ApiStack(LabStack):
    """The front of the pipeline. Public routes take orders; /redrive needs the bearer token."""

    def __init__(
        self, scope: Construct, settings: Settings, env: cdk.Environment, functions: FunctionsStack
    ) -> None:
        super().__init__(scope, "api", settings, env, "Ingestion lab: HTTP API.")
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=self.names.prefix,
            description="Takes orders in and dead orders back.",
            create_default_stage=False,
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=settings.cors_allow_origins.split(","),
                allow_methods=[apigateway.CorsHttpMethod.GET, apigateway.CorsHttpMethod.POST],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Correlation-Id"],
                expose_headers=["X-Correlation-Id"],
                max_age=cdk.Duration.hours(1),
            ),
        )
        orders = self._orders_authorizer()
        served = (
            (HttpLambdaIntegration("Ingest", functions.accepting), ingest.ROUTES),
            (HttpLambdaIntegration("Redrive", functions.redrive.function), redrive.ROUTES),
        )
        bearer_token = HttpLambdaAuthorizer(
            "BearerToken",
            functions.authorizer.function,
            authorizer_name=self.names.of("bearer-token"),
            identity_source=["$request.header.Authorization"],
            response_types=[HttpLambdaResponseType.SIMPLE],
            results_cache_ttl=AUTHORIZER_CACHE,
        )
        for integration, routes in served:
            for route in routes:
                takes_orders = route in (ingest.EVENTS, ingest.BATCH)
                self.api.add_routes(
                    path=route.path,
                    methods=[apigateway.HttpMethod[route.method]],
                    integration=integration,
                    authorizer=bearer_token if route.guarded else orders if takes_orders else None,
                )
        self._stage()
        self.output("ApiUrl", self.api.api_endpoint, "Where orders are posted.")
        self.output("ApiId", self.api.api_id, "The API's id, which its metrics carry.")

    def _orders_authorizer(self) -> apigateway.IHttpRouteAuthorizer | None:
        """What stands before the routes that take orders."""
        settings = self.settings
        if settings.ingest_auth == "iam":
            return HttpIamAuthorizer()
        if settings.ingest_auth == "jwt" and settings.jwt_issuer and settings.jwt_audience:
            return HttpJwtAuthorizer(
                "Orders",
                settings.jwt_issuer,
                authorizer_name=self.names.of("orders"),
                jwt_audience=settings.jwt_audience.split(","),
            )
        return None

    def _stage(self) -> None:
        settings = self.settings
        stage = apigateway.HttpStage(
            self,
            "DefaultStage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.api_rate_limit, burst_limit=settings.api_burst_limit
            ),
        )
        access_log = log_group(self, "AccessLog", self.names.access_log_group, settings.log_retention_days)
        cast(
            apigateway.CfnStage, stage.node.default_child
        ).access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_log.log_group_arn, format=json.dumps(ACCESS_LOG_FORMAT)
        )
