"""What functions' processes use of memory, and a watch over those at work.

Lambda ends an execution environment whose processes together outgrow the function's MemorySize. Without root nothing
on Linux or macOS bounds the resident memory of several processes, so it is looked at while the function works: who
grows by a gigabyte a second is ended about a hundred megabytes beyond the limit. Who was beyond it in between is
found at the end of the invocation, by the peak that Linux keeps.
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import psutil

LOOK_SECONDS = 0.05
"""How often; nothing is looked at while no function is at work."""
CHILDREN_EVERY = 10
"""Looks between two searches for children: these cost ten times as much as a look."""
MEGABYTE = 1024 * 1024
STATUS_BYTES = 8192


class ProcessFamily:
    """A process and its descendants."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._children: list[int] = []
        self._looks = 0
        self._status: int | None = None
        """The open file of the leader's peak: it is read once an invocation, and each call of the system waits for the
        interpreter's lock."""

    def close(self) -> None:
        """Forget the processes."""
        if self._status is not None:
            os.close(self._status)
            self._status = None

    def outgrows(self, megabytes: int) -> bool:
        """Whether they have more in memory; what they share counts once. False when they are gone."""
        limit = megabytes * MEGABYTE
        try:
            if self._looks % CHILDREN_EVERY == 0:
                self._children = list(_descendants(self._leader))
            self._looks += 1
            leader = _resident(self._leader)
            return (
                leader + sum(map(_resident, self._children)) > limit
                and leader + sum(map(_own, self._children)) > limit
            )
        except (OSError, IndexError, ValueError, psutil.Error):
            return False  # the next look finds those that are left

    def peak(self) -> int:
        """The most that the leader has had in memory so far in MB; 0 when it is gone.

        What it has now where the system does not keep the peak.
        """
        try:
            if self._status is None:
                self._status = os.open(f"/proc/{self._leader}/status", os.O_RDONLY)
            status = os.pread(self._status, STATUS_BYTES, 0)
            return int(status.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) // 1024
        except (OSError, IndexError):
            pass
        try:
            return psutil.Process(self._leader).memory_info().rss // MEGABYTE
        except psutil.Error:
            return 0


class Watch:
    """Lets those at work look at their memory. Its thread begins with the first of them."""

    def __init__(self) -> None:
        self._at_work: set[Callable[[], None]] = set()
        self._someone_works = threading.Event()
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def over(self, look: Callable[[], None]) -> Iterator[None]:
        """Call `look` again and again while the block runs, from another thread. It must not wait for anything."""
        with self._changing:
            self._at_work.add(look)
            self._someone_works.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lambda-memory", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changing:
                self._at_work.discard(look)
                if not self._at_work:
                    self._someone_works.clear()

    def _run(self) -> None:
        while self._someone_works.wait():
            time.sleep(LOOK_SECONDS)
            with self._changing:
                looks = list(self._at_work)
            for look in looks:
                look()


if os.path.exists("/proc/self/statm"):  # noqa: PTH110
    PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

    def _resident(pid: int) -> int:
        """Bytes in memory."""
        with open(f"/proc/{pid}/statm", "rb") as statm:  # noqa: PTH123
            return int(statm.read().split()[1]) * PAGE_BYTES

    def _own(pid: int) -> int:
        """Bytes in memory that no other process sees: of a forked child, what it has changed.

        0 where that may not be looked at: in a container without the capability SYS_PTRACE, of another user's process.
        """
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:  # noqa: PTH123
                lines = rollup.read().splitlines()
        except PermissionError:
            return 0
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Private_"))

    def _descendants(leader: int) -> Iterator[int]:
        for thread in os.listdir(f"/proc/{leader}/task"):  # noqa: PTH208
            with open(f"/proc/{leader}/task/{thread}/children", "rb") as listed:  # noqa: PTH123
                children = [int(child) for child in listed.read().split()]
            for child in children:
                yield child
                yield from _descendants(child)

else:

    def _resident(pid: int) -> int:
        return psutil.Process(pid).memory_info().rss

    _own = _resident

    def _descendants(leader: int) -> Iterator[int]:
        return (child.pid for child in psutil.Process(leader).children(recursive=True))
