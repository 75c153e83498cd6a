"""What the routes of one console share: the pipeline, the live view, the one job, the switches."""

import threading
from dataclasses import dataclass, field
from typing import Any

from lab.console.connection import Connect, Connection
from lab.console.jobs import Job, Jobs, Work
from lab.console.live import Live
from lab.console.security import Guard
from lab.console.switches import Switches
from lab.errors import LabError
from lab.history import Recorder
from lab.pipeline.observe import Pipeline


@dataclass
class ConsoleState:
    """One console at work. `engine_port` and `env` name the deployment it is for."""

    guard: Guard
    engine_port: int
    env: str
    connect: Connect
    browsing: threading.Lock = field(default_factory=threading.Lock)
    """Held while somebody browses the DLQ: two at once would hide messages from each other."""

    def __post_init__(self) -> None:
        self.connection = Connection(self.connect)
        self.switches = Switches()
        self.live = Live(self.connection, self.switches)
        self.jobs = Jobs(self._job_moved)
        self._sent: Recorder | None = None

    @property
    def pipeline(self) -> Pipeline:
        """The deployed pipeline. Raises MissingError with the command that is missing."""
        return self.connection.pipeline()

    @property
    def sent(self) -> Recorder:
        """What pages of this console have sent to the pipeline that is deployed now, among whatever else it is sent."""
        pipeline = self.pipeline
        if self._sent is None or self._sent.pipeline is not pipeline:
            self._sent = Recorder("console", pipeline, alone=False)
        return self._sent

    @property
    def local_functions(self) -> bool:
        """Whether the functions run as processes of this machine."""
        return self.connection.engine.local_functions

    def start(self, work: Work) -> dict[str, Any]:
        """Begin a job."""
        return self.jobs.start(work).as_json()

    def require_idle(self, *kinds: str) -> None:
        """Raise LabError while a job of one of these kinds is under way."""
        job = self.jobs.last
        if job and job.under_way and job.work.kind in kinds:
            raise LabError(
                f"{job.work.title} is under way, and would be disturbed.",
                "Wait until it has ended, or cancel it.",
            )

    def _job_moved(self, job: Job) -> None:
        self.live.job(job)
        if not job.under_way:
            self.live.look_soon()
