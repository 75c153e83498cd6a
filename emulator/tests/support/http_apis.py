"""HTTP APIs for tests: made, called over HTTP, deleted afterwards."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx

from support.direct import DIRECT

ECHO = """
    def handler(event, context):
        return event
"""
"""A function whose response's body is the event that it got."""

SCRIPTED = """
    import base64, json, time

    def handler(event, context):
        told = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"]
        told = json.loads(told)
        time.sleep(told.get("sleep", 0))
        if "error" in told:
            raise RuntimeError(told["error"])
        return told["return"]
"""
"""A function that returns what the request's body tells it to: `return`, after `sleep` seconds, or `error`."""


class HttpApi:
    """One HTTP API. Functions are given by their ARN."""

    def __init__(self, aws: Callable[..., Any], **configuration: Any) -> None:
        self.client = aws("apigatewayv2")
        self.created = self.client.create_api(
            Name=f"test-{uuid4().hex[:8]}", ProtocolType="HTTP", **configuration
        )
        self.id: str = self.created["ApiId"]
        self.url: str = self.created["ApiEndpoint"]
        self._integrations: dict[tuple[str, int], str] = {}
        self.http = httpx.Client(base_url=self.url, timeout=60, **DIRECT)

    def integration(self, function_arn: str, milliseconds: int = 30_000) -> str:
        """The id of an integration with the function."""
        wanted = (function_arn, milliseconds)
        if wanted not in self._integrations:
            self._integrations[wanted] = self.client.create_integration(
                ApiId=self.id,
                IntegrationType="AWS_PROXY",
                IntegrationUri=function_arn,
                PayloadFormatVersion="2.0",
                TimeoutInMillis=milliseconds,
            )["IntegrationId"]
        return self._integrations[wanted]

    def route(self, key: str, function_arn: str, milliseconds: int = 30_000, **settings: Any) -> str:
        """A route to the function; its id."""
        target = f"integrations/{self.integration(function_arn, milliseconds)}"
        return self.client.create_route(ApiId=self.id, RouteKey=key, Target=target, **settings)["RouteId"]

    def stage(self, name: str = "$default", **settings: Any) -> None:
        """A stage that serves what is configured."""
        self.client.create_stage(ApiId=self.id, StageName=name, AutoDeploy=True, **settings)

    def authorizer(self, function_arn: str, **settings: Any) -> str:
        """A Lambda authorizer with simple responses that asks for a token; its id."""
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function_arn}/invocations"
        wanted: Mapping[str, Any] = {
            "Name": "token",
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": uri,
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": True,
            "IdentitySource": ["$request.header.Authorization"],
            "AuthorizerResultTtlInSeconds": 0,
            **settings,
        }
        return self.client.create_authorizer(ApiId=self.id, **wanted)["AuthorizerId"]

    def delete(self) -> None:
        """Delete the API with everything in it."""
        self.http.close()
        with suppress(self.client.exceptions.NotFoundException):
            self.client.delete_api(ApiId=self.id)
