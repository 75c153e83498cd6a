"""Programs at a real terminal, which can be typed at and closed."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping

from lab.common import paths

IN_THE_FOREGROUND = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # standard input becomes the controlling terminal
"""


class Terminal:
    """A pseudo-terminal, and the program that is in its foreground."""

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
                except OSError:  # the program has ended
                    return


@contextlib.contextmanager
def at_a_terminal(code: str, *arguments: str, environment: Mapping[str, str]) -> Generator[Terminal]:
    """Python code in the foreground of a terminal of its own; killed at the end of the `with` block."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_THE_FOREGROUND + code, *arguments],
        cwd=paths.ROOT,
        env=environment,
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
        process.kill()
        process.wait()
        terminal.close()
