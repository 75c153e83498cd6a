"""Payload format 2.0: the event that a function gets for a request, and the response made of what it returns.

Source: API Gateway guide, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

import base64
import binascii
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.http import Request, Response

_TEXT_TYPES = re.compile(r"text/.*|application/(.+\+)?(json|xml|javascript)")
PLAIN = "text/plain;charset=utf-8"
JSON = "application/json"


class MalformedResponseError(Exception):
    """A function returned what is no valid response."""


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
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case names; the values of a repeated header joined by commas; cookies apart."""
        joined: dict[str, str] = {}
        for name, value in self.request.headers.items():
            key = name.lower()
            if key != "cookie":
                joined[key] = f"{joined[key]},{value}" if key in joined else value
        return joined

    @property
    def query(self) -> dict[str, str]:
        """Decoded query parameters; the values of a repeated one joined by commas."""
        return {name: ",".join(values) for name, values in self.request.args.lists()}

    @property
    def context(self) -> dict[str, Any]:
        """The event's requestContext."""
        request = self.request
        authorizer = (
            {} if self.authorizer_context is None else {"authorizer": {"lambda": self.authorizer_context}}
        )
        return authorizer | {
            "accountId": self.account,
            "apiId": self.api_id,
            "domainName": request.host,
            "domainPrefix": self.api_id,
            "http": {
                "method": request.method,
                "path": self.raw_path,
                "protocol": request.environ.get("SERVER_PROTOCOL") or "HTTP/1.1",
                "sourceIp": request.remote_addr or "127.0.0.1",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": self.stage,
            "time": self.began.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(self.began.timestamp() * 1000),
        }


def integration_event(call: Call) -> dict[str, Any]:
    """What the function behind a route gets."""
    event = _common(call)
    body, is_base64 = encode_body(call.request.get_data(), call.request.headers.get("Content-Type"))
    event["isBase64Encoded"] = is_base64
    if body:
        event["body"] = body
    return event


def authorizer_event(call: Call, route_arn: str, identity: list[str]) -> dict[str, Any]:
    """What a Lambda authorizer gets. `identity` are the values of its identity sources."""
    event = {"type": "REQUEST", "routeArn": route_arn, "identitySource": identity}
    return _common(call) | event


def _common(call: Call) -> dict[str, Any]:
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": call.raw_path,
        "rawQueryString": call.request.query_string.decode("latin-1"),
        "headers": call.headers,
        "requestContext": call.context,
    }
    if cookies := call.request.headers.get("Cookie"):
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if call.query:
        event["queryStringParameters"] = call.query
    if call.path_parameters:
        event["pathParameters"] = call.path_parameters
    if call.stage_variables:
        event["stageVariables"] = call.stage_variables
    return event


def encode_body(body: bytes, content_type: str | None) -> tuple[str, bool]:
    """A body as the event carries it: text of a text type as it is, anything else as base64."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if not media_type or _TEXT_TYPES.fullmatch(media_type):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def response_of(returned: bytes) -> Response:
    """The HTTP response made of a function's result. Raises MalformedResponseError.

    A JSON object with a statusCode is a response; anything else is the body of one with status 200.
    """
    try:
        result = json.loads(returned or b"null")
    except ValueError as error:
        raise MalformedResponseError("the result is not JSON") from error
    if not isinstance(result, dict) or "statusCode" not in result:
        return _response(200, json.dumps(result).encode(), JSON)
    body = result.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise MalformedResponseError("body is not text")
    try:
        status = int(result["statusCode"])
        content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
        headers = {str(name): str(value) for name, value in (result.get("headers") or {}).items()}
        cookies = [str(cookie) for cookie in result.get("cookies") or []]
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise MalformedResponseError(str(error)) from error
    if not 100 <= status <= 599:
        raise MalformedResponseError(f"statusCode {status}")
    response = _response(status, content, PLAIN)
    for name, value in headers.items():
        response.headers[name] = value
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def message(status: int, text: str) -> Response:
    """A response of API Gateway's own."""
    return _response(status, json.dumps({"message": text}).encode(), JSON)


def _response(status: int, body: bytes, content_type: str) -> Response:
    response = Response(body, status=status)
    response.headers["Content-Type"] = content_type
    return response
