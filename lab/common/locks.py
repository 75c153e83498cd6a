"""Locks between processes: files that one process at a time holds. The system lets them go when it ends, however."""

import errno
import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from lab.errors import LabError

NO_PLACE = (errno.EROFS, errno.ENOSPC, errno.EDQUOT)
LOOK_EVERY = 0.1


@contextmanager
def held(file: Path, *, within: float, what: str) -> Generator[None]:
    """Hold the lock, after waiting up to `within` seconds for another process to let it go.

    Raises LabError that names the process which holds it on; `what` says what that does. A read-only or full disk
    has no place for a lock: then this goes on without, as it must be possible to stop what runs there.
    """
    with _waited_for(file, within, what) as lock:
        if lock is None:
            yield
            return
        with suppress(OSError):
            os.write(lock.fileno(), str(os.getpid()).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                file.unlink()  # before it is let go: who waits for it sees that it is no longer the one


def _waited_for(file: Path, within: float, what: str) -> IO[bytes] | nullcontext[None]:
    deadline = time.monotonic() + within
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        while (lock := _taken(file)) is None:
            if time.monotonic() > deadline:
                raise _still_held(file, within, what)
            time.sleep(LOOK_EVERY)
    except OSError as error:
        if error.errno in NO_PLACE:
            return nullcontext()
        raise
    return lock


def _taken(file: Path) -> IO[bytes] | None:
    """The open file with its lock, or None while another process holds it or has just removed it."""
    lock = file.open("ab", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock.fileno()), file.stat()):
            lock.truncate(0)
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    lock.close()
    return None


def _still_held(file: Path, within: float, what: str) -> LabError:
    holder = file.read_text() if file.exists() else ""
    named = f" (pid {holder})" if holder else ""
    return LabError(
        f"{what}{named} has not ended within {within:g} s.",
        f"Wait for it, or end it: kill {holder}".rstrip(),
    )
