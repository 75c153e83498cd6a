"""CORS of an HTTP API: API Gateway answers preflight requests itself and owns the headers of all answers.

Source: API Gateway guide, "Configure CORS for HTTP APIs". No AWS here.
"""

from collections.abc import Container, Mapping
from typing import Any

HEADERS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
)
ANY_OF_SCHEME = ("http://*", "https://*")


def is_preflight(method: str, headers: Container[str]) -> bool:
    """Whether a request is a browser's question before a cross-origin request."""
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def headers(configuration: Mapping[str, Any], origin: str | None, *, preflight: bool) -> dict[str, str]:
    """The CORS headers of an answer, which take the place of the integration's own.

    `configuration` has the API's names with a small first letter. There are none without an origin, or with one
    that is not allowed: the browser refuses the answer.
    """
    allowed = _allowed_origin(configuration.get("allowOrigins") or [], origin)
    if allowed is None:
        return {}
    found = {"access-control-allow-origin": allowed}
    if configuration.get("allowCredentials"):
        found["access-control-allow-credentials"] = "true"
    lists = {"access-control-expose-headers": "exposeHeaders"}
    if preflight:
        lists |= {
            "access-control-allow-headers": "allowHeaders",
            "access-control-allow-methods": "allowMethods",
        }
        if configuration.get("maxAge") is not None:
            found["access-control-max-age"] = str(configuration["maxAge"])
    return found | {
        header: ",".join(configuration[key]) for header, key in lists.items() if configuration.get(key)
    }


def allows(configuration: Mapping[str, Any] | None, origin: str | None) -> bool:
    """Whether pages of another site may call an API; one that does not say its origin may where all may."""
    allowed = (configuration or {}).get("allowOrigins") or []
    return "*" in allowed or _allowed_origin(allowed, origin) is not None


def _allowed_origin(allowed: list[str], origin: str | None) -> str | None:
    if origin is None:
        return None
    if "*" in allowed:
        return "*"
    fits = (
        origin.lower() == entry.lower()
        or (entry in ANY_OF_SCHEME and origin.lower().startswith(entry.removesuffix("*")))
        for entry in allowed
    )
    return origin if any(fits) else None
