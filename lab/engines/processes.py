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

from lab.common import paths
from lab.errors import LabError

MARK = "LAB_FOR_ENGINE"
"""Holds the engine's folder in the environment of what helps with an engine: the CDK's commands, fault proxies. The
engine's own processes, its functions too, are told by what lies in that folder: see TELLING."""

TELLING = ("TMPDIR", "LAMBDA_TASK_ROOT")
"""A function with a /tmp of its own has no other TMPDIR, but its code is where the engine has put it."""

END_SECONDS = 10.0


def mark(endpoint: str) -> dict[str, str]:
    """What marks a process as a helper of the engine at that URL; for its environment."""
    return {MARK: str(paths.ENGINES / str(urlsplit(endpoint).port))}


def own(home: Path) -> list[psutil.Process]:
    """Every living process of the engine in `home`: its supervisor, LocalStack, functions and what they started."""
    return [process for process in psutil.process_iter() if _is_own(_environment(process), home)]


def is_own(process: psutil.Process, home: Path) -> bool:
    """Whether it lives and is one of them. One whose environment may not be read is none."""
    return _is_own(_environment(process), home)


def helpers(home: Path) -> list[psutil.Process]:
    """Every living process that was started to help with the engine in `home`."""
    return [process for process in psutil.process_iter() if _environment(process).get(MARK) == str(home)]


def end(home: Path) -> None:
    """Kill both kinds, and what they start meanwhile. Raises LabError for what does not end.

    psutil compares a process's start time before it signals: an id that is used again is never hit.
    """
    deadline = time.monotonic() + END_SECONDS
    while found := [*own(home), *helpers(home)]:
        if time.monotonic() > deadline:
            pids = " ".join(str(process.pid) for process in found)
            raise LabError(f"Processes of an engine do not end: {pids}.", f"End them by hand: kill -9 {pids}")
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def _environment(process: psutil.Process) -> dict[str, str]:
    """Nothing where it has ended, may not be read, or is this process."""
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
        return process.environ() if alive else {}
    except psutil.Error:
        return {}


def _is_own(environment: dict[str, str], home: Path) -> bool:
    return any(Path(environment.get(name, "")).is_relative_to(home) for name in TELLING)
