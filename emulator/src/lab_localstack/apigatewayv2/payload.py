"""Payload format 2.0: the event that a function gets for a request, and the response made of what it returns.

Source: API Gateway guide, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from localstack.http import Request, Response

from lab_localstack import documents
from lab_localstack.apigatewayv2.errors import GatewayError, IntegrationFailedError

TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
"""Beside text/*, what API Gateway passes on as text. It documents only that binary types become base64; measured,
all others do, forms and bodies without a type too (ministackorg/ministack #766)."""
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
PLAIN = "text/plain;charset=UTF-8"
JSON = "application/json"


def new_request_id() -> str:
    """An id of the form of API Gateway's own, such as `JKJaXmPLvHcESHA=`."""
    return base64.b64encode(os.urandom(11)).decode()


@dataclass
class Call:
    """One request to an HTTP API, as far as its way has been found."""

    request: Request
    account: str
    region: str
    api_id: str
    stage: str
    raw_path: str
    """The decoded path; with the stage's name in front unless it is $default."""
    path: str
    """The path without the stage's name, which routes match."""
    stage_variables: dict[str, str] = field(default_factory=dict)
    route_key: str = ""
    path_parameters: dict[str, str] = field(default_factory=dict)
    authorizer_context: dict[str, Any] | None = None
    """What an authorizer passes on; None where the route has none."""
    request_id: str = field(default_factory=new_request_id)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def body(self) -> bytes:
        """The whole body."""
        return self.request.get_data()

    @cached_property
    def headers(self) -> dict[str, str]:
        """Lower-case names; the values of a repeated header joined by commas; without cookies."""
        joined: dict[str, str] = {}
        for name, value in self.request.headers.items():
            key = name.lower()
            if key != "cookie" and key not in HOP_BY_HOP:
                joined[key] = f"{joined[key]},{value}" if key in joined else value
        sender = joined.get("x-forwarded-for")
        joined["x-forwarded-for"] = f"{sender}, {self.source_ip}" if sender else self.source_ip
        joined.setdefault("x-forwarded-proto", self.request.scheme)
        joined.setdefault("x-forwarded-port", self.request.environ.get("SERVER_PORT", ""))
        return joined

    @cached_property
    def query(self) -> dict[str, str]:
        """Decoded query parameters; the values of a repeated one joined by commas."""
        return {name: ",".join(values) for name, values in self.request.args.lists()}

    @property
    def cookies(self) -> list[str]:
        """Each cookie as `name=value`."""
        found = (cookie.strip() for cookie in ";".join(self.request.headers.getlist("Cookie")).split(";"))
        return [cookie for cookie in found if cookie]

    @property
    def source_ip(self) -> str:
        """Where the TCP connection comes from."""
        return self.request.remote_addr or "127.0.0.1"

    @property
    def time(self) -> str:
        """When the request arrived, as in the Common Log Format."""
        return self.began.strftime("%d/%b/%Y:%H:%M:%S +0000")

    @property
    def context(self) -> dict[str, Any]:
        """The event's requestContext."""
        request = self.request
        context: dict[str, Any] = {"accountId": self.account, "apiId": self.api_id}
        if self.authorizer_context is not None:
            context["authorizer"] = {"lambda": self.authorizer_context}
        return context | {
            "domainName": request.host,
            "domainPrefix": self.api_id,
            "http": {
                "method": request.method,
                "path": self.raw_path,
                "protocol": request.environ.get("SERVER_PROTOCOL") or "HTTP/1.1",
                "sourceIp": self.source_ip,
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": self.stage,
            "time": self.time,
            "timeEpoch": int(self.began.timestamp() * 1000),
        }


def integration_event(call: Call) -> dict[str, Any]:
    """What the function behind a route gets."""
    event = _common(call)
    event["isBase64Encoded"] = False
    if call.body:
        headers = call.request.headers
        event["body"], event["isBase64Encoded"] = encode_body(
            call.body, headers.get("Content-Type"), headers.get("Content-Encoding")
        )
    return event


def authorizer_event(call: Call, route_arn: str, identity: list[str]) -> dict[str, Any]:
    """What a Lambda authorizer gets. `identity` are the values of its identity sources."""
    return _common(call) | {"type": "REQUEST", "routeArn": route_arn, "identitySource": identity}


def _common(call: Call) -> dict[str, Any]:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": call.raw_path,
        "rawQueryString": call.request.query_string.decode("latin-1"),
        "headers": call.headers,
        "requestContext": call.context,
    }
    optional = {
        "cookies": call.cookies,
        "queryStringParameters": call.query,
        "pathParameters": call.path_parameters,
        "stageVariables": call.stage_variables,
    }
    return event | {name: value for name, value in optional.items() if value}


def encode_body(
    body: bytes, content_type: str | None, content_encoding: str | None = None
) -> tuple[str, bool]:
    """A body as the event carries it, and whether it is base64: text of a text type is not, all else is.

    A body with an encoding is never decoded: what is compressed arrives so.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if not content_encoding and (media_type.startswith("text/") or media_type in TEXT_TYPES):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response_of(returned: bytes) -> Response:
    """The HTTP response made of a function's result. Raises IntegrationFailedError.

    A JSON object with a statusCode is a response; any other JSON is the body of one with status 200.
    """
    try:
        result = documents.loads(returned)
    except ValueError as error:
        raise IntegrationFailedError("The function's result is not JSON.") from error
    if not isinstance(result, dict) or "statusCode" not in result:
        return _response(200, returned, JSON)
    body = result.get("body")
    if not isinstance(body, str | None):
        raise IntegrationFailedError("The body of the function's response is not text.")
    try:
        status = int(result["statusCode"])
        content = (body or "").encode()
        if result.get("isBase64Encoded"):
            content = base64.b64decode(content, validate=True)
        headers = {name: _header(value) for name, value in (result.get("headers") or {}).items()}
        cookies = [str(cookie) for cookie in result.get("cookies") or []]
    except (TypeError, ValueError, ArithmeticError, AttributeError, binascii.Error) as error:
        raise IntegrationFailedError(f"The function's response is malformed: {error}.") from error
    if not 200 <= status <= 599:
        raise IntegrationFailedError(f"The function's response has the status {status}.")
    response = _response(status, content, PLAIN)
    for name, value in headers.items():
        if name.lower() not in HOP_BY_HOP | {"content-length"}:
            response.headers[name] = value
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def refusal(error: GatewayError) -> Response:
    """A response of API Gateway's own."""
    return _response(error.status, json.dumps({"message": error.message}).encode(), JSON)


def _header(value: Any) -> str:
    """A header's value as text; raises ValueError where it would break out of its line."""
    text = value if isinstance(value, str) else json.dumps(value)
    if "\r" in text or "\n" in text:
        raise ValueError("a header with a line break")
    return text


def _response(status: int, body: bytes, content_type: str) -> Response:
    response = Response(body, status=status)
    response.headers["Content-Type"] = content_type
    return response
