"""Long work, one piece at a time: started by a page, seen by every page, cancelled by any.

Two scenarios at once would refute each other's predictions, and a redrive beside one would spoil its ledger.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from lab.engines.aws_errors import AWS_ERRORS, explained
from lab.errors import LabError

KEPT_LINES = 200


class Status(StrEnum):
    """How a job stands. All but the first two are final."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CancelledError(Exception):
    """The job ended because somebody asked for it."""


class Work(Protocol):
    """What a job does."""

    kind: str
    title: str

    def run(self, job: "Job") -> None:
        """Do it, and tell the job how far it is. Raises LabError when it fails, CancelledError when cancelled."""
        ...

    def cancel(self) -> None:
        """Ask it to end soon. It may end later, or succeed before."""
        ...


@dataclass
class Job:
    """One piece of work under way, or the last one."""

    number: int
    work: Work
    moved: Callable[["Job"], None]
    started: float = field(default_factory=time.time)
    ended: float | None = None
    status: Status = Status.RUNNING
    told: str = ""
    error: LabError | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: list[str] = field(default_factory=list[str])
    _ending: threading.Lock = field(default_factory=threading.Lock)

    @property
    def under_way(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def cancelling(self) -> bool:
        """Note that it is asked to end; False if it has ended already."""
        with self._ending:
            if self.ended is None:
                self.status = Status.CANCELLING
            return self.ended is None

    def end(self, status: Status, error: LabError | None = None) -> None:
        """Note that it has ended, and how."""
        with self._ending:
            self.status, self.error, self.ended = status, error, time.time()
        self.moved(self)

    def say(self, line: str) -> None:
        """One line of progress for a person."""
        self.told = line
        self.lines = [*self.lines, line][-KEPT_LINES:]
        self.moved(self)

    def tell(self, **details: Any) -> None:
        """Progress for the pages: what is given replaces what was told under the same name."""
        self.details = self.details | details
        self.moved(self)

    def as_json(self) -> dict[str, Any]:
        """What the pages show. Times are epoch seconds."""
        return {
            "number": self.number,
            "kind": self.work.kind,
            "title": self.work.title,
            "status": self.status,
            "started": self.started,
            "ended": self.ended,
            "told": self.told,
            "lines": self.lines,
            "details": self.details,
            "error": {"what": self.error.what, "fix": self.error.fix} if self.error else None,
        }


class Jobs:
    """The one job there may be. `moved` is called with it, from whatever thread, whenever it moves."""

    def __init__(self, moved: Callable[[Job], None]) -> None:
        self._moved = moved
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._count = 0
        self.last: Job | None = None

    def start(self, work: Work) -> Job:
        """Begin. Raises LabError while another job is under way."""
        with self._lock:
            if self.last and self.last.under_way:
                raise LabError(
                    f"{self.last.work.title} is still under way.", "Wait until it has ended, or cancel it."
                )
            self._count += 1
            job = Job(self._count, work, self._moved)
            self.last = job
            self._thread = threading.Thread(target=_run, args=(job,), name=f"job-{work.kind}", daemon=True)
            self._thread.start()
        job.moved(job)
        return job

    def cancel(self) -> Job:
        """Ask the job to end. Raises LabError if there is none."""
        job = self.last
        if job is None or not job.cancelling():
            raise LabError("Nothing is under way.", "There is nothing to cancel.")
        job.moved(job)
        job.work.cancel()
        return job

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way; False if something still is after `seconds`."""
        if self._thread:
            self._thread.join(seconds)
            return not self._thread.is_alive()
        return True


def _run(job: Job) -> None:
    try:
        job.work.run(job)
    except CancelledError:
        job.end(Status.CANCELLED)
    except LabError as error:
        job.end(Status.FAILED, error)
    except AWS_ERRORS as error:
        job.end(Status.FAILED, explained(error))
    except Exception as error:
        told = LabError(f"It crashed: {error!r}.", "The console's terminal shows where.")
        job.end(Status.FAILED, told)
        raise
    else:
        job.end(Status.SUCCEEDED)
