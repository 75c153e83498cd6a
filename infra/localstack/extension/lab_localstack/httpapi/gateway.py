"""The data plane: a request's way through stage, route, throttle, authorizer and integration."""

import io
import json
import logging
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from localstack.aws.api import ServiceException
from localstack.http import Request, Response
from moto.apigatewayv2.models import Api, Stage, apigatewayv2_backends

from lab_localstack.httpapi import cors, routes
from lab_localstack.httpapi.access_log import render
from lab_localstack.httpapi.authorizers import (
    AuthorizerFailedError,
    Authorizers,
    ForbiddenError,
    UnauthorizedError,
)
from lab_localstack.httpapi.payload import (
    Call,
    MalformedResponseError,
    integration_event,
    message,
    response_of,
)
from lab_localstack.httpapi.throttle import Throttle
from lab_localstack.internal import call as operation
from lab_localstack.lambda_.log_shipping import LogShipper, Stream
from lab_localstack.lambda_.output import LogEvent
from lab_localstack.metrics import publish

LOG = logging.getLogger(__name__)
BODY_LIMIT = 10 * 1024 * 1024
INTEGRATION_SECONDS = 30.0
ACCOUNT_RATE, ACCOUNT_BURST = 10_000, 5_000
"""What an account's APIs may take where a stage sets nothing (API Gateway quotas for HTTP APIs)."""
PARALLEL_INTEGRATIONS = 500
_FUNCTION_ARN = re.compile(r"arn:aws:lambda:[^/]+")


class Timing(NamedTuple):
    """What became of one integration: milliseconds it took, and an error for the access log."""

    milliseconds: float | None = None
    error: str = "-"


class HttpGateway:
    """Serves the requests to all HTTP APIs."""

    def __init__(self) -> None:
        self._throttle = Throttle()
        self._authorizers = Authorizers()
        self._shipper = LogShipper()
        self._integrations = ThreadPoolExecutor(PARALLEL_INTEGRATIONS, thread_name_prefix="http-api")

    def forget(self, api_id: str) -> None:
        """Drop what is remembered of an API whose configuration changed."""
        self._throttle.forget(api_id)
        self._authorizers.forget(api_id)

    def serve(self, request: Request, account: str, region: str, api_id: str, raw_path: str) -> Response:
        """Answer a request. `raw_path` is the path behind the API's address."""
        began = time.perf_counter()
        api: Api | None = apigatewayv2_backends[account][region].apis.get(api_id)
        if api is None:
            return message(404, "Not Found")
        call, stage = _found_stage(api, request, account, region, unquote(raw_path) or "/")
        if stage is None:
            return message(404, "Not Found")
        call.stage_variables = dict(stage.stage_variables or {})
        response, timing = self._answer(api, stage, call)
        if configured := cast(Mapping[str, Any] | None, api.cors_configuration):
            preflight = cors.is_preflight(request.method, request.headers)
            cors.apply(configured, response, request.headers.get("Origin"), preflight=preflight)
        response.headers["Apigw-Requestid"] = call.request_id
        self._record(call, stage, response, timing, (time.perf_counter() - began) * 1000)
        return response

    def _answer(self, api: Api, stage: Stage, call: Call) -> tuple[Response, Timing]:
        request = call.request
        if api.cors_configuration and cors.is_preflight(request.method, request.headers):
            return Response(status=204), Timing()
        by_key = {route.route_key: route for route in list(api.routes.values())}
        match = routes.find(by_key, request.method, call.path)
        if match is None:
            return message(404, "Not Found"), Timing()
        call.route_key, call.path_parameters = match.route_key, dict(match.path_parameters)
        route = by_key[match.route_key]
        if not self._admitted(stage, call):
            return message(429, "Too Many Requests"), Timing()
        if (request.content_length or 0) > BODY_LIMIT or len(request.get_data()) > BODY_LIMIT:
            return message(413, "Request Entity Too Large"), Timing()
        try:
            if route.authorization_type == "CUSTOM":
                authorizer = api.authorizers[route.authorizer_id or ""]
                call.authorizer_context = self._authorizers.authorize(
                    authorizer, call, lambda uri, event: self._invoke(uri, event, call)
                )
        except UnauthorizedError:
            return message(401, "Unauthorized"), Timing()
        except ForbiddenError:
            return message(403, "Forbidden"), Timing()
        except AuthorizerFailedError:
            return message(500, "Internal Server Error"), Timing()
        integration = api.integrations.get((route.target or "").rpartition("/")[2])
        if integration is None:
            return message(500, "Internal Server Error"), Timing(error="the route has no integration")
        return self._integrate(integration, call)

    def _integrate(self, integration: Any, call: Call) -> tuple[Response, Timing]:
        began = time.perf_counter()
        limit = min((integration.timeout_in_millis or 30_000) / 1000, INTEGRATION_SECONDS)
        error = "-"
        pending = self._integrations.submit(
            self._invoke, integration.integration_uri, integration_event(call), call
        )
        try:
            response = response_of(pending.result(limit))
        except TimeoutError:
            error, response = "the integration timed out", message(503, "Service Unavailable")
        except _ThrottledError:
            error, response = "the function is throttled", message(503, "Service Unavailable")
        except (_FunctionError, MalformedResponseError, ServiceException) as failure:
            error, response = str(failure), message(500, "Internal Server Error")
        return response, Timing((time.perf_counter() - began) * 1000, error)

    def _invoke(self, uri: str, event: Mapping[str, Any], call: Call) -> bytes:
        """A function's result. Raises _FunctionError, _ThrottledError or ServiceException."""
        arn = _FUNCTION_ARN.search(uri)
        parameters = {
            "FunctionName": arn[0] if arn else uri,
            "Payload": io.BytesIO(json.dumps(event).encode()),
        }
        try:
            result = operation("lambda", "Invoke", parameters, call.account, call.region)
        except ServiceException as error:
            if error.code == "TooManyRequestsException":
                raise _ThrottledError from error
            raise
        payload = result.get("Payload") or b""
        if result.get("FunctionError"):
            raise _FunctionError(_error_message(payload))
        return payload

    def _admitted(self, stage: Stage, call: Call) -> bool:
        default = stage.default_route_settings or {}
        own = (stage.route_settings or {}).get(call.route_key) or {}
        limited = any(key in own for key in ("throttlingRateLimit", "throttlingBurstLimit"))
        settings = default | own
        rate = settings.get("throttlingRateLimit")
        burst = settings.get("throttlingBurstLimit")
        scope = (call.api_id, stage.name, call.route_key) if limited else (call.api_id, stage.name)
        return self._throttle.admits(
            scope,
            ACCOUNT_RATE if rate is None else float(rate),
            ACCOUNT_BURST if burst is None else float(burst),
        )

    def _record(self, call: Call, stage: Stage, response: Response, timing: Timing, latency: float) -> None:
        status = response.status_code
        for dimensions in ({"ApiId": call.api_id}, {"ApiId": call.api_id, "Stage": stage.name}):
            place = (dimensions, call.account, call.region)
            publish("AWS/ApiGateway", "Count", 1, "Count", *place)
            publish("AWS/ApiGateway", "4xx", int(400 <= status < 500), "Count", *place)
            publish("AWS/ApiGateway", "5xx", int(status >= 500), "Count", *place)
            publish("AWS/ApiGateway", "Latency", latency, "Milliseconds", *place)
            if timing.milliseconds is not None:
                publish("AWS/ApiGateway", "IntegrationLatency", timing.milliseconds, "Milliseconds", *place)
        log = stage.access_log_settings or {}
        if not log.get("destinationArn") or not log.get("format"):
            return
        group = log["destinationArn"].partition(":log-group:")[2].removesuffix(":*")
        context = call.context
        took = "-" if timing.milliseconds is None else round(timing.milliseconds)
        line = render(
            log["format"],
            {
                "requestId": call.request_id,
                "extendedRequestId": call.request_id,
                "requestTime": context["time"],
                "requestTimeEpoch": context["timeEpoch"],
                "identity.sourceIp": context["http"]["sourceIp"],
                "identity.userAgent": context["http"]["userAgent"],
                "httpMethod": context["http"]["method"],
                "path": call.raw_path,
                "protocol": context["http"]["protocol"],
                "routeKey": call.route_key or "-",
                "stage": stage.name,
                "apiId": call.api_id,
                "accountId": call.account,
                "domainName": context["domainName"],
                "status": status,
                "responseLength": response.calculate_content_length() or 0,
                "responseLatency": round(latency),
                "integrationLatency": took,
                "integration.latency": took,
                "integrationErrorMessage": timing.error,
                "integration.error": timing.error,
            },
        )
        stream = Stream(call.account, call.region, group, f"{call.api_id}-{stage.name.removeprefix('$')}")
        self._shipper.ship(stream, [LogEvent.now(line)])


class _FunctionError(Exception):
    """The function failed: it raised, ran out of time or crashed."""


class _ThrottledError(Exception):
    """Lambda refused the invocation for want of concurrency."""


def _found_stage(
    api: Api, request: Request, account: str, region: str, path: str
) -> tuple[Call, Stage | None]:
    """The stage is the path's first segment where one has that name, else $default."""
    first, _, rest = path.lstrip("/").partition("/")
    named = api.stages.get(first) if first != routes.DEFAULT else None
    stage = named or api.stages.get(routes.DEFAULT)
    call = Call(
        request=request,
        account=account,
        region=region,
        api_id=api.api_id,
        stage=stage.name if stage else "",
        raw_path=path,
        path=f"/{rest}" if named else path,
    )
    return call, stage


def _error_message(payload: bytes) -> str:
    try:
        return str(json.loads(payload).get("errorMessage"))
    except (ValueError, AttributeError):
        return "the function failed"
