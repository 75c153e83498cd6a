"""Which route of an HTTP API serves a request. No AWS here.

Priority as documented (API Gateway guide, "Create routes for HTTP APIs"): a full match before a greedy path
variable before `$default`; a static segment before a variable; a named method before ANY.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

DEFAULT = "$default"
ANY = "ANY"
_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")

type Rank = tuple[int, ...]


@dataclass(frozen=True)
class Match:
    """The route key that serves a request, and the values of its path variables."""

    route_key: str
    path_parameters: Mapping[str, str]


def find(route_keys: Iterable[str], method: str, path: str) -> Match | None:
    """The best of these routes for a method and a decoded path without its stage; None where none fits."""
    best: tuple[Rank, Match] | None = None
    for key in route_keys:
        fit = _fit(key, method, path)
        if fit and (best is None or fit[0] > best[0]):
            best = fit
    return best[1] if best else None


def _fit(route_key: str, method: str, path: str) -> tuple[Rank, Match] | None:
    if route_key == DEFAULT:
        return (-1,), Match(route_key, {})
    wanted, _, pattern = route_key.partition(" ")
    if wanted not in (ANY, method):
        return None
    expression, rank = _compiled(pattern)
    found = expression.fullmatch(path)
    if not found:
        return None
    names = [name for name, _ in _VARIABLE.findall(pattern)]
    return (*rank, int(wanted != ANY)), Match(route_key, dict(zip(names, found.groups(), strict=True)))


@cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], Rank]:
    """The expression of a route's path, and how specific it is: not greedy, static segments, length."""
    parts: list[str] = []
    end = 0
    greedy = False
    for variable in _VARIABLE.finditer(pattern):
        parts += [re.escape(pattern[end : variable.start()]), "(.+)" if variable[2] else "([^/]+)"]
        greedy = greedy or bool(variable[2])
        end = variable.end()
    parts.append(re.escape(pattern[end:]))
    segments = pattern.strip("/").split("/")
    static = sum(1 for segment in segments if not _VARIABLE.fullmatch(segment))
    return re.compile("".join(parts), re.DOTALL), (int(not greedy), static, len(segments))
