"""The processes that were started for an engine, told by the engine's folder in their environment.

A record of process ids can be lost or forged, and a supervisor killed; what a process was started with stays with it.
Nothing else counts: not a recorded id, not being the child of a process that is one. A wrong guess here would end
what is somebody else's.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from lab import paths
from lab.errors import LabError

MARK = "LAB_ENGINE_HOME"
"""Holds the engine's folder in the environment of what the lab starts for an engine. Functions, whose environment is
Lambda's, are told by their TMPDIR, which lies in that folder."""

END_SECONDS = 10.0


def mark(endpoint: str) -> dict[str, str]:
    """What marks a process as started for the engine at that URL; for its environment."""
    return {MARK: str(paths.ENGINES / str(urlsplit(endpoint).port))}


def belongs(process: psutil.Process, home: Path) -> bool:
    """Whether it lives and was started for the engine in `home`. One whose environment may not be read was not."""
    try:
        environment = process.environ()
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
    except psutil.Error:
        return False
    return environment.get(MARK) == str(home) or Path(environment.get("TMPDIR", "")).is_relative_to(home)


def belonging(home: Path) -> list[psutil.Process]:
    """Every living process that was started for the engine in `home`, but this one."""
    return [
        process for process in psutil.process_iter() if process.pid != os.getpid() and belongs(process, home)
    ]


def end(home: Path) -> None:
    """Kill them all, and what they start meanwhile. Raises LabError for what does not end.

    psutil compares a process's start time before it signals: an id that is used again is never hit.
    """
    deadline = time.monotonic() + END_SECONDS
    while found := belonging(home):
        if time.monotonic() > deadline:
            pids = " ".join(str(process.pid) for process in found)
            raise LabError(f"Processes of an engine do not end: {pids}.", f"End them by hand: kill -9 {pids}")
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)
