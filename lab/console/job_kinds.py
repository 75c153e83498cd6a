"""The long jobs there are: a scenario, the way back to the steady state, a redrive."""

import json
import os
import subprocess
import sys
import threading
from typing import Any

from functions.redrive.operations import Status as Operation
from functions.redrive.plan import Plan
from lab.common import paths
from lab.common.person import person
from lab.console.jobs import CancelledError, Job
from lab.dlq.follow import FAILED, FOLLOW_SECONDS, exit_code, followed, verdict
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline


class RunnerProcess:
    """Work of a process of its own (lab/console/runner_process.py), which undoes what it did when it is cancelled.

    It ends itself, cleanly, when its standard input closes: on being cancelled, and when the console dies.
    """

    def __init__(self, kind: str, title: str, port: int, env: str, *arguments: str) -> None:
        self.kind = kind
        self.title = title
        self._command = [sys.executable, "-m", "lab.console.runner_process", str(port), env, kind, *arguments]
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = threading.Event()

    def run(self, job: Job) -> None:
        """Run it to its end and pass on what it tells. Raises LabError if it failed."""
        process = subprocess.Popen(  # noqa: S603  the lab's own command line
            self._command,
            cwd=paths.ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the console's terminal is the console's; it cancels in its own way
        )
        self._process = process
        if self._cancelled.is_set():
            self.cancel()
        error: LabError | None = None
        for line in process.stdout or ():
            told: dict[str, Any] = json.loads(line)
            if "say" in told:
                job.say(told["say"])
            elif "error" in told:
                error = LabError(told["error"]["what"], told["error"]["fix"])
            else:
                job.tell(**told)
        code = process.wait()
        if self._cancelled.is_set() and code:
            raise CancelledError
        if code:
            raise error or LabError(
                f"{self.title} ended with exit code {code}.", "The console's terminal shows why."
            )

    def cancel(self) -> None:
        """Have it undo what it did and end."""
        self._cancelled.set()
        if self._process and self._process.stdin:
            self._process.stdin.close()


class Redrive:
    """One redrive operation, started and watched through the API. It runs in the redrive function, not here."""

    kind = "redrive"

    def __init__(self, pipeline: Pipeline, plan: Plan, eligible: int) -> None:
        self.title = f"Redrive of {eligible} dead letters"
        self._pipeline = pipeline
        self._plan = plan
        self._eligible = eligible
        self._ask_to_stop = threading.Event()

    def run(self, job: Job) -> None:
        """Start the operation and watch it to its end. Raises LabError unless it succeeds."""
        with Api(self._pipeline.aws, self._pipeline.stack) as api:
            operation = api.start_redrive(
                **self._plan.as_json(), planDigest=self._plan.digest, requestedBy=person()
            )

            def told(row: dict[str, Any]) -> None:
                job.tell(eligible=self._eligible, operation=row)
                if self._ask_to_stop.is_set() and not Operation(row["status"]).final:
                    self._ask_to_stop.clear()
                    api.cancel_redrive(operation)

            row = followed(api, operation, FOLLOW_SECONDS, told, self._ask_to_stop)
        lines = [*verdict(row)]
        for line in lines:
            job.say(line)
        if row["status"] == Operation.CANCELLED:
            raise CancelledError
        if exit_code(row) == FAILED:
            raise LabError(
                f"The redrive did not end well: {'; '.join(lines)}.",
                "What it has not moved is still in the DLQ: look at it again.",
            )

    def cancel(self) -> None:
        """Ask it to stop after the messages at hand."""
        self._ask_to_stop.set()
