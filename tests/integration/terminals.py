"""Commands of the lab at a real terminal, which can be typed at and closed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from urllib.parse import urlsplit

from lab import paths
from lab.observe import Pipeline

IN_THE_FOREGROUND = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # standard input becomes the controlling terminal
runpy.run_module("lab", run_name="__main__")
"""


def environment(pipeline: Pipeline) -> dict[str, str]:
    """What tells a command which engine is meant."""
    return os.environ | {"LAB_PORT": str(urlsplit(pipeline.aws.endpoint or "").port), "COLUMNS": "80"}


def lab(pipeline: Pipeline, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=paths.ROOT,
        env=environment(pipeline),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


class Terminal:
    """A pseudo-terminal, and the command that is in its foreground."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self.output = ""
        self._master = master
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def close(self) -> None:
        """Close the window: the foreground gets SIGHUP, and can neither read nor write any more."""
        if not self._closing.is_set():
            self._closing.set()
            self._reader.join()
            os.close(self._master)

    def _read(self) -> None:
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self._master, 65536).decode(errors="replace")
                except OSError:  # the command has ended
                    return


@contextlib.contextmanager
def at_a_terminal(pipeline: Pipeline, *arguments: str) -> Generator[Terminal]:
    """A command of the lab in the foreground of a terminal of its own; killed at the end of the `with` block."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_THE_FOREGROUND, *arguments],
        cwd=paths.ROOT,
        env=environment(pipeline) | {"TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        terminal.close()
