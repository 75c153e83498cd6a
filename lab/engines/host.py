"""The host packaging: LocalStack from its pip package, supervised, on 127.0.0.1. No Docker, no Java."""

import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from lab.common import locks, paths
from lab.engines import disk, iam, kinds, ports, processes, ready, record
from lab.engines.direct import NONE_AT_ALL
from lab.engines.record import Record, UnreadableError
from lab.errors import LabError

READY_SECONDS = 60.0
STOP_SECONDS = 8.0
SUPERVISOR = "lab.engines.supervisor"
GONE = "It lived in memory: accepted orders and all other state are gone."
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LAB_ALLOWED_HOSTS",
    "LAB_CALL_LATENCY_MS",
)


@dataclass(frozen=True)
class Status:
    """What is known of an engine.

    It is `stopped` (never started or stopped on request), `running`, `crashed`, or `astray`: processes of it live
    that the lab can only end, because their supervisor or its record is lost.
    """

    state: Literal["stopped", "running", "crashed", "astray"]
    detail: str = ""


class HostEngine:
    """One engine on one port. All its files, S3 bodies and Lambda code too, lie under `.lab/engine/PORT/`."""

    kind = "host"
    runs = kinds.HOST
    packaging = "host"
    image = ""

    def __init__(self, port: int) -> None:
        self.port = port
        self.home = paths.ENGINES / str(port)
        self.log = self.home / "engine.log"
        self.log_before = self.home / "engine.log.1"
        self._state_file = self.home / "state.json"

    @property
    def endpoint(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def enforces_iam(self) -> bool:
        """Whether it was started to check the calls of functions."""
        known = self._record()
        return bool(known and known.iam)

    def up(self) -> bool:
        """Start the engine and wait until it serves, in the place of one that crashed or went astray.

        Returns False when it was running already. Raises LabError when the port is taken, the engine's
        environment is missing, LAB_IAM is unknown or the engine does not become ready.
        """
        with locked(self.port):
            if self.status().state == "running":
                ready.require_answer(self)
                return False
            if not paths.ENGINE_PYTHON.exists():
                raise LabError("The engine's Python environment is missing.", "Run: make setup")
            environment = self.environment()
            self._end()
            disk.require_room(paths.ENGINES)
            ports.require_free(self.port)
            try:
                self._spawn(environment)
                self._wait_until_ready()
            except BaseException:  # Ctrl-C as well
                self._end()
                raise
        return True

    def down(self) -> bool:
        """End every process of the engine, then remove its files. Returns False when there was no process."""
        with locked(self.port):
            ended = self._end()
            shutil.rmtree(self.home, ignore_errors=True)
        return ended

    def status(self) -> Status:
        """Look at the processes and, where they ended, at how they ended."""
        try:
            known, lost = record.read(self._state_file), "supervisor gone"
        except UnreadableError:
            known, lost = None, "record unreadable"
        if known and self._supervised(known):
            return Status("running", f"pid {known.engine}")
        if living := processes.own(self.home):
            return Status("astray", f"{lost}, {len(living)} processes live")
        if known and known.stopped_on_request:
            return Status("stopped")
        if known and known.exit is not None:
            return Status("crashed", f"exit code {known.exit}")
        return Status("crashed", lost) if self._state_file.exists() else Status("stopped")

    def require_running(self) -> None:
        """Raise LabError, with the log's last lines after a crash, unless the engine serves."""
        status = self.status()
        if status.state == "crashed":
            raise LabError(
                f"The engine on port {self.port} crashed ({status.detail}).",
                f"Read {self._shown(self.log)}, then run: make up deploy-local",
                details=f"{self.last_log_lines()}\n{GONE}",
            )
        if status.state == "astray":
            raise LabError(f"The engine on port {self.port} is astray: {status.detail}.", "Run: make down up")
        if status.state == "stopped":
            raise LabError(f"No engine is running on port {self.port}.", "Run: make up")

    def process(self) -> psutil.Process:
        """The engine's own process, the parent of its functions'. Raises LabError unless it serves."""
        self.require_running()
        known = self._record()
        if known is None or known.engine is None:  # it has been stopped this moment
            raise LabError(f"No engine is running on port {self.port}.", "Run: make up")
        return psutil.Process(known.engine)

    def last_log_lines(self, count: int = 15) -> str:
        """The end of the engine's log, or an empty text when there is none."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def environment(self) -> dict[str, str]:
        """The engine's whole environment: none of the user's own variables but a few harmless ones."""
        home = self.home
        given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        if iam.wanted():
            given[iam.VARIABLE] = iam.ENFORCE
        given |= NONE_AT_ALL
        return given | {
            "CONFIG_DIR": str(paths.ENGINE_PROFILES),
            "CONFIG_PROFILE": "engine,processes",
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            "XDG_CACHE_HOME": str(paths.ENGINES / "cache"),
            "PYTHONUNBUFFERED": "1",
            # where /.dockerenv exists 4.14.0 believes to be in its container and writes to /etc and /usr/lib
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(home / "fs"),
            "LOCALSTACK_VOLUME_DIR": str(home / "volume"),
            "DOCKER_HOST": f"unix://{home}/no-docker.sock",
            "GATEWAY_LISTEN": f"{ports.LOOPBACK}:{self.port}",
            "LOCALSTACK_HOST": f"{ports.LOOPBACK}:{self.port}",
            "LAB_LAMBDA_RUNTIME": str(paths.LAMBDA_RUNTIME),
        }

    def _spawn(self, environment: dict[str, str]) -> None:
        self._clear()
        for folder in ("home", "tmp", "fs"):
            (self.home / folder).mkdir(parents=True)
        Record(self.port, iam=environment.get(iam.VARIABLE)).write(self._state_file)
        engine = [str(paths.ENGINE_PYTHON), "-m", "localstack.runtime.main"]
        supervisor = [sys.executable, "-m", SUPERVISOR, str(self._state_file), str(STOP_SECONDS)]
        with self.log.open("wb") as log:
            subprocess.Popen(  # noqa: S603  the lab's own command line
                supervisor + engine,
                cwd=paths.ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _clear(self) -> None:
        """Remove the files of the engine before, all but its log: a crash can be read after the next start."""
        kept = self.home.with_suffix(".log")
        if self.log.exists():
            self.log.replace(kept)
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        if kept.exists():
            kept.replace(self.log_before)

    def _end(self) -> bool:
        """End every process of the engine: the supervisor is asked to, what is left is killed. False if none lived."""
        living = processes.own(self.home)
        asked = [process for process in living if _is_supervisor(process)]
        for supervisor in asked:
            with suppress(psutil.Error):
                supervisor.terminate()
                supervisor.resume()  # it may have been stopped, by Ctrl-Z or a debugger
        psutil.wait_procs(asked, timeout=STOP_SECONDS + 5)
        processes.end(self.home)
        return bool(living)

    def _wait_until_ready(self) -> None:
        if ready.wait(self.endpoint, READY_SECONDS, lambda: self._ended() is not None):
            return
        if self._ended() is not None:
            self.require_running()
        raise LabError(
            f"The engine did not become ready within {READY_SECONDS:g} s and was stopped.",
            "Read its last log lines below, then run: make up",
            details=self.last_log_lines(),
        )

    def _ended(self) -> int | None:
        known = self._record()
        return known.exit if known else None

    def _record(self) -> Record | None:
        try:
            return record.read(self._state_file)
        except UnreadableError:
            return None

    def _supervised(self, known: Record) -> bool:
        """Whether the recorded supervisor lives: ids are used again, by processes that are none of this engine's."""
        if known.exit is not None or known.supervisor is None:
            return False
        try:
            process = psutil.Process(known.supervisor)
        except psutil.Error:
            return False
        return processes.is_own(process, self.home) and _is_supervisor(process)

    @staticmethod
    def _shown(path: Path) -> Path:
        return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path


def locked(port: int) -> AbstractContextManager[None]:
    """The right to start or stop the engine on a port, of either packaging. Raises LabError if it is long in coming."""
    return locks.held(
        paths.ENGINES / f"{port}.lock",
        within=READY_SECONDS + STOP_SECONDS,
        what=f"Another command that starts or stops the engine on port {port}",
    )


def _is_supervisor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return SUPERVISOR in process.cmdline()
    return False
