"""The data plane: a request's way through stage, route, throttle, authorizer and integration."""

import io
import json
import logging
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import unquote

from localstack.aws.api import ServiceException
from localstack.http import Request, Response
from localstack.services.lambda_.provider_utils import get_function_version_from_arn
from moto.apigatewayv2.models import Api, Route, Stage, apigatewayv2_backends

from lab_localstack import documents
from lab_localstack.apigatewayv2 import cors, routes
from lab_localstack.apigatewayv2.authorizers import Authorizers
from lab_localstack.apigatewayv2.errors import (
    AuthorizerFailedError,
    BodyTooLargeError,
    GatewayError,
    IntegrationFailedError,
    NotFoundError,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from lab_localstack.apigatewayv2.observation import Observation
from lab_localstack.apigatewayv2.payload import Call, integration_event, refusal, response_of
from lab_localstack.apigatewayv2.throttle import Throttle
from lab_localstack.internal import call as operation
from lab_localstack.lambda_.executor import INIT_SECONDS

LOG = logging.getLogger(__name__)
BODY_LIMIT = 10 * 1024 * 1024
PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Quotas in bytes: of a request to API Gateway, of an event to Lambda."""
INTEGRATION_SECONDS = 30.0
AUTHORIZER_SECONDS = 10.0
ACCOUNT_RATE, ACCOUNT_BURST = 10_000, 5_000
"""Quotas of HTTP APIs; the last two hold where a stage sets nothing."""
PARALLEL_INVOCATIONS = 500
_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^/]+")


class HttpGateway:
    """Serves the requests to all HTTP APIs."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self.authorizers = Authorizers()
        self._invocations = ThreadPoolExecutor(PARALLEL_INVOCATIONS, thread_name_prefix="http-api")

    def forget(self, api_id: str) -> None:
        """Drop what is remembered of an API that was deleted."""
        self.throttle.forget(api_id)
        self.authorizers.forget(api_id)

    def allows_page(self, request: Request, account: str, region: str, api_id: str) -> bool:
        """Whether an API's CORS configuration lets the page of another site ask that sends this request.

        API Gateway would answer all of them and leave it to the browser to hide the answer.
        """
        api: Api | None = apigatewayv2_backends[account][region].apis.get(api_id)
        if api is None:
            return False
        configuration = cast("Mapping[str, Any] | None", api.cors_configuration)
        return cors.allows(configuration, request.headers.get("Origin"))

    def serve(self, request: Request, account: str, region: str, api_id: str, raw_path: str) -> Response:
        """Answer a request. `raw_path` is the path behind the API's address as the client sent it."""
        observation = Observation()
        api: Api | None = apigatewayv2_backends[account][region].apis.get(api_id)
        path = unquote(raw_path) or "/"
        found = None if api is None or api.disable_execute_api_endpoint else _stage_of(api, path)
        if api is None or found is None:
            return refusal(NotFoundError())
        stage, path_in_stage = found
        call = Call(request, account, region, api_id, stage.name, path, path_in_stage)
        call.stage_variables = dict(stage.stage_variables or {})
        try:
            response = self._answer(api, stage, call, observation)
        except GatewayError as error:
            observation.error = error
            response = refusal(error)
        except Exception as error:
            LOG.exception("HTTP API %s could not answer %s %s", api_id, request.method, path)
            observation.error = GatewayError(repr(error))
            response = refusal(observation.error)
        if configuration := cast("Mapping[str, Any] | None", api.cors_configuration):
            _apply_cors(configuration, request, response)
        response.headers["Apigw-Requestid"] = call.request_id
        observation.tell(call, stage, response)
        return response

    def _answer(self, api: Api, stage: Stage, call: Call, observation: Observation) -> Response:
        """Raises GatewayError for what API Gateway answers itself."""
        by_key = {route.route_key: route for route in list(api.routes.values())}
        match = routes.find(tuple(by_key), call.request.method, call.path)
        preflight = api.cors_configuration and cors.is_preflight(call.request.method, call.request.headers)
        if match is None:
            if preflight:
                return Response(status=204)
            raise NotFoundError
        call.route_key, call.path_parameters = match.route_key, dict(match.path_parameters)
        route = by_key[match.route_key]
        if not self._admitted(stage, call):
            raise TooManyRequestsError
        if len(call.body) > BODY_LIMIT:
            raise BodyTooLargeError
        self._authorize(api, route, call, observation)
        if preflight:
            return Response(status=204)
        integration = api.integrations.get((route.target or "").rpartition("/")[2])
        if integration is None:
            raise IntegrationFailedError("The route has no integration.")
        return self._integrate(integration, call, observation)

    def _admitted(self, stage: Stage, call: Call) -> bool:
        """A route with a limit of its own has its own bucket, the others share the stage's."""
        own = (stage.route_settings or {}).get(call.route_key) or {}
        settings = (stage.default_route_settings or {}) | own
        limited = "throttlingRateLimit" in own or "throttlingBurstLimit" in own
        return self.throttle.admits(
            (call.api_id, stage.name, call.route_key if limited else ""),
            float(settings.get("throttlingRateLimit", ACCOUNT_RATE)),
            float(settings.get("throttlingBurstLimit", ACCOUNT_BURST)),
        )

    def _authorize(self, api: Api, route: Route, call: Call, observation: Observation) -> None:
        if route.authorization_type != "CUSTOM":
            return
        authorizer = api.authorizers.get(route.authorizer_id or "")

        def invoke(uri: str, event: Mapping[str, Any]) -> bytes:
            try:
                return self._invoke(uri, event, call, AUTHORIZER_SECONDS)
            except GatewayError as error:
                raise AuthorizerFailedError(str(error)) from error

        try:
            if authorizer is None:
                raise AuthorizerFailedError("The route's authorizer does not exist.")
            call.authorizer_context = self.authorizers.authorize(authorizer, call, invoke)
        except GatewayError as error:
            observation.authorizer_error = str(error)
            raise

    def _integrate(self, integration: Any, call: Call, observation: Observation) -> Response:
        event = integration_event(call)
        limit = min((integration.timeout_in_millis or 30_000) / 1000, INTEGRATION_SECONDS)
        began = time.perf_counter()
        observation.integration_status = 200
        try:
            response = response_of(self._invoke(integration.integration_uri, event, call, limit))
        except GatewayError as error:
            if isinstance(error.__cause__, ServiceException):
                observation.integration_status = error.__cause__.status_code
            elif isinstance(error.__cause__, TimeoutError):
                observation.integration_status = None
            raise
        finally:
            observation.integration_milliseconds = (time.perf_counter() - began) * 1000
        observation.function_status = response.status_code
        return response

    def _invoke(self, uri: str, event: Mapping[str, Any], call: Call, limit: float) -> bytes:
        """A function's result. Raises BodyTooLargeError, IntegrationFailedError or ServiceUnavailableError."""
        arn = _FUNCTION_ARN.search(uri)
        payload = json.dumps(event).encode()
        if len(payload) > PAYLOAD_LIMIT:
            raise BodyTooLargeError("The event is larger than Lambda takes.")
        parameters = {"FunctionName": arn[0] if arn else uri, "Payload": io.BytesIO(payload)}
        invocation = ("lambda", "Invoke", parameters, call.account, call.region)
        try:
            if _ends_within(limit, parameters["FunctionName"]):
                result = operation(*invocation)
            else:
                result = self._invocations.submit(operation, *invocation).result(limit)
        except TimeoutError as error:
            raise ServiceUnavailableError(f"The function did not answer within {limit:g} s.") from error
        except ServiceException as error:
            if error.code == "TooManyRequestsException":
                raise ServiceUnavailableError("Lambda throttled the invocation.") from error
            raise IntegrationFailedError(error.message) from error
        returned = result.get("Payload") or b""
        if result.get("FunctionError"):
            raise IntegrationFailedError(_error_message(returned))
        return returned


def _ends_within(seconds: float, function_arn: str) -> bool:
    """Whether the function's own time-out ends an invocation in time, even one with an init: no other thread has to be
    asked for it then, which would give the interpreter's lock away twice."""
    try:
        return get_function_version_from_arn(function_arn).config.timeout + INIT_SECONDS < seconds
    except ServiceException:
        return False  # whoever invokes it says what is wrong


def _stage_of(api: Api, path: str) -> tuple[Stage, str] | None:
    """The stage and the path within: the stage named by the first segment, else $default."""
    first, slash, rest = path[1:].partition("/")
    if first != routes.DEFAULT and (named := api.stages.get(first)):
        return named, slash + rest or "/"
    default = api.stages.get(routes.DEFAULT)
    return (default, path) if default else None


def _apply_cors(configuration: Mapping[str, Any], request: Request, response: Response) -> None:
    preflight = cors.is_preflight(request.method, request.headers)
    for name in cors.HEADERS:
        response.headers.pop(name, None)
    for name, value in cors.headers(
        configuration, request.headers.get("Origin"), preflight=preflight
    ).items():
        response.headers[name] = value


def _error_message(payload: bytes) -> str:
    try:
        return str(documents.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "The function failed."
