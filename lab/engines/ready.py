"""Whether an engine serves: asked of itself, which is sooner than any health check that runs every few seconds."""

import time
from collections.abc import Callable
from typing import Protocol

import httpx

from lab.engines.direct import DIRECT
from lab.errors import LabError

LOOK_EVERY = 0.05
ANSWER_SECONDS = 10.0
"""How long an engine that runs already may take to answer, however busy it is."""


def wait(endpoint: str, within: float, has_ended: Callable[[], bool]) -> bool:
    """Wait until the engine at the URL serves. False once it has ended, or after `within` seconds."""
    deadline = time.monotonic() + within
    with httpx.Client(base_url=endpoint, timeout=2, **DIRECT) as http:
        while True:
            try:
                if http.get("/_localstack/health").is_success:
                    return True
            except httpx.TransportError:
                pass
            if has_ended() or time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)


class Status(Protocol):
    """What is known of an engine's processes or container."""

    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...


class Engine(Protocol):
    """The part of an engine that is asked here."""

    @property
    def port(self) -> int: ...
    @property
    def endpoint(self) -> str: ...
    def status(self) -> Status: ...


def require_answer(engine: Engine) -> None:
    """An engine that runs may have been started by a command that was killed, or hang. Raises LabError if it does."""
    if not wait(engine.endpoint, ANSWER_SECONDS, lambda: engine.status().state != "running"):
        raise LabError(
            f"The engine on port {engine.port} runs ({engine.status().detail}) but does not answer.",
            "Run: make down up",
        )
