"""CORS of an HTTP API: API Gateway answers preflight requests itself and owns the headers of all answers.

Source: API Gateway guide, "Configure CORS for HTTP APIs".
"""

from collections.abc import Mapping
from typing import Any

from localstack.http import Response
from werkzeug.datastructures import Headers

HEADERS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
)


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a request is a browser's question before a cross-origin request."""
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def apply(
    configuration: Mapping[str, Any], response: Response, origin: str | None, *, preflight: bool
) -> None:
    """Replace the response's CORS headers by those of the API's configuration."""
    for name in HEADERS:
        response.headers.pop(name, None)
    allowed = _allowed_origin(configuration.get("allowOrigins") or [], origin)
    if allowed is None:
        return
    response.headers["access-control-allow-origin"] = allowed
    if configuration.get("allowCredentials"):
        response.headers["access-control-allow-credentials"] = "true"
    listed = {"access-control-expose-headers": "exposeHeaders"}
    if preflight:
        listed |= {
            "access-control-allow-headers": "allowHeaders",
            "access-control-allow-methods": "allowMethods",
        }
        if configuration.get("maxAge") is not None:
            response.headers["access-control-max-age"] = str(configuration["maxAge"])
    for header, key in listed.items():
        if configuration.get(key):
            response.headers[header] = ",".join(configuration[key])


def _allowed_origin(allowed: list[str], origin: str | None) -> str | None:
    if origin is None:
        return None
    if "*" in allowed:
        return "*"
    fits = (
        origin.lower() == entry.lower()
        or (entry in ("http://*", "https://*") and origin.lower().startswith(entry[:-1]))
        for entry in allowed
    )
    return origin if any(fits) else None
