"""Lambda authorizers of type REQUEST, payload format 2.0.

Source: API Gateway guide, "Control access to HTTP APIs with AWS Lambda authorizers".
"""

import fnmatch
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab_localstack.httpapi.payload import Call, authorizer_event

LOG = logging.getLogger(__name__)
CACHED_AT_MOST = 1000

type Invoke = Callable[[str, Mapping[str, Any]], bytes]


class UnauthorizedError(Exception):
    """An identity source is missing: 401, the function is not asked."""


class ForbiddenError(Exception):
    """The function said no: 403."""


class AuthorizerFailedError(Exception):
    """The function failed or answered nonsense: 500."""


@dataclass(frozen=True)
class Verdict:
    """What an authorizer said, and what it passes on to the integration."""

    allowed: bool
    context: dict[str, Any]


class Authorizers:
    """Asks authorizers and remembers their verdicts for the time they allow."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, ...], tuple[float, Verdict]] = {}
        self._lock = threading.Lock()

    def authorize(self, authorizer: Any, call: Call, invoke: Invoke) -> dict[str, Any]:
        """The context for the integration.

        `authorizer` is moto's. Raises UnauthorizedError, ForbiddenError or AuthorizerFailedError.
        """
        sources = authorizer.identity_source or []
        sources = [sources] if isinstance(sources, str) else list(sources)
        identity = [_identity(source, call) for source in sources]
        if not all(identity):
            raise UnauthorizedError
        key = (call.api_id, call.stage, authorizer.id, *map(str, identity))
        ttl = (
            int(300 if authorizer.auth_result_ttl is None else authorizer.auth_result_ttl) if identity else 0
        )
        verdict = self._remembered(key) if ttl else None
        if verdict is None:
            verdict = _ask(authorizer, call, [str(value) for value in identity], invoke)
            if ttl:
                self._remember(key, ttl, verdict)
        if not verdict.allowed:
            raise ForbiddenError
        return verdict.context

    def forget(self, api_id: str) -> None:
        """Drop the verdicts of a changed or deleted API."""
        with self._lock:
            self._verdicts = {key: kept for key, kept in self._verdicts.items() if key[0] != api_id}

    def _remembered(self, key: tuple[str, ...]) -> Verdict | None:
        with self._lock:
            until, verdict = self._verdicts.get(key, (0.0, None))
        return verdict if time.monotonic() < until else None

    def _remember(self, key: tuple[str, ...], ttl: int, verdict: Verdict) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._verdicts) >= CACHED_AT_MOST:
                self._verdicts = {key: kept for key, kept in self._verdicts.items() if kept[0] > now}
            if len(self._verdicts) < CACHED_AT_MOST:
                self._verdicts[key] = (now + ttl, verdict)


def _identity(source: str, call: Call) -> str | None:
    kind, _, name = source.removeprefix("$").partition(".")
    if kind == "request":
        place, _, name = name.partition(".")
        return {"header": call.headers, "querystring": call.query}.get(place, {}).get(
            name.lower() if place == "header" else name
        )
    if kind == "stageVariables":
        return call.stage_variables.get(name)
    value: Any = call.context
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if kind == "context" else None


def _ask(authorizer: Any, call: Call, identity: list[str], invoke: Invoke) -> Verdict:
    method = call.request.method
    route_arn = (
        f"arn:aws:execute-api:{call.region}:{call.account}:{call.api_id}/{call.stage}/{method}{call.path}"
    )
    try:
        answer = json.loads(invoke(authorizer.authorizer_uri, authorizer_event(call, route_arn, identity)))
        if authorizer.enable_simple_response:
            allowed = answer["isAuthorized"]
            if not isinstance(allowed, bool):
                raise TypeError("isAuthorized is not a boolean")
        else:
            allowed = _policy_allows(answer["policyDocument"], route_arn)
        return Verdict(allowed, answer.get("context") or {})
    except Exception as error:  # whatever the function did: the client sees 500
        LOG.warning("authorizer %s of API %s failed: %r", authorizer.name, call.api_id, error)
        raise AuthorizerFailedError from error


def _policy_allows(document: Mapping[str, Any], route_arn: str) -> bool:
    """Whether an IAM policy allows execute-api:Invoke on the route; a Deny wins."""
    effects: set[str] = set()
    for statement in _listed(document["Statement"]):
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        if any(fnmatch.fnmatchcase("execute-api:Invoke", action) for action in actions) and any(
            fnmatch.fnmatchcase(route_arn, resource) for resource in resources
        ):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
