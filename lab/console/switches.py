"""Faults to switch on, each for a time: what there is, what is in force, and the way back.

Every switch is a change of one setting, recorded before it is made (lab/faults/changes.py). The console undoes what has
expired, and at its end what it made itself; if it is killed, the next command of the lab does.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from lab.errors import LabError, unknown
from lab.faults import FaultProxy
from lab.faults.catalogue import FAULTS, NamedFault
from lab.faults.changes import ActiveChange, Changes
from lab.pipeline.observe import Pipeline

WHY = "the console"
MIN_SECONDS, MAX_SECONDS = 10, 1800
DEFAULT_SECONDS = 120


def why(fault: NamedFault) -> str:
    """What the record of a fault's change gives as the reason."""
    return f"{WHY}: {fault.title}"


class Switches:
    """What one console switches on and off, one switch at a time."""

    def __init__(self) -> None:
        self._proxy: FaultProxy | None = None
        self._turning = threading.Lock()

    def on(self, pipeline: Pipeline, name: str, seconds: int, *, local_functions: bool) -> None:
        """Put a fault in force for `seconds`; returns once the pipeline works with it.

        `local_functions` says whether the functions run on this machine. Raises LabError if the fault is not
        possible, or if its setting is changed already.
        """
        fault = FAULTS.get(name)
        if fault is None:
            raise unknown("fault", name, FAULTS)
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise LabError(
                f"A fault for {seconds} s is out of bounds.", f"Choose {MIN_SECONDS} to {MAX_SECONDS} s."
            )
        if fault.needs_local_functions and not local_functions:
            raise LabError(
                f"{fault.title}: not possible here, since the functions do not run on this machine.",
                "Use the host engine: make down, then make up ENGINE=host",
            )
        with self._turning:
            changes = Changes(pipeline)
            if active := next(
                (change for change in changes.active() if change.setting == fault.setting.name), None
            ):
                raise LabError(f"{fault.title} must wait: {active.told}.", "End that first.")
            changes.make(fault.made(pipeline, self.proxy, seconds), why=why(fault), seconds=seconds)

    def off(self, pipeline: Pipeline, setting: str) -> None:
        """End what is in force at a setting. Raises LabError where there is nothing, or nothing to be told of."""
        with self._turning:
            changes = Changes(pipeline)
            active = next((change for change in changes.active() if change.setting == setting), None)
            if active is None or active.is_sought:
                raise LabError(f"Nothing is in force at {setting}.", "Reload the page.")
            changes.undo(setting)

    def heal(self, pipeline: Pipeline) -> list[ActiveChange]:
        """Undo what has expired, whoever made it. Returns what that was."""
        with self._turning:
            return Changes(pipeline).heal()

    def proxy(self, pipeline: Pipeline) -> FaultProxy:
        """The proxy in front of the engine, without faults; started when it is first wanted."""
        if self._proxy is None:
            self._proxy = FaultProxy(pipeline.aws.endpoint or "").__enter__()
        self._proxy.clear()
        return self._proxy

    def hits(self) -> int | None:
        """How many calls the proxy's faults have hit since the last was put in force; None without a proxy."""
        return None if self._proxy is None else len(self._proxy.fired())

    def close(self, pipeline: Pipeline | None, say: Callable[[str], None]) -> None:
        """End what this console made, where the pipeline is still there, and the proxy.

        Raises LabError with what could not be ended.
        """
        try:
            if pipeline:
                changes = Changes(pipeline)
                changes.undo_all([change for change in changes.active() if change.why.startswith(WHY)], say)
        finally:
            if self._proxy:
                self._proxy.__exit__()


def in_force(active: Iterable[ActiveChange]) -> list[dict[str, Any]]:
    """What stands, as the pages show it. What is hidden on purpose is told of, but not where it is."""
    by_why = {why(fault): fault for fault in FAULTS.values()}
    return [
        {
            "told": by_why[change.why].title if change.why in by_why else change.told,
            "knob": None if change.is_sought else change.setting,
            "switch": by_why[change.why].name if change.why in by_why else None,
            "since": change.since,
            "expiresAt": change.expires_at,
        }
        for change in active
    ]
