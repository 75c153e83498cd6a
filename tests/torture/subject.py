"""The lab under torture: an engine and a deployment of its own, and everything that was done to them."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import psutil

from functions.publish.envelope import Envelope
from lab.common import paths
from lab.common.polling import wait_for
from lab.deployment.deploy import deploy
from lab.dlq.browser import DlqBrowser
from lab.engines import HostEngine, ports
from lab.engines import clients as guarded
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from tests.support.processes import having
from tests.torture.hostile import Hostile
from tests.torture.ledger import Book, Finding, Origin, id_of

SETTINGS = {"workerTimeoutSeconds": "2", "queueVisibilitySeconds": "12"}
"""Short, since what a killed worker held is back after the visibility timeout."""

ENVIRONMENT = {"LAB_IAM": "enforce", "COLUMNS": "160"}
"""Functions may do what their roles allow and nothing else; tables are wide, since a report shows some."""

LETTER_SECONDS = 10
"""Dead letters are hidden while others look at them."""


@dataclass(frozen=True)
class Ran:
    """A command's end."""

    command: str
    code: int
    output: str

    def findings(self, *expected: int) -> list[Finding]:
        """What a person must not see: an exit code but the expected ones (0), a traceback, an escape sequence."""
        wrong = [f"exit code {self.code}"] if self.code not in (expected or (0,)) else []
        wrong += ["a traceback"] if "Traceback" in self.output else []
        wrong += ["an escape sequence"] if "\x1b" in self.output else []
        last = (self.output.strip().splitlines() or [""])[-1][:300]
        return [Finding(f"lab {self.command}", f"{', '.join(wrong)}: {last!a}")] if wrong else []


class Subject:
    """A lab on one port. `start` connects to it, again for each engine."""

    def __init__(self, port: int, seed: int) -> None:
        self.engine = HostEngine(port)
        self.book = Book()
        self.diary: list[str] = []
        self.operations: list[str] = []
        self.disturbances: list[tuple[str, float, float]] = []
        self.deployed = False
        self._seed, self._numbers = seed, count()
        self._began = time.monotonic()

    def note(self, line: str) -> None:
        """Write into the diary, which is printed as it grows."""
        self.diary.append(f"{time.monotonic() - self._began:6.1f}  {line}")
        print(self.diary[-1], flush=True)  # noqa: T201  who waits for ten minutes wants to see what happens

    def lab(self, *arguments: str, within: float = 120) -> Ran:
        """Run one of the lab's commands against this engine, as a person would."""
        environment = os.environ | {"LAB_PORT": str(self.engine.port), "ENGINE": "host"} | ENVIRONMENT
        command, name = [str(paths.LAB / "bin" / "lab"), *arguments], " ".join(arguments[:2])
        process = subprocess.Popen(
            command, cwd=paths.ROOT, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace",
        )  # fmt: skip
        try:
            text, _ = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            return Ran(name, -1, f"no end within {within:g} s")
        return Ran(name, process.returncode, text)

    def start(self) -> None:
        """Deploy to the engine, which runs, and begin a new book: what an earlier engine knew is gone."""
        self.aws = guarded.local(self.engine.endpoint)
        self.stack = deploy(self.aws, "dev", SETTINGS, self.note)
        self.pipeline, self.api = Pipeline(self.aws, self.stack), Api(self.aws, self.stack)
        self.sqs, self.browser = self.aws.client("sqs"), DlqBrowser(self.pipeline)
        self.book, self.operations, self.deployed = Book(), [], True

    def functions(self, name: str) -> list[psutil.Process]:
        """The processes of one function (`worker`, `redrive`) of this engine."""
        children = self.engine.process().children(recursive=True)
        return having("AWS_LAMBDA_FUNCTION_NAME", f"{self.stack.prefix}-{name}", children)

    def disturbed(self, began: float, *functions: str) -> None:
        """Record that processes of these functions were disturbed from then (epoch seconds) until now."""
        self.disturbances += [(function, began, time.time()) for function in functions]

    def leftovers(self) -> list[Finding]:
        """What `lab down` has left behind, which is ended and removed here: processes by their folder, and it."""
        left = having("TMPDIR", f"{self.engine.home}/", psutil.process_iter())
        found = (
            [Finding("left behind", f"{len(left)} processes: {[one.pid for one in left]}")] if left else []
        )
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        try:
            ports.require_free(self.engine.port)
        except LabError as error:
            found.append(Finding("left behind", error.what))
        if self.engine.home.exists():
            found.append(
                Finding("left behind", f"{sorted(path.name for path in self.engine.home.iterdir())}")
            )
            shutil.rmtree(self.engine.home, ignore_errors=True)
        self.deployed = False
        return found

    def next_id(self) -> str:
        """The id of a new order."""
        return id_of(self._seed, next(self._numbers))

    def send(self, url: str, messages: Iterable[tuple[str, Hostile]], origin: Origin) -> None:
        """Put messages, each with its order's id, into a queue, in one batch."""
        entries: list[Any] = []
        for order_id, message in messages:
            self.book.enter(order_id, origin, curable=message.curable)
            entry = {"MessageBody": message.body, "MessageAttributes": message.attributes}
            entries.append({"Id": str(len(entries)), **entry})
        answer = self.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert not answer.get("Failed"), answer["Failed"]

    def letter(self, rng: random.Random) -> Envelope:
        """Any visible dead letter. Raises LabError if there is none for a while."""
        seen = wait_for(
            "a dead letter", lambda: self.browser.browse(1000).envelopes, bool, within=LETTER_SECONDS
        )
        return rng.choice(sorted(seen, key=lambda one: one.message_id))
