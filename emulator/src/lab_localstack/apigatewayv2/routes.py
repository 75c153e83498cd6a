"""Which route of an HTTP API serves a request. No AWS here.

Priority as documented (API Gateway guide, "Create routes for HTTP APIs"): a full match before a greedy path
variable before `$default`. Of several full matches the one with the static segments further left is the more
specific; of several greedy ones the one with the longer prefix; of two routes with one path a named method comes
before ANY.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

DEFAULT = "$default"
ANY = "ANY"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_VARIABLE = re.compile(r"\{([A-Za-z0-9._-]+)(\+?)\}")
_STATIC, _SINGLE, _GREEDY = range(3)


class RouteKeyError(ValueError):
    """A text that is not a valid route key; the message says why."""


@dataclass(frozen=True)
class Match:
    """The route key that serves a request, and the values of its path variables."""

    route_key: str
    path_parameters: Mapping[str, str]


@dataclass(frozen=True)
class _Route:
    key: str
    method: str
    path: re.Pattern[str]
    variables: tuple[str, ...]
    rank: tuple[int, ...]


def check(route_key: str) -> None:
    """Raise RouteKeyError unless this is `$default`, or a method and a path as API Gateway takes them."""
    if route_key == DEFAULT:
        return
    method, _, path = route_key.partition(" ")
    if method not in (ANY, *METHODS):
        raise RouteKeyError(f"{method!r} is no method; use ANY, {', '.join(METHODS)} or the route {DEFAULT}")
    if not path.startswith("/"):
        raise RouteKeyError("the path does not begin with '/'")
    segments = path[1:].split("/")
    names: set[str] = set()
    for index, segment in enumerate(segments):
        variable = _VARIABLE.fullmatch(segment)
        if variable is None:
            if "{" in segment or "}" in segment:
                raise RouteKeyError(
                    f"{segment!r}: a path variable is a whole segment such as {{id}} or {{proxy+}}"
                )
            if not segment and path != "/":
                raise RouteKeyError("the path has an empty segment")
            continue
        if variable[2] and index < len(segments) - 1:
            raise RouteKeyError(f"{segment!r}: a greedy path variable is the last segment")
        if variable[1] in names:
            raise RouteKeyError(f"the path variable {variable[1]!r} occurs twice")
        names.add(variable[1])


def find(route_keys: tuple[str, ...], method: str, path: str) -> Match | None:
    """The best of these routes for a method and a decoded path without its stage; None where none fits."""
    for route in _by_rank(route_keys):
        if route.method in (ANY, method) and (found := route.path.fullmatch(path)):
            return Match(route.key, dict(zip(route.variables, found.groups(), strict=True)))
    return Match(DEFAULT, {}) if DEFAULT in route_keys else None


@lru_cache(maxsize=256)
def _by_rank(route_keys: tuple[str, ...]) -> tuple[_Route, ...]:
    routes = (_compiled(key) for key in route_keys if key != DEFAULT)
    return tuple(sorted(routes, key=lambda route: route.rank))


def _compiled(key: str) -> _Route:
    method, _, path = key.partition(" ")
    kinds: list[int] = []
    variables: list[str] = []
    expression = ""
    for segment in path[1:].split("/"):
        variable = _VARIABLE.fullmatch(segment)
        if variable is None:
            kinds.append(_STATIC)
        else:
            kinds.append(_GREEDY if variable[2] else _SINGLE)
            variables.append(variable[1])
        expression += "/" + (re.escape(segment), "([^/]+)", "(.+)")[kinds[-1]]
    rank = (int(_GREEDY in kinds), *kinds, int(method == ANY))
    return _Route(key, method, re.compile(expression, re.DOTALL), tuple(variables), rank)
