"""A place to die at, for tests: they show that an operation survives the loss of its invocation at any step.

The environment variable REDRIVE_CRASH_AT names the step; no deployment sets it and no request can. The
process ends at once, as it does when Lambda runs out of memory: nothing is released, nothing is written.
Only an operation's first invocation dies, so that the next one can show how it goes on.
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
    """Ends the process when the chosen step is reached in an operation's first invocation."""

    def __init__(self, step: str | None = None) -> None:
        self._step = Step(step) if step else None

    def reached(self, step: Step, invocation: int) -> None:
        """Die here, if this is the place."""
        if step is self._step and invocation == 1:
            os.kill(os.getpid(), signal.SIGKILL)
