"""How handlers become routes: one signature for all, and errors as what is wrong and how to mend it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.common import codec
from lab.console.connection import MissingError
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields, InputError, read
from lab.engines.aws_errors import explained

type Handler = Callable[[ConsoleState, Fields], Any]
"""Runs in a thread of its own, so it may wait for AWS. Its answer becomes JSON."""


def state_of(request: Request) -> ConsoleState:
    """The state of the console that was asked."""
    return request.app.state.console


def get(path: str, handle: Handler) -> Route:
    """A route that reads. Its fields are the query's."""

    async def endpoint(request: Request) -> Response:
        fields = Fields(dict(request.query_params) | request.path_params)
        return as_json(await run_in_threadpool(handle, state_of(request), fields))

    return Route(path, endpoint, methods=["GET"])


def post(path: str, handle: Handler) -> Route:
    """A route that does something. Its fields are those of the JSON object in the request's body."""

    async def endpoint(request: Request) -> Response:
        fields = await read(request)
        return as_json(await run_in_threadpool(handle, state_of(request), fields))

    return Route(path, endpoint, methods=["POST"])


def as_json(value: Any, status: int = HTTPStatus.OK) -> Response:
    """A JSON answer in which money stays exact."""
    return Response(codec.dumps(value), status, media_type="application/json")


def lab_error(_request: Request, error: Any) -> Response:
    """409 with what is wrong and how to mend it, 422 for wrong input, 503 without a pipeline."""
    status = HTTPStatus.CONFLICT
    if isinstance(error, InputError):
        status = error.status
    elif isinstance(error, MissingError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    return as_json({"what": error.what, "fix": error.fix}, status)


def unreachable(request: Request, error: Any) -> Response:
    """503: the engine is gone, or what was deployed on it."""
    state_of(request).connection.lose()
    told = explained(error)
    return as_json({"what": told.what, "fix": told.fix}, HTTPStatus.SERVICE_UNAVAILABLE)


def crash(_request: Request, error: Exception) -> Response:
    """500, with the details where the console was started."""
    told = {"what": f"The console failed: {error!r}.", "fix": "The console's terminal shows where."}
    return as_json(told, HTTPStatus.INTERNAL_SERVER_ERROR)
