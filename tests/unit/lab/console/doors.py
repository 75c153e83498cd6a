"""A console without an engine, and a browser's requests to it."""

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from lab.console.app import create_app
from lab.console.console_state import ConsoleState
from lab.console.security import CSRF_HEADER, Guard, Keys
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

PORT = 8090
OURS = f"http://127.0.0.1:{PORT}"


def no_engine() -> tuple[Pipeline, str]:
    raise LabError("No engine is running on port 4566.", "Run: make up")


def state_of(
    connect: Callable[[], tuple[Pipeline, str]] = no_engine, forwarded: tuple[str, ...] = ()
) -> ConsoleState:
    keys = Keys(token="the-token", session="the-session", csrf="the-csrf")
    return ConsoleState(Guard(PORT, keys, forwarded), 4566, "dev", connect)


def browser(state: ConsoleState, *, base_url: str = OURS, **options: Any) -> TestClient:
    """A browser without a session. `with` it, the console looks at the pipeline."""
    return TestClient(create_app(state), base_url=base_url, follow_redirects=False, **options)


def let_in(client: TestClient, state: ConsoleState) -> TestClient:
    """The same browser with a session, as its pages ask: from our origin, with their token."""
    client.cookies.set(state.guard.cookie, state.guard.keys.session)
    client.headers.update({"origin": OURS, CSRF_HEADER: state.guard.keys.csrf})
    return client
