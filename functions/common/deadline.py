"""The time that an invocation has left, into which every call of AWS fits.

An environment serves one invocation at a time, so there is one deadline, and nobody has to hand it on: the clients of
functions.common.aws ask before each try of a call. One that could still hang when the invocation ends is not begun: the
caller gets its 503, SQS its partial batch response.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common.errors import NoTimeLeftError

CONNECT_SECONDS = 1
READ_SECONDS = 2
"""How long a try waits for a connection, and for an answer. AWS's services answer these calls within milliseconds."""

CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS + 0.25
"""The longest that a try can take, and a moment to answer after it."""

MOST_OF_ALL = 0.45
"""No call asks for more of an invocation's time than this: with the few seconds of the local profile it would never be
begun. Connections on loopback take no time, so that half of five seconds is enough for an answer that never comes."""


@dataclass(frozen=True)
class _Deadline:
    at: float
    call_seconds: float


_current: list[_Deadline] = []


@contextmanager
def of_invocation(context: LambdaContext) -> Generator[None]:
    """Let the calls within end before the invocation must."""
    seconds = context.get_remaining_time_in_millis() / 1000
    _current[:] = [_Deadline(time.monotonic() + seconds, seconds_of_a_call(seconds))]
    try:
        yield
    finally:
        _current.clear()


def seconds_of_a_call(limit: float) -> float:
    """What a call may take of an invocation of so many seconds.

    >>> seconds_of_a_call(30), seconds_of_a_call(5)
    (3.25, 2.25)
    """
    return min(CALL_SECONDS, MOST_OF_ALL * limit)


def require_time_for_a_call(**_of_botocore: object) -> None:
    """Raise NoTimeLeftError where a call that is begun now might outlast the invocation."""
    # A thread of the last invocation may ask while there is no deadline: its call is bounded by the clients' timeouts.
    for deadline in tuple(_current):
        if deadline.at - time.monotonic() < deadline.call_seconds:
            raise NoTimeLeftError
