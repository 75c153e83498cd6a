"""Whether an engine serves: asked of itself, which is sooner than any health check that runs every few seconds."""

import time
from collections.abc import Callable

import httpx

LOOK_EVERY = 0.05


def wait(endpoint: str, within: float, has_ended: Callable[[], bool]) -> bool:
    """Wait until the engine at the URL serves. False once it has ended, or after `within` seconds."""
    deadline = time.monotonic() + within
    with httpx.Client(base_url=endpoint, timeout=2, trust_env=False) as http:
        while True:
            try:
                if http.get("/_localstack/health").is_success:
                    return True
            except httpx.TransportError:
                pass
            if has_ended() or time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)
