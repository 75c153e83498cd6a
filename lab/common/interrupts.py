"""Interruptions: Ctrl-C, termination and a closed terminal unwind a command alike, and never cut its rollback short."""

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

STREAMS = (0, 1, 2)
WAIT = b"\nrolling back: wait, or leave the rest to its time limit with Ctrl-\\\n"


def unwind_when_ended() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does: every `finally` of the command runs."""
    for number in _handlers():
        signal.signal(number, _hung_up if number == signal.SIGHUP else signal.default_int_handler)


@contextlib.contextmanager
def undoing(undo: Callable[[], object]) -> Generator[None]:
    """Undo what a `with` block does, however it ends.

    The first SIGINT, SIGTERM or SIGHUP raises KeyboardInterrupt in the block. Those that come while it is unwound, or
    while `undo` runs, wait until all is undone. SIGQUIT still ends the process at once, as does SIGKILL. In any thread
    but the main one, which signals do not reach, this is a plain try and finally.
    """
    leaving = late = False

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal leaving, late
        if not leaving:
            leaving = True
            raise KeyboardInterrupt
        late = True
        with contextlib.suppress(OSError):
            os.write(2, WAIT)  # a stream of Python's cannot be written to from within its own write

    before = _handlers()
    try:
        try:
            for number in before:
                signal.signal(number, _hung_up if number == signal.SIGHUP else interrupt)
            yield
        finally:
            leaving = True
    finally:
        try:
            undo()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if late:
        raise KeyboardInterrupt


def undeterred(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say` for a rollback: that nobody can read it any more is not a reason to stop."""

    def tell(line: str) -> None:
        with contextlib.suppress(OSError, SystemExit):  # rich ends the program where a pipe is broken
            say(line)

    return tell


def _handlers() -> dict[signal.Signals, Any]:
    """What handles the signals now, without those that whoever started this process has ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    return {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}


def _hung_up(_signal: int, _frame: FrameType | None) -> None:
    """The terminal may be gone, where every write is an error from now on: what is told is told to nobody then."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in STREAMS:
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                os.dup2(nowhere, stream)
        os.close(nowhere)
    signal.raise_signal(signal.SIGTERM)
