"""The fault proxy: microburst, which answers in AWS's own protocols, as a child process on loopback."""

import os
import subprocess
import sys
import time
from typing import Any, Self

import httpx

from lab.engines import ports, processes
from lab.engines.direct import DIRECT, without_proxies
from lab.errors import LabError
from lab.faults.fault import Fault, Fired

READY_SECONDS = 15.0
FIRST_CALL_SECONDS = 60.0
"""It reads the models of all AWS services at its first call: seconds of CPU time, more where others want it, too."""

STOP_SECONDS = 5.0
MODULE = "microburst"
AUDIT_LIMIT = 100_000


class FaultProxy:
    """A proxy in front of `upstream`, for as long as the context lasts.

    Its control API has no authentication: it listens on 127.0.0.1 alone.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._port = ports.free()
        self._process: subprocess.Popen[bytes] | None = None
        self._own_calls = 0
        self._control = httpx.Client(base_url=f"{self.endpoint}/_microburst", timeout=5, **DIRECT)

    @property
    def endpoint(self) -> str:
        """Where AWS clients send their calls."""
        return f"http://{ports.LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", MODULE, "--upstream", self._upstream]
        command += ["--host", ports.LOOPBACK, "--port", str(self._port), "--no-resign"]
        self._process = subprocess.Popen(  # noqa: S603  the lab's own command line
            command,
            # marked: it outlives a run that is killed, whose functions still call it, and ends with the engine
            env=without_proxies(os.environ) | processes.mark(self._upstream),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it outlives Ctrl-C and the terminal until nobody is routed to it any more
        )
        self._wait_until_ready(self._process)
        self._make_the_first_call()
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def inject(self, *faults: Fault) -> None:
        """Put faults in force beside those that are."""
        self._ask("PATCH", "/rules", json=[fault.as_rule() for fault in faults])

    def clear(self) -> None:
        """End all faults and forget what they did."""
        self._ask("POST", "/rules", json=[])
        self._ask("DELETE", "/fired")

    def fired(self, service: str = "", operation: str = "") -> list[Fired]:
        """The audit: every call that was hit since the last `clear`, of a service and operation if given."""
        wanted = {"service": service, "operation": operation}
        query = {name: value for name, value in wanted.items() if value} | {"limit": str(AUDIT_LIMIT)}
        events: list[dict[str, Any]] = self._ask("GET", "/fired", params=query).json()
        return [Fired(str(e["service"]), str(e["operation"]), str(e["action"])) for e in events]

    def calls(self) -> int:
        """How many calls came by, hit or not."""
        return int(self._ask("GET", "/health").json()["requests_seen"]) - self._own_calls

    def _make_the_first_call(self) -> None:
        """Let no client wait for it: a worker's deadlines are shorter than that, and would pass without a fault."""
        try:
            httpx.get(f"{self.endpoint}/_localstack/health", timeout=FIRST_CALL_SECONDS, **DIRECT)
        except httpx.TransportError as error:
            self.__exit__()
            raise LabError(
                f"The fault proxy did not pass on its first call ({error}).",
                "See the engine's state: make status",
            ) from error
        self._own_calls = self.calls()

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = self._control.request(method, path, **request)
        if answer.is_error:
            raise LabError(
                f"The fault proxy refused {method} {path}: {answer.status_code} {answer.text[:200]}",
                "Check the fault's fields against lab/faults/fault.py.",
            )
        return answer

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self._control.get("/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self.__exit__()
        raise LabError("The fault proxy did not start.", "Install what it needs: make setup")
