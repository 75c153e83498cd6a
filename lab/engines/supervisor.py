"""Parent of one host engine: records how it ended and leaves none of its processes behind.

Usage: python -m lab.engines.supervisor STATE_FILE STOP_SECONDS COMMAND...

The state file is JSON: {"supervisor": pid, "started": epoch seconds of its start, "engine": pid,
"port": int, "exit": code or null}. SIGTERM asks the engine to stop; after STOP_SECONDS it is killed by pid.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans() -> None:
    """On Linux, become the parent of grandchildren whose own parent died, so that they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def write_state(file: Path, state: dict[str, Any]) -> None:
    """Replace the state file in one step: a reader never sees half of it."""
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(state))
    partial.replace(file)


def main(arguments: list[str]) -> int:
    state_file, stop_seconds, command = Path(arguments[0]), float(arguments[1]), arguments[2:]
    adopt_orphans()
    me = psutil.Process()
    engine = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  the lab's own command line
    stopping = False

    def kill_if_stuck(*_: object) -> None:
        print(f"engine did not stop within {stop_seconds:g} s: killing pid {engine.pid}", flush=True)  # noqa: T201
        engine.kill()

    def stop(*_: object) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            engine.terminate()
            signal.setitimer(signal.ITIMER_REAL, stop_seconds)

    signal.signal(signal.SIGALRM, kill_if_stuck)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal that ran `make up` is not for us

    state: dict[str, Any] = json.loads(state_file.read_text())
    state |= {"supervisor": os.getpid(), "started": me.create_time(), "engine": engine.pid, "exit": None}
    write_state(state_file, state)
    code = engine.wait()
    signal.setitimer(signal.ITIMER_REAL, 0)
    for orphan in me.children(recursive=True):
        orphan.kill()
    write_state(state_file, state | {"exit": code, "stopped_on_request": stopping})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
