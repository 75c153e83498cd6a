"""What a route of the HTTP API takes and answers, declared once.

Its handler serves it (functions.common.api), the API stack deploys it, and functions.openapi describes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

READING = (400, 413, 415, 422)
"""What a route that reads a JSON body may object to."""


@dataclass(frozen=True, eq=False)
class Route:
    """One route. A name in braces in `path` is a parameter of its handler.

    `status` is that of success. `answer` and `body` name schemas of the OpenAPI document; without one the answer is any
    object. `problems` are the statuses of its refusals, apart from those that every route may have. A `guarded` route
    wants the bearer token.
    """

    method: str
    path: str
    status: HTTPStatus
    answer: str | None = None
    problems: tuple[int, ...] = ()
    body: str | None = None
    query: Mapping[str, Mapping[str, Any]] | None = None
    headers: tuple[str, ...] = ()
    guarded: bool = False
