"""Waiting for conditions: a deadline, and a message that says what was seen last."""

import time
from collections.abc import Callable

from lab.errors import LabError


def wait_for[T](
    what: str, look: Callable[[], T], done: Callable[[T], bool], *, within: float, every: float = 0.2
) -> T:
    """Look every `every` seconds until `done` is true of what is seen, and return that.

    Raises LabError naming what was awaited and what was seen last once `within` seconds have passed.
    """
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if done(seen):
            return seen
        if time.monotonic() >= deadline:
            raise LabError(
                f"Waited {within:g} s for {what}; last seen: {seen!r}.",
                "See what the pipeline does: make status",
            )
        time.sleep(every)
