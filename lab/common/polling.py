"""Waiting for conditions: a deadline, and a message that says what was seen last."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

UPDATE_SECONDS = 60
"""How long a function's update may take. boto3's own waiter looks every second at most, and says no value."""


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


def wait_until_updated(client: "LambdaClient", function: str) -> None:
    """Return once Lambda works with a function's latest code and configuration, or raise LabError."""
    wait_for(
        f"{function} to be updated",
        lambda: client.get_function_configuration(FunctionName=function).get("LastUpdateStatus"),
        lambda status: status == "Successful",
        within=UPDATE_SECONDS,
    )
