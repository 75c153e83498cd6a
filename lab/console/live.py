"""What every page of the console follows: the pipeline's state every few seconds, and the job as it moves.

One thread looks, however many pages are open. Each page gets the latest of every kind of event: one that cannot keep
up misses what is outdated, and never makes the others wait.
"""

import asyncio
import threading
import traceback
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress
from typing import Any

from functions.common import codec
from lab.console.connection import Connection
from lab.console.jobs import Job
from lab.console.switches import Switches, in_force
from lab.engines.aws_errors import AWS_ERRORS, explained
from lab.errors import LabError
from lab.faults import failure_mode, runtime_settings
from lab.faults.changes import Changes
from lab.pipeline.observe import Pipeline
from lab.pipeline.past import past
from lab.pipeline.signals import KEPT_READINGS, READING_SECONDS, Reader

type Event = tuple[str, str]
"""Its name and its data, which is JSON."""


class Follower:
    """One page that follows. Made and read in the event loop, told from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, str] = {}
        self._something = asyncio.Event()

    def tell(self, name: str, data: str) -> None:
        """Have an event sent; it replaces one of the same name that was not sent yet."""
        with suppress(RuntimeError):  # the loop is closed: the console ends, and nobody follows any more
            self._loop.call_soon_threadsafe(self._put, name, data)

    async def events(self) -> AsyncGenerator[Event]:
        """Events as they come, without end."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                yield self._waiting.popitem()

    def _put(self, name: str, data: str) -> None:
        self._waiting[name] = data
        self._something.set()


class Live:
    """Looks at the pipeline in the background, undoes what has expired, and tells all followers."""

    def __init__(self, connection: Connection, switches: Switches, every: float = READING_SECONDS) -> None:
        self._connection = connection
        self._switches = switches
        self._every = every
        self._reader: tuple[Pipeline, Reader] | None = None
        self._ended = threading.Event()
        self._soon = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._followers: set[Follower] = set()
        self._latest: dict[str, str] = {}
        self.readings: deque[dict[str, Any]] = deque(maxlen=KEPT_READINGS)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._soon.set()
        self._thread.join(timeout=5)
        if self._reader:
            self._reader[1].close()

    def look_soon(self) -> None:
        """Look at once instead of when it is time: somebody has changed something."""
        self._soon.set()

    def job(self, job: Job) -> None:
        """Tell of the job."""
        self._tell("job", job.as_json())

    @contextmanager
    def follower(self) -> Generator[Follower]:
        """A follower for a `with` block. It begins with the latest of everything."""
        follower = Follower()
        self._followers.add(follower)
        for name, data in list(self._latest.items()):
            follower.tell(name, data)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def _tell(self, name: str, value: Any) -> None:
        data = codec.dumps(value)
        self._latest[name] = data
        for follower in list(self._followers):
            follower.tell(name, data)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                told = self._look()
            except Exception as error:  # noqa: BLE001  pages must say so instead of standing still
                traceback.print_exception(error)
                told = {
                    "state": "missing",
                    "what": f"The console's look at the pipeline failed: {error!r}.",
                    "fix": "The console's terminal shows where.",
                }
            self._tell("pipeline", told)
            self._soon.wait(self._every)
            self._soon.clear()

    def _look(self) -> dict[str, Any]:
        state = self._connection.state()
        told: dict[str, Any] = {"state": state.kind, "what": state.what, "fix": state.fix}
        if state.kind != "ready":
            return told
        try:
            pipeline = self._connection.pipeline()
            with suppress(LabError):  # what cannot be undone stays in force, which the pages show
                self._switches.heal(pipeline)
            signals = self._read(pipeline)
            mode, changes = failure_mode.shown(pipeline), in_force(Changes(pipeline).active())
            if not self.readings:
                self.readings.extend(_past(pipeline, signals["at"], changes))
            self.readings.append(signals | {"faults": _named([mode], changes)})
            return told | {
                "vitals": signals,
                "failureMode": mode,
                "mappingEnabled": runtime_settings.MAPPING_ENABLED.read(pipeline),
                "inForce": changes,
                "hits": self._switches.hits(),
                "localFunctions": self._connection.engine.local_functions,
            }
        except (LabError, *AWS_ERRORS) as error:
            self._connection.lose()
            why = error if isinstance(error, LabError) else explained(error)
            return told | {"state": "missing", "what": why.what, "fix": why.fix}

    def _read(self, pipeline: Pipeline) -> dict[str, Any]:
        if self._reader is None or self._reader[0] is not pipeline:
            if self._reader:
                self._reader[1].close()
            self.readings.clear()
            self._reader = (pipeline, Reader(pipeline))
        return self._reader[1].read().as_json()


def _past(pipeline: Pipeline, now: float, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was before, so that charts open on it. Where that cannot be read, they begin now."""
    try:
        return [
            reading | {"faults": _named(modes, [each for each in changes if each["since"] <= reading["at"]])}
            for modes, reading in past(pipeline, now)
        ]
    except AWS_ERRORS:
        return []


def _named(modes: list[str], changes: list[dict[str, Any]]) -> list[str]:
    """What the charts call what is in force: the changes, or the failure mode if somebody set it without one."""
    return [change["told"] for change in changes] or [
        f"failure mode {mode}" for mode in modes if mode != "none"
    ]
