"""Stands in for awslambdaric's native module of this name, which its package does not build on every system.

The same four functions over one kept connection of the standard library.
"""

import http.client
import os

_PREFIX = "/2018-06-01/runtime/invocation/"
_connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
_user_agent = ""


def initialize_client(user_agent: str) -> None:
    """Remember how the client names itself."""
    global _user_agent  # noqa: PLW0603
    _user_agent = user_agent


def _call(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> http.client.HTTPResponse:
    sent = {name: value for name, value in headers.items() if value}
    _connection.request(method, _PREFIX + path, body, sent | {"User-Agent": _user_agent})
    return _connection.getresponse()


def next() -> tuple[bytes, http.client.HTTPMessage]:  # noqa: A001
    """Wait for an invocation: its payload and the headers that describe it."""
    response = _call("GET", "next", None, {})
    body = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"Failed to get next invocation. Http Response code: {response.status}")
    return body, response.headers


def post_invocation_result(
    invoke_id: str, result_data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Answer an invocation."""
    headers = {"Content-Type": content_type, "Lambda-Runtime-Invocation-Id": invocation_id or ""}
    _accepted(_call("POST", f"{invoke_id}/response", result_data, headers), "response")


def post_error(
    invoke_id: str, error_response_data: str, xray_fault: str, invocation_id: str | None = None
) -> None:
    """Answer an invocation with its error."""
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Function-Error-Type": "Unhandled",
        "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault.replace("\n", ""),
        "Lambda-Runtime-Invocation-Id": invocation_id or "",
    }
    _accepted(_call("POST", f"{invoke_id}/error", error_response_data.encode(), headers), "error")


def _accepted(response: http.client.HTTPResponse, what: str) -> None:
    response.read()
    if response.status != http.client.ACCEPTED:
        raise RuntimeError(f"Failed to post invocation {what}: {response.status}")
