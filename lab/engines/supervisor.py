"""Parent of one host engine: records how it ended and leaves none of its processes behind.

Usage: python -m lab.engines.supervisor STATE_FILE STOP_SECONDS COMMAND...

STATE_FILE holds a record (lab/engines/record.py), which is completed here. SIGTERM asks the engine to stop; after
STOP_SECONDS it is killed by pid. On Linux the engine is killed, too, when its supervisor is.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from lab.common import lifetimes
from lab.engines import record


def main(arguments: list[str]) -> int:
    state_file, stop_seconds, command = Path(arguments[0]), float(arguments[1]), arguments[2:]
    given = record.read(state_file)
    if given is None:
        return 1
    lifetimes.adopt_orphans()
    me = psutil.Process()
    engine = subprocess.Popen(  # noqa: S603  the lab's own command line
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: lifetimes.end_with(me.pid),  # noqa: PLW1509  there is one thread here
    )
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

    running = replace(given, supervisor=me.pid, engine=engine.pid)
    try:
        running.write(state_file)
        code = engine.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for orphan in me.children(recursive=True):
            with suppress(psutil.Error):
                orphan.kill()
    replace(running, exit=code, stopped_on_request=stopping).write(state_file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
