"""One function's process with its Runtime API and its output: what AWS calls an execution environment."""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab_localstack.lambda_.memory import ProcessFamily, Watch
from lab_localstack.lambda_.output import LogEvent, OutputParser
from lab_localstack.lambda_.runtime_api import Message, RuntimeApi

WATCH_SECONDS = 0.05
"""How often the process is looked at where the system cannot report its end (no pidfd)."""
MEMORY = Watch()


class SandboxClosedError(Exception):
    """The sandbox was closed while it was in use."""


@dataclass(frozen=True)
class Exited:
    """The process ended; a negative code is the signal that killed it."""

    returncode: int
    outgrown: bool = False
    """Whether it was ended because it had more memory than it may."""


class Sandbox:
    """At most one process at a time. `close` may be called from any thread, the rest from one at a time.

    The process and its children may have so many MB in memory, and are ended when they have more.
    """

    def __init__(self, memory_size: int) -> None:
        self._memory_size = memory_size
        self._outgrown = False
        self._family: ProcessFamily | None = None
        self._selector = selectors.DefaultSelector()
        self._api = RuntimeApi(self._selector)
        self._output = OutputParser()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._lifeline: int | None = None
        self._pidfd: int | None = None
        self._ended = False
        self._life = threading.Lock()
        self._closed = False

    @property
    def runtime_api(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return self._api.address

    @property
    def running(self) -> bool:
        """Whether there is a process; it may have ended without anybody having looked."""
        return self._process is not None

    def spawn(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: str | Path,
        user: str | None = None,
    ) -> None:
        """Start the process in the folder. Raises SandboxClosedError after `close`."""
        lifeline_read, lifeline_write = os.pipe()
        output_read, output_write = os.pipe()
        try:
            with self._life:
                if self._closed:
                    raise SandboxClosedError
                self._process = subprocess.Popen(  # noqa: S603  the interpreter of the engine
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=lifeline_read,
                    stdout=output_write,
                    stderr=output_write,
                    process_group=0,  # in the engine's session: Linux shares processors out by session first
                    user=user,
                    extra_groups=None if user is None else [],
                )
        except BaseException:
            os.close(lifeline_write)
            os.close(output_read)
            raise
        finally:
            os.close(lifeline_read)
            os.close(output_write)
        os.set_blocking(output_read, False)
        self._lifeline, self._pipe, self._ended = lifeline_write, output_read, False
        self._family, self._outgrown = ProcessFamily(self._process.pid), False
        self._selector.register(output_read, selectors.EVENT_READ, self._read_output)
        if hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(self._process.pid)
            self._selector.register(self._pidfd, selectors.EVENT_READ, self._note_end)

    def wait(self, deadline: float) -> Message | Exited | None:
        """What the runtime says next, or how it ended; None at the deadline (time.monotonic()).

        Everything the function wrote before that has been taken in when this returns.
        """
        with MEMORY.over(self._look_at_memory):
            return self._wait(deadline)

    def _wait(self, deadline: float) -> Message | Exited | None:
        while True:
            if self._api.messages:
                self._read_output()
                return self._api.messages.popleft()
            if self._ended or self._process is None:
                return Exited(self.kill(), self._outgrown)
            remaining = deadline - time.monotonic()
            patience = max(remaining, 0)
            if self._pidfd is None:
                patience = min(patience, WATCH_SECONDS)
                self._ended = psutil.Process(self._process.pid).status() == psutil.STATUS_ZOMBIE
            for key, _ in self._selector.select(patience):
                key.data()
            if remaining <= 0 and not self._api.messages and not self._ended:
                self._read_output()
                return None

    def give(self, headers: dict[str, str], payload: bytes) -> bool:
        """Hand the runtime, which asked for it, an invocation. False when it is gone."""
        return self._api.give(headers, payload)

    def log(self, messages: Iterable[str]) -> None:
        """Put the platform's own messages between what the function wrote before and what it writes next."""
        self._output.add(messages)

    def take_log_events(self) -> list[LogEvent]:
        """What the function wrote since the last call."""
        return self._output.take()

    def max_memory_used(self) -> int:
        """The most that the process has had in memory so far in MB, or 0 when it is gone."""
        return self._family.peak() if self._family and self._process else 0

    def _look_at_memory(self) -> None:
        if not self._life.acquire(blocking=False):
            return  # it is being started or ended
        try:
            process, family = self._process, self._family
            if process and family and not self._outgrown and family.outgrows(self._memory_size):
                self._outgrown = True
                _kill_group(process.pid)
        finally:
            self._life.release()

    def kill(self) -> int:
        """End the process and all it started; returns its code (0 when there was none)."""
        process = self._process
        if process is None:
            return 0
        with self._life:
            # not reaped before: until then nobody else can get its number
            _kill_group(process.pid)
            returncode = process.wait()
            self._process = None
            if self._family:
                self._family.close()
                self._family = None
        self._read_output()
        self._forget(self._pipe)
        self._pipe = None
        if self._pidfd is not None:
            self._forget(self._pidfd)
            self._pidfd = None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        self._api.forget_connections()
        return returncode

    def close(self) -> None:
        """End the process for good. A thread that is in `wait` then sees it end."""
        with self._life:
            self._closed = True
            if self._process is not None:
                _kill_group(self._process.pid)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def release(self) -> None:
        """Give everything back to the system; after `close`, when no other thread uses the sandbox."""
        self.kill()
        self._api.close()
        self._selector.close()

    def _read_output(self) -> None:
        if self._pipe is None:
            return
        try:
            while data := os.read(self._pipe, 1 << 16):
                self._output.feed(data)
        except BlockingIOError:
            return
        self._forget(self._pipe)
        self._pipe = None

    def _note_end(self) -> None:
        self._ended = True

    def _forget(self, fd: int | None) -> None:
        if fd is not None:
            self._selector.unregister(fd)
            os.close(fd)


def _kill_group(leader: int) -> None:
    # macOS refuses a group of nothing but zombies
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
