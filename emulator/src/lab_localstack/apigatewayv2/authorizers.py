"""Lambda authorizers of type REQUEST, payload format 2.0.

Source: API Gateway guide, "Control access to HTTP APIs with AWS Lambda authorizers".
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from lab_localstack import documents
from lab_localstack.apigatewayv2 import policy
from lab_localstack.apigatewayv2.errors import AuthorizerFailedError, ForbiddenError, UnauthorizedError
from lab_localstack.apigatewayv2.payload import Call, authorizer_event

LOG = logging.getLogger(__name__)
DEFAULT_TTL = 300
"""Seconds that a result is reused where the authorizer says nothing."""
CACHED_AT_MOST = 10_000

type Invoke = Callable[[str, Mapping[str, Any]], bytes]
"""Runs the function of an authorizer's URI with an event and returns its result."""


class Authorizers:
    """Asks authorizers and remembers their answers for the time they allow."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def authorize(self, authorizer: Any, call: Call, invoke: Invoke) -> dict[str, Any]:
        """What the authorizer passes on to the integration. `authorizer` is moto's.

        Raises UnauthorizedError when an identity source is missing (the function is not asked then),
        ForbiddenError or AuthorizerFailedError. An answer is remembered by the values of the identity sources,
        for all routes of the stage: a simple answer as it is, a policy is evaluated for each request.
        """
        identity = [_identity(source, call) for source in authorizer.identity_source or []]
        if not all(identity):
            raise UnauthorizedError
        values = [str(value) for value in identity]
        key = (call.api_id, call.stage, authorizer.id, *values)
        ttl = DEFAULT_TTL if authorizer.auth_result_ttl is None else int(authorizer.auth_result_ttl)
        remembers = bool(ttl and values)
        answer = self._remembered(key) if remembers else None
        route_arn = (
            f"arn:aws:execute-api:{call.region}:{call.account}:{call.api_id}"
            f"/{call.stage}/{call.request.method}{call.path}"
        )
        known = answer is not None
        if answer is None:
            answer = _ask(authorizer, authorizer_event(call, route_arn, values), invoke)
        allowed = _allowed(authorizer, answer, route_arn)
        if remembers and not known:
            self._remember(key, ttl, answer)
        if not allowed:
            raise ForbiddenError
        return answer.get("context") or {}

    def forget(self, api_id: str, stage: str | None = None) -> None:
        """Drop the answers for an API, or for one of its stages."""
        with self._lock:
            self._answers = {
                key: kept
                for key, kept in self._answers.items()
                if key[0] != api_id or stage not in (None, key[1])
            }

    def _remembered(self, key: tuple[str, ...]) -> dict[str, Any] | None:
        with self._lock:
            until, answer = self._answers.get(key, (0.0, None))
        return answer if time.monotonic() < until else None

    def _remember(self, key: tuple[str, ...], ttl: int, answer: dict[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._answers) >= CACHED_AT_MOST:
                self._answers = {key: kept for key, kept in self._answers.items() if kept[0] > now}
            if len(self._answers) < CACHED_AT_MOST:
                self._answers[key] = (now + ttl, answer)


def _identity(source: str, call: Call) -> str | None:
    """The value that an identity source such as `$request.header.Authorization` has in a request."""
    kind, _, name = source.removeprefix("$").partition(".")
    if kind == "request":
        place, _, name = name.partition(".")
        return call.headers.get(name.lower()) if place == "header" else call.query.get(name)
    if kind == "stageVariables":
        return call.stage_variables.get(name)
    context = call.context
    flat = context | context["http"] | {"httpMethod": context["http"]["method"]}
    flat |= {f"identity.{key}": context["http"][key] for key in ("sourceIp", "userAgent")}
    return flat.get(name)


def _ask(authorizer: Any, event: Mapping[str, Any], invoke: Invoke) -> dict[str, Any]:
    result = invoke(authorizer.authorizer_uri, event)
    try:
        answer = documents.loads(result)
        if authorizer.enable_simple_response and not isinstance(answer["isAuthorized"], bool):
            raise TypeError("isAuthorized is not a boolean")
    except (ValueError, KeyError, TypeError) as error:
        raise AuthorizerFailedError(f"The authorizer's answer is malformed: {error!r}.") from error
    return answer


def _allowed(authorizer: Any, answer: Mapping[str, Any], route_arn: str) -> bool:
    if authorizer.enable_simple_response:
        return answer["isAuthorized"]
    try:
        return policy.allows(answer["policyDocument"], route_arn)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AuthorizerFailedError(f"The authorizer's policy is malformed: {error!r}.") from error
