"""The console as an ASGI application: routes, errors, and the guard in front of everything."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from lab.common import paths
from lab.console.console_state import ConsoleState
from lab.console.routes import (
    cloudwatch,
    cost,
    course,
    dlq,
    faults,
    games,
    jobs,
    logs,
    pages,
    pipeline,
    runbooks,
    trace,
)
from lab.console.routes.endpoints import crash, lab_error, unreachable
from lab.console.security import GuardMiddleware
from lab.engines.aws_errors import AWS_ERRORS
from lab.errors import LabError


def create_app(state: ConsoleState) -> ASGIApp:
    """The application of one console. It looks at the pipeline from its start to its end."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        state.live.start()
        try:
            yield
        finally:
            await run_in_threadpool(state.live.stop)

    paths.REPORTS.mkdir(parents=True, exist_ok=True)
    app = Starlette(
        routes=[
            *pages.ROUTES,
            *pipeline.ROUTES,
            *cloudwatch.ROUTES,
            *dlq.ROUTES,
            *faults.ROUTES,
            *jobs.ROUTES,
            *course.ROUTES,
            *games.ROUTES,
            *trace.ROUTES,
            *logs.ROUTES,
            *cost.ROUTES,
            *runbooks.ROUTES,
        ],
        lifespan=lifespan,
        exception_handlers={
            LabError: lab_error,
            **dict.fromkeys(AWS_ERRORS, unreachable),
            HTTPStatus.NOT_FOUND: pages.missing,
            Exception: crash,
        },
    )
    app.state.console = state
    return GuardMiddleware(app, state.guard)
