"""The console's way to the deployed pipeline: found again whenever the engine or the stacks went away."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lab.engines.aws_errors import AWS_ERRORS, explained
from lab.engines.kinds import NONE, Kind
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

type Connect = Callable[[], tuple[Pipeline, Kind]]
"""Finds the pipeline and what runs it. Raises LabError if there is none."""


class MissingError(LabError):
    """No engine runs, or nothing is deployed on it."""


@dataclass(frozen=True)
class State:
    """Whether there is a pipeline; if not, what is missing and what to run."""

    kind: Literal["ready", "missing"]
    what: str
    fix: str = ""


class Connection:
    """One pipeline for all threads of the console."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._found: tuple[Pipeline, Kind] | None = None

    @property
    def engine(self) -> Kind:
        """What runs the pipeline; NONE while there is none."""
        found = self._found
        return found[1] if found else NONE

    def pipeline(self) -> Pipeline:
        """The deployed pipeline. Raises MissingError with the command that is missing."""
        with self._lock:
            if self._found is None:
                try:
                    self._found = self._connect()
                except LabError as error:
                    raise MissingError(error.what, error.fix, error.details) from error
                except AWS_ERRORS as error:
                    told = explained(error)
                    raise MissingError(told.what, told.fix) from error
            return self._found[0]

    def lose(self) -> None:
        """Forget what was found: a call failed, so the next one looks again."""
        with self._lock:
            self._found = None

    def state(self) -> State:
        """Look whether the pipeline answers; if what was found before does not, look for another one."""
        try:
            return self._answering()
        except AWS_ERRORS:
            self.lose()
        try:
            return self._answering()
        except AWS_ERRORS as error:
            self.lose()
            told = explained(error)
            return State("missing", told.what, told.fix)

    def _answering(self) -> State:
        try:
            pipeline = self.pipeline()
        except MissingError as error:
            return State("missing", error.what, error.fix)
        pipeline.queue()
        return State("ready", f"{self.engine}, {pipeline.stack.prefix}")
