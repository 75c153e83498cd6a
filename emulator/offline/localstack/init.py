#!/usr/bin/python3 -uS
"""Stand-in for LocalStack's lambda-runtime-init, for machines that cannot download it.

LocalStack's docker executor copies it to /var/rapid/init of every Lambda container and talks to it over
HTTP. Towards LocalStack: report `status/ID/ready` or `status/ID/error`, take invocations on
`POST :9563/invoke`, send back logs and then the response or the error. Towards the function: AWS's Lambda
runtime API on 127.0.0.1:9001, with /var/runtime/bootstrap as its client. Extensions, layers and X-Ray are
not served.
"""

import codecs
import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

RUNTIME_API = ("127.0.0.1", 9001)
SANDBOX_UID, SANDBOX_GID = 993, 990


@dataclass(frozen=True)
class Settings:
    """What LocalStack passes in the container's environment."""

    endpoint: str
    executor_id: str
    port: int
    user: str
    timeout: float
    memory: str
    version: str
    response_limit: int
    chmod_paths: list[dict[str, str]]

    @classmethod
    def read(cls, environ: dict[str, str]) -> "Settings":
        return cls(
            endpoint=environ["LOCALSTACK_RUNTIME_ENDPOINT"],
            executor_id=environ["LOCALSTACK_RUNTIME_ID"],
            port=int(environ.get("LOCALSTACK_INTEROP_PORT", "9563")),
            user=environ.get("LOCALSTACK_USER", "sbx_user1051"),
            timeout=float(environ["AWS_LAMBDA_FUNCTION_TIMEOUT"]),
            memory=environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            version=environ["AWS_LAMBDA_FUNCTION_VERSION"],
            response_limit=int(environ.get("LOCALSTACK_MAX_PAYLOAD_SIZE", "6291556")),
            chmod_paths=json.loads(environ.get("LOCALSTACK_CHMOD_PATHS") or "[]"),
        )


@dataclass(frozen=True)
class Outcome:
    """How an invocation or an initialization ended: `kind` is response, error, init or exit."""

    kind: str
    body: bytes
    request_id: str | None = None


class Output:
    """What a runtime writes. All it wrote before it answered is logged once `drain` has returned."""

    def __init__(self, stream: IO[bytes], log: Callable[[str], None]) -> None:
        self.stream = stream
        self.log = log
        self.mutex = threading.Lock()
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        os.set_blocking(stream.fileno(), False)

    def drain(self) -> bool:
        """Log what is there; False at the end of the output."""
        with self.mutex:
            while True:
                try:
                    chunk = os.read(self.stream.fileno(), 65536)
                except BlockingIOError:
                    return True
                if not chunk:
                    return False
                self.log(self.decoder.decode(chunk))

    def follow(self) -> None:
        """Log everything until the end."""
        while self.drain():
            select.select([self.stream], [], [])


@dataclass
class Runtime:
    """One process of /var/runtime/bootstrap, with what is queued for it and what came back from it."""

    process: subprocess.Popen[bytes]
    output: Output
    ready: threading.Event = field(default_factory=threading.Event)
    events: queue.Queue[tuple[dict[str, Any], float]] = field(default_factory=queue.Queue)
    outcomes: queue.Queue[Outcome] = field(default_factory=queue.Queue)

    def kill(self) -> None:
        """End the process and all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Init:
    """The execution environment: at most one runtime at a time, restarted after a crash or a time-out."""

    def __init__(self, settings: Settings, environ: dict[str, str]) -> None:
        self.settings = settings
        self.environ = runtime_environment(environ)
        self.log_parts: list[str] = []
        self.one_at_a_time = threading.Lock()
        self.runtime: Runtime

    def start_runtime(self) -> None:
        """Start a new runtime, for which the runtime API must be served already."""
        process = subprocess.Popen(
            ["/var/runtime/bootstrap"],
            cwd="/var/task",
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if process.stdout is None:
            raise AssertionError("its output is a pipe")
        self.runtime = Runtime(process, Output(process.stdout, self.log))
        threading.Thread(target=self.runtime.output.follow, daemon=True).start()
        threading.Thread(target=self._await_exit, args=(self.runtime,), daemon=True).start()

    def report_status(self) -> None:
        """Tell LocalStack that the runtime asks for its first event, or why it never will."""
        runtime = self.runtime
        while not runtime.ready.wait(0.005):
            try:
                outcome = runtime.outcomes.get_nowait()
            except queue.Empty:
                continue
            self.post(f"status/{self.settings.executor_id}/error", outcome.body)
            return
        self.post(f"status/{self.settings.executor_id}/ready", b"")

    def invoke(self, invocation: dict[str, Any]) -> None:
        """Run one invocation to its end and send logs and result to LocalStack."""
        request_id = invocation["invoke-id"]
        with self.one_at_a_time:
            started = time.time()
            self.log(f"START RequestId: {request_id} Version: {self.settings.version}\n")
            if self.runtime.process.poll() is not None:
                self.start_runtime()
            deadline = started + self.settings.timeout
            self.runtime.events.put((invocation, deadline))
            outcome = self._await_outcome(request_id, deadline)
            milliseconds = (time.time() - started) * 1000
            self.log(f"END RequestId: {request_id}\n")
            self.log(
                f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
                f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {self.settings.memory} MB\t"
                f"Max Memory Used: {self.settings.memory} MB\t\n"
            )
            parts, self.log_parts = self.log_parts, []
            self.post(f"invocations/{request_id}/logs", json.dumps({"logs": "".join(parts)}).encode())
            kind = "response" if outcome.kind == "response" else "error"
            self.post(f"invocations/{request_id}/{kind}", outcome.body)

    def log(self, text: str) -> None:
        self.log_parts.append(text)
        sys.stdout.write(text)

    def post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(  # noqa: S310  LocalStack's own endpoint
            f"{self.settings.endpoint}/{path}",
            data=body,
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  a URL of this file's own
                answer.read()
        except (urllib.error.URLError, TimeoutError) as error:
            sys.stderr.write(f"init: POST {path}: {error}\n")

    def _await_outcome(self, request_id: str, deadline: float) -> Outcome:
        runtime = self.runtime
        while True:
            try:
                outcome = runtime.outcomes.get(timeout=max(0.0, deadline - time.time()))
            except queue.Empty:
                return self._time_out(request_id)
            if outcome.request_id not in (None, request_id):
                continue
            runtime.output.drain()
            if outcome.kind == "response" and len(outcome.body) > self.settings.response_limit:
                return error_outcome(
                    "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size "
                    f"({self.settings.response_limit} bytes).",
                )
            return outcome

    def _time_out(self, request_id: str) -> Outcome:
        self.runtime.kill()
        self.runtime.process.wait()
        self.runtime.output.drain()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        message = f"{stamp} {request_id} Task timed out after {self.settings.timeout:.2f} seconds"
        self.log(f"{message}\n")
        return Outcome("error", json.dumps({"errorMessage": message}).encode())

    def _await_exit(self, runtime: Runtime) -> None:
        """When the runtime ends, say how it ended."""
        code = runtime.process.wait()
        if code == 0:
            how = "Runtime exited without providing a reason"
        elif code > 0:
            how = f"Runtime exited with error: exit status {code}"
        else:
            how = f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
        message = f"RequestId: {uuid.uuid4()} Error: {how}"
        runtime.outcomes.put(error_outcome("Runtime.ExitError", message, kind="exit"))


def error_outcome(error_type: str, message: str, kind: str = "error") -> Outcome:
    return Outcome(kind, json.dumps({"errorType": error_type, "errorMessage": message}).encode())


def runtime_environment(environ: dict[str, str]) -> dict[str, str]:
    """The function's environment: without what only concerns LocalStack and this process."""
    kept = {
        name: value
        for name, value in environ.items()
        if name == "LOCALSTACK_HOSTNAME" or not name.startswith("LOCALSTACK_")
    }
    for name in ("HOSTNAME", "HOME"):
        kept.pop(name, None)
    return kept | {"AWS_LAMBDA_RUNTIME_API": "{}:{}".format(*RUNTIME_API)}


class Handler(BaseHTTPRequestHandler):
    """What both HTTP servers share; `init` is set once before they start."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    init: Init

    def log_message(self, *_: Any) -> None:
        """Say nothing: the log is the function's."""

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(parts)


class RuntimeApi(Handler):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

    def do_GET(self) -> None:
        if not self.path.endswith("/invocation/next"):
            self.reply(404)
            return
        runtime = self.init.runtime
        runtime.ready.set()
        invocation, deadline = runtime.events.get()
        self.reply(
            200,
            invocation["payload"].encode(),
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": invocation["invoke-id"],
                "Lambda-Runtime-Invoked-Function-Arn": invocation["invoked-function-arn"],
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Trace-Id": invocation.get("trace-id", ""),
            },
        )

    def do_POST(self) -> None:
        runtime, body = self.init.runtime, self.body()
        self.reply(202, b'{"status": "OK"}', {"Content-Type": "application/json"})
        if self.path.endswith("/init/error"):
            runtime.outcomes.put(Outcome("init", body))
        else:
            *_, request_id, kind = self.path.split("/")
            runtime.outcomes.put(Outcome(kind, body, request_id))


class Invocations(Handler):
    """Where LocalStack delivers invocations."""

    def do_POST(self) -> None:
        invocation = json.loads(self.body())
        threading.Thread(target=self.init.invoke, args=(invocation,), daemon=True).start()
        self.reply(200, b"OK")


def apply_modes(chmod_paths: list[dict[str, str]]) -> None:
    """Set the modes that LocalStack asks for: of /tmp itself, of everything below other paths."""
    for entry in chmod_paths:
        path, mode = Path(entry["path"]), int(entry["mode"], 8)
        for target in [path] if path == Path("/tmp") else [path, *path.rglob("*")]:  # noqa: S108  the container's own
            target.chmod(mode)


def become_sandbox_user(name: str) -> None:
    """Give up root for the user that AWS runs functions as; /tmp is its own."""
    if os.getuid() != 0 or name in ("", "root"):
        return
    with Path("/etc/passwd").open("a") as users:
        users.write(f"{name}:x:{SANDBOX_UID}:{SANDBOX_GID}::/home/{name}:/sbin/nologin\n")
    os.chown("/tmp", SANDBOX_UID, SANDBOX_GID)  # noqa: S108  this container's own
    os.setgroups([])
    os.setgid(SANDBOX_GID)
    os.setuid(SANDBOX_UID)


def serve(address: tuple[str, int], handler: type[Handler]) -> None:
    threading.Thread(target=ThreadingHTTPServer(address, handler).serve_forever, daemon=True).start()


def main() -> None:
    settings = Settings.read(dict(os.environ))
    apply_modes(settings.chmod_paths)
    become_sandbox_user(settings.user)
    init = Handler.init = Init(settings, dict(os.environ))

    def stop(*_: object) -> None:
        init.runtime.kill()
        os._exit(0)

    serve(RUNTIME_API, RuntimeApi)
    serve(("0.0.0.0", settings.port), Invocations)  # noqa: S104  LocalStack calls from its own container
    init.start_runtime()
    signal.signal(signal.SIGTERM, stop)
    init.report_status()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
