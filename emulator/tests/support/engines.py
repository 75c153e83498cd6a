"""Engines of a test's own, or given to it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import psutil

from support import functions
from support.direct import DIRECT
from support.functions import Function

EMULATOR = Path(__file__).resolve().parents[2]
ENVIRONMENTS = Path(os.environ.get("LAB_ENVIRONMENTS", EMULATOR.parent / ".lab" / "env"))
"""Where `engine/` has LocalStack and this distribution, and `runtime/` what a function finds beside its code."""
PYTHON = ENVIRONMENTS / "engine" / "bin" / "python"
RUNTIME = ENVIRONMENTS / "runtime"
READY_SECONDS = 60.0
STOP_SECONDS = 8.0
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
"""Of all clients: it keeps the models of services, of up to a megabyte, that it has read."""
MAKING = threading.Lock()
"""A session makes one client at a time."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clients:
    """What tests do with an engine at an endpoint."""

    endpoint: str

    def create(self, code: str, **configuration: Any) -> Function:
        """A function of this engine."""
        return functions.create(self.client, code, **configuration)

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this engine: the same for the same configuration."""
        wanted = (service, repr(sorted(config.items())))
        with MAKING:
            if wanted not in self._made:
                options = boto3.session.Config(retries={"total_max_attempts": 1}, **config)
                self._made[wanted] = SESSION.client(service, endpoint_url=self.endpoint, config=options)
            return self._made[wanted]

    @cached_property
    def _made(self) -> dict[tuple[str, str], Any]:
        return {}


class EngineEndedError(Exception):
    """The engine did not become ready."""


class EngineWith(Clients):
    """An engine without Docker, with additional environment variables. Its files are under one temporary folder."""

    def __init__(self, **variables: str) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.home = Path(tempfile.mkdtemp(prefix="lab-engine-test-"))
        self.log = self.home / "engine.log"
        self.command: list[str | Path] = [PYTHON, "-m", "localstack.runtime.main"]
        self._variables = variables
        self._engine: psutil.Popen | None = None

    def environment(self) -> dict[str, str]:
        """The engine's whole environment: none of the caller's own variables but PATH."""
        for folder in ("home", "tmp"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home / "home"),
            "TMPDIR": str(self.home / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "CONFIG_DIR": str(EMULATOR / "profiles"),
            "CONFIG_PROFILE": "engine,processes",
            "OVERRIDE_IN_DOCKER": "0",
            "DOCKER_HOST": f"unix://{self.home}/no-docker.sock",
            "FILESYSTEM_ROOT": str(self.home / "fs"),
            "LOCALSTACK_VOLUME_DIR": str(self.home / "volume"),
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "LOCALSTACK_HOST": f"127.0.0.1:{self.port}",
            "LAB_LAMBDA_RUNTIME": str(RUNTIME),
        } | self._variables

    def up(self) -> None:
        """Start the engine and wait until it serves. Raises EngineEndedError, with the log's end, if it does not."""
        with self.log.open("wb") as log:
            self._engine = psutil.Popen(
                self.command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(base_url=self.endpoint, timeout=2, **DIRECT) as http:
            while time.monotonic() < deadline and self._engine.poll() is None:
                try:
                    if http.get("/_localstack/health").is_success:
                        return
                except httpx.TransportError:
                    time.sleep(0.05)
        raise EngineEndedError(self.last_log_lines())

    def process(self) -> psutil.Process:
        """The engine's own process, the parent of its functions'."""
        assert self._engine
        return self._engine

    def last_log_lines(self, count: int = 40) -> str:
        """The end of the engine's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def down(self) -> None:
        """Stop the engine, by force where it does not stop in time, and remove its files."""
        if self._engine and self._engine.poll() is None:
            functions_left = self._engine.children(recursive=True)
            self._engine.send_signal(signal.SIGTERM)
            try:
                self._engine.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                for process in (self._engine, *functions_left):
                    process.kill()
                self._engine.wait(STOP_SECONDS)
        shutil.rmtree(self.home, ignore_errors=True)


class EngineAt(Clients):
    """An engine that runs already, in a container or elsewhere."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.port = urlsplit(endpoint).port or 80


type Engine = EngineWith | EngineAt
