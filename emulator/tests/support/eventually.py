"""Assertions on systems that need a moment: retry the assertion itself, never sleep for luck."""

import time
from collections.abc import Callable


def eventually[T](check: Callable[[], T], *, within: float = 10.0, every: float = 0.1) -> T:
    """Call `check` until it neither raises AssertionError nor returns a falsy value.

    `within` and `every` are seconds. After the deadline the last AssertionError is raised, or one that
    shows the last value.
    """
    deadline = time.monotonic() + within
    while True:
        last: T | AssertionError
        try:
            last = check()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            if isinstance(last, AssertionError):
                raise last
            raise AssertionError(f"not true within {within:g} s; last seen: {last!r}")
        time.sleep(every)
