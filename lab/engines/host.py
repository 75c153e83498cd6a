"""The host packaging: LocalStack from its pip package, supervised, on 127.0.0.1. No Docker, no Java."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil

from lab import paths
from lab.engines import iam, ports
from lab.errors import LabError

READY_SECONDS = 60.0
STOP_SECONDS = 8.0
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "LAB_ALLOWED_HOSTS")


@dataclass(frozen=True)
class Status:
    """What is known of an engine: `stopped` (never started or stopped on request), `running` or `crashed`."""

    state: Literal["stopped", "running", "crashed"]
    detail: str = ""


class HostEngine:
    """One engine on one port. All its files, S3 bodies and Lambda code too, lie under `.lab/engine/PORT/`."""

    kind = "host"
    packaging = "host"
    image = ""

    def __init__(self, port: int) -> None:
        self.port = port
        self.home = paths.ENGINES / str(port)
        self.log = self.home / "engine.log"
        self._state_file = self.home / "state.json"

    @property
    def endpoint(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def enforces_iam(self) -> bool:
        """Whether it was started to check the calls of functions."""
        return bool(self._state().get("iam"))

    def up(self) -> bool:
        """Start the engine and wait until it serves.

        Returns False when it was running already. Raises LabError when the port is taken, the engine's
        environment is missing, LAB_IAM is unknown or the engine does not become ready.
        """
        if self.status().state == "running":
            return False
        if not paths.ENGINE_PYTHON.exists():
            raise LabError("The engine's Python environment is missing.", "Run: make setup")
        ports.require_free(self.port)
        self._spawn()
        self._wait_until_ready()
        return True

    def down(self) -> bool:
        """Stop the engine and remove its files. Returns False when there was nothing to stop."""
        running = self.status().state == "running"
        if running:
            supervisor = psutil.Process(self._state()["supervisor"])
            supervisor.terminate()
            supervisor.wait(STOP_SECONDS + 5)
        shutil.rmtree(self.home, ignore_errors=True)
        return running

    def status(self) -> Status:
        """Look at the processes and, where they ended, at how they ended."""
        state = self._state()
        if not state:
            return Status("stopped")
        if self._supervised(state):
            return Status("running", f"pid {state['engine']}")
        if state.get("stopped_on_request"):
            return Status("stopped")
        how = f"exit code {state['exit']}" if state.get("exit") is not None else "its supervisor was killed"
        return Status("crashed", how)

    def require_running(self) -> None:
        """Raise LabError, with the log's last lines after a crash, unless the engine serves."""
        status = self.status()
        if status.state == "crashed":
            raise LabError(
                f"The engine on port {self.port} crashed ({status.detail}).",
                f"Read {self._shown(self.log)}, then run: make down up",
                details=self.last_log_lines(),
            )
        if status.state == "stopped":
            raise LabError(f"No engine is running on port {self.port}.", "Run: make up")

    def process(self) -> psutil.Process:
        """The engine's own process, the parent of its functions'. Raises LabError unless it serves."""
        self.require_running()
        return psutil.Process(self._state()["engine"])

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
        return given | {
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            "XDG_CACHE_HOME": str(paths.ENGINES / "cache"),
            "PYTHONUNBUFFERED": "1",
            # where /.dockerenv exists 4.14.0 believes to be in its container and writes to /etc and /usr/lib
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(home / "fs"),
            "LOCALSTACK_VOLUME_DIR": str(home / "volume"),
            "DOCKER_HOST": f"unix://{home}/no-docker.sock",
            "GATEWAY_SERVER": "lab-loopback",
            "GATEWAY_LISTEN": f"{ports.LOOPBACK}:{self.port}",
            "LOCALSTACK_HOST": f"{ports.LOOPBACK}:{self.port}",
            "GATEWAY_WORKER_COUNT": "100",
            "SQS_ENDPOINT_STRATEGY": "path",
            "DNS_ADDRESS": "0",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            "LAB_LAMBDA_RUNTIME": str(paths.LAMBDA_RUNTIME),
            "PROVIDER_OVERRIDE_S3": "lab",
            "PROVIDER_OVERRIDE_CLOUDFORMATION": "lab",
            "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "0",
            "PROVIDER_OVERRIDE_DYNAMODB": "lab",
            "PROVIDER_OVERRIDE_LOGS": "lab",
            "PROVIDER_OVERRIDE_CLOUDWATCH": "lab",
            "PROVIDER_OVERRIDE_SQS": "lab",
            "PROVIDER_OVERRIDE_EVENTS": "lab",
            "PROVIDER_OVERRIDE_SNS": "lab",
            "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.05",
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
        }

    def _spawn(self) -> None:
        environment = self.environment()
        shutil.rmtree(self.home, ignore_errors=True)
        for folder in ("home", "tmp", "fs"):
            (self.home / folder).mkdir(parents=True)
        state = {"port": self.port, "iam": environment.get(iam.VARIABLE)}
        self._state_file.write_text(json.dumps(state))
        engine = [str(paths.ENGINE_PYTHON), "-m", "localstack.runtime.main"]
        supervisor = [
            sys.executable,
            "-m",
            "lab.engines.supervisor",
            str(self._state_file),
            str(STOP_SECONDS),
        ]
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

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(base_url=self.endpoint, timeout=2, trust_env=False) as http:
            while time.monotonic() < deadline:
                try:
                    if http.get("/_localstack/health").is_success:
                        return
                except httpx.TransportError:
                    pass
                if self._state().get("exit") is not None:
                    self.require_running()
                time.sleep(0.05)
        lines = self.last_log_lines()
        self.down()
        raise LabError(
            f"The engine did not become ready within {READY_SECONDS:g} s and was stopped.",
            "Read its last log lines below, then run: make up",
            details=lines,
        )

    def _state(self) -> dict[str, Any]:
        try:
            return json.loads(self._state_file.read_text())
        except FileNotFoundError:
            return {}

    @staticmethod
    def _supervised(state: dict[str, Any]) -> bool:
        """Whether the recorded supervisor lives: same pid and same start, as pids are used again."""
        if state.get("exit") is not None:
            return False
        if "supervisor" not in state:
            return False
        try:
            process = psutil.Process(state["supervisor"])
            same = abs(process.create_time() - state["started"]) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @staticmethod
    def _shown(path: Path) -> Path:
        return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path
