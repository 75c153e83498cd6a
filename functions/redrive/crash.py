"""A place to die at, for tests: they show that an operation survives the loss of its invocation at any step.

The environment variable REDRIVE_CRASH_AT names the step, and with `STEP:N` which time it is reached; no deployment sets
it and no request can. The process ends at once, as it does when Lambda runs out of memory: nothing is released,
nothing is written. Only an operation's first invocation dies, so that the next one can show how it goes on.
"""

import os
import signal
from enum import StrEnum


class Step(StrEnum):
    """The moments between which an operation's work is divided."""

    CLAIMED = "claimed"
    RECEIVED = "received"
    SENT = "sent"
    RECORDED = "recorded"
    DELETED = "deleted"
    WATCHING = "watching"


class CrashPoint:
    """Ends the process when the chosen step is reached, the chosen time, in an operation's first invocation."""

    def __init__(self, place: str | None = None) -> None:
        step, _, time = (place or "").partition(":")
        self._step = Step(step) if step else None
        self._times_left = int(time or 1)

    def reached(self, step: Step, invocation: int) -> None:
        """Die here, if this is the place."""
        if step is not self._step or invocation != 1:
            return
        self._times_left -= 1
        if self._times_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
