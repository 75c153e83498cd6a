"""Programs at a real terminal, which can be typed at and closed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
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


def hang_up(terminal: Terminal) -> None:
    terminal.close()


def press_ctrl_c_again_and_again(terminal: Terminal) -> None:
    for _ in range(8):
        terminal.type("\x03")
        time.sleep(0.2)


def terminate_thrice(terminal: Terminal) -> None:
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
        terminal.process.send_signal(number)
        time.sleep(0.3)


def interrupt_then_hang_up(terminal: Terminal) -> None:
    terminal.type("\x03")
    time.sleep(0.5)
    terminal.close()


ENDS = (hang_up, press_ctrl_c_again_and_again, terminate_thrice, interrupt_then_hang_up)
"""The ways in which a person or a system ends a command at a terminal."""
