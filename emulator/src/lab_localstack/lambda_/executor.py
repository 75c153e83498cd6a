"""The runtime executor `process`: every execution environment is a local process, no Docker needed.

Selected by `LAMBDA_RUNTIME_EXECUTOR=process`. The process runs AWS's runtime interface client (awslambdaric) on the
interpreter the engine's own environment was made from, without the engine's packages: only what AWS's managed runtime
offers (the folder LAB_LAMBDA_RUNTIME) and the function's code. Not a sandbox: no isolation but a /tmp
of its own (where Linux lets a process mount), its MemorySize and an optional user (LAB_LAMBDA_USER).
"""

import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from localstack import config
from localstack.aws.api.lambda_ import LogFormat
from localstack.services.lambda_.invocation.lambda_models import (
    ArchiveCode,
    FunctionVersion,
    InvocationResult,
)
from localstack.services.lambda_.invocation.runtime_executor import LambdaRuntimeException, RuntimeExecutor

from lab_localstack.lambda_ import report
from lab_localstack.lambda_.output import LogEvent
from lab_localstack.lambda_.runtime_api import HOST, Message
from lab_localstack.lambda_.sandbox import Exited, Sandbox, SandboxClosedError
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
INTERPRETER: str = getattr(sys, "_base_executable", None) or sys.executable
INIT_SECONDS = 10.0
"""The init phase's limit; an init that did not succeed is repeated in the first invocation, within its time-out."""
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy")
WITHHELD = (
    "AWS_LAMBDA_FUNCTION_TIMEOUT",
    "LOCALSTACK_FUNCTION_ACCOUNT_ID",
    "LOCALSTACK_INIT_LOG_LEVEL",
    "LOCALSTACK_MAX_PAYLOAD_SIZE",
    "LOCALSTACK_POST_INVOKE_WAIT_MS",
    "LOCALSTACK_RUNTIME_ENDPOINT",
    "LOCALSTACK_RUNTIME_ID",
    "LOCALSTACK_USER",
)
"""What LocalStack sets only for its own program in a Lambda container."""


@dataclass
class LoggedResult(InvocationResult):
    """A result with its log events, each with its own time."""

    events: list[LogEvent] = field(default_factory=list)


class ProcessRuntimeExecutor(RuntimeExecutor):
    """One execution environment. LocalStack creates, starts, invokes and stops it."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002  LocalStack's name
        super().__init__(id, function_version)
        self._sandbox = Sandbox(function_version.config.memory_size)
        self._scratch = Path(tempfile.mkdtemp(prefix="lambda-"))
        self._in_use = threading.Lock()
        self._code = Path(cast("Path", _code(function_version).get_unzipped_code_location()))
        self._user = SETTINGS.lambda_user if SETTINGS.lambda_user and os.geteuid() == 0 else None
        self._environment: dict[str, str] = {}
        self._ready = False
        """Whether the process has asked for an invocation that it did not get yet."""
        self._init_duration: float | None = None
        self._max_memory_used = 0
        as_json = function_version.config.logging_config.get("LogFormat") == LogFormat.JSON
        self._platform_log = report.JsonLog if as_json else report.TextLog

    # the life of the environment

    def start(self, env_vars: dict[str, str]) -> None:
        """The init phase. A failure is logged and the init repeated in the first invocation, as on AWS."""
        if self._user:
            shutil.chown(self._scratch, self._user)
        self._environment = self._process_environment(env_vars)
        with self._in_use:
            self._init_duration = self._init("init", "", time.monotonic() + INIT_SECONDS, INIT_SECONDS)[0]

    def stop(self) -> None:
        """End the process, at work or not, and remove all that is left of it."""
        self._sandbox.close()
        with self._in_use:
            self._sandbox.release()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the handler once. Raises SandboxClosedError when the environment is stopped meanwhile."""
        with self._in_use:
            return self._invoke(payload)

    def _init(
        self, phase: str, request_id: str, deadline: float, limit: float
    ) -> tuple[float | None, report.Failure | None]:
        """Start the process and wait until it asks for work: milliseconds it took, or why it failed."""
        began, self._max_memory_used = time.monotonic(), 0
        version = self.function_version.config.runtime_version_config or {}
        arn = version.get("RuntimeVersionArn") or ""
        self._sandbox.log(self._platform_log.init_start(self.function_version.config.runtime or RUNTIME, arn))
        command = [INTERPRETER, "-S", "-P", "-u", str(BOOTSTRAP), str(self._scratch), *self._hidden_by_tmp()]
        self._sandbox.spawn(command, self._environment, self._code, self._user)
        match self._sandbox.wait(deadline):
            case Message(kind="next"):
                self._ready = True
                return (time.monotonic() - began) * 1000, None
            case Message(kind="init-error", body=body, error_type=error_type):
                failure = report.init_failed(error_type, body)
            case Exited() as end:
                failure = _failure(request_id, end)
            case _:
                failure = report.timed_out(request_id, limit)
        self._sandbox.kill()
        if self._sandbox.closed:
            raise SandboxClosedError
        duration = (time.monotonic() - began) * 1000
        self._sandbox.log(self._platform_log.init(duration, phase, failure))
        return None, failure

    # an invocation

    def _invoke(self, invocation: dict[str, str]) -> InvocationResult:
        function, request_id = self.function_version, invocation["invoke-id"]
        init_duration, self._init_duration = self._init_duration, None
        self._sandbox.log(self._platform_log.start(request_id, function.id.qualifier))

        began = time.monotonic()
        answer = self._run(invocation, began + function.config.timeout)
        duration = (time.monotonic() - began) * 1000
        self._max_memory_used = max(self._max_memory_used, self._sandbox.max_memory_used())
        memory_size = function.config.memory_size
        if self._max_memory_used > memory_size:
            self._sandbox.kill()
            answer = report.out_of_memory(request_id)
        if self._sandbox.closed:
            raise SandboxClosedError

        failure = answer if isinstance(answer, report.Failure) else None
        if failure and failure.status == "timeout":
            self._sandbox.kill()
            duration = function.config.timeout * 1000
        if failure and failure.reported_type == report.OUT_OF_MEMORY:
            self._max_memory_used = memory_size
        figures = report.Report(
            request_id=request_id,
            duration=duration,
            memory_size=memory_size,
            max_memory_used=self._max_memory_used,
            init_duration=init_duration,
            failure=failure,
            handler_failed=isinstance(answer, Message) and answer.kind == "error",
        )
        self._sandbox.log(self._platform_log.end(figures))
        events = self._sandbox.take_log_events()
        shown = (
            events[1:] if report.is_init_start(events[0].message) else events
        )  # LogResult begins with START
        return LoggedResult(
            request_id=request_id,
            payload=answer.payload if isinstance(answer, report.Failure) else answer.body,
            is_error=failure is not None or figures.handler_failed,
            logs="".join(event.message for event in shown),
            events=events,
        )

    def _run(self, invocation: dict[str, str], deadline: float) -> Message | report.Failure:
        request_id, timeout = invocation["invoke-id"], self.function_version.config.timeout
        if not self._is_ready(deadline):
            # the init phase failed, or the last invocation timed out or ended the process
            self._sandbox.kill()
            failure = self._init("invoke", request_id, deadline, timeout)[1]
            if failure:
                return failure
        self._ready = False
        self._sandbox.give(
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline - time.monotonic()) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": invocation["trace-id"],
            },
            invocation["payload"].encode(),
        )
        while True:
            match self._sandbox.wait(deadline):
                case None:
                    return report.timed_out(request_id, timeout)
                case Exited() as end:
                    return _failure(request_id, end)
                case Message(kind="response" | "error", request_id=answered) as message if (
                    answered == request_id
                ):
                    limit = config.LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES
                    return report.response_too_large(limit) if len(message.body) > limit else message
                case Message(kind="next"):
                    self._ready = (
                        True  # it asks again without having answered: wait for its end or the time-out
                    )
                case _:
                    continue

    def _is_ready(self, deadline: float) -> bool:
        """Whether the process asks for work; waits for one that has only just answered."""
        if not self._sandbox.running:
            return False
        said = self._sandbox.wait(time.monotonic() if self._ready else deadline)
        return said is None if self._ready else said == Message("next")

    def _hidden_by_tmp(self) -> list[str]:
        """What the process needs of the /tmp that it does not see."""
        needed = (self._code, Path(SETTINGS.lambda_runtime), BOOTSTRAP.parent, Path(sys.base_prefix))
        return [str(folder) for folder in needed if folder.is_relative_to("/tmp")]  # noqa: S108  the host's

    def _process_environment(self, env_vars: dict[str, str]) -> dict[str, str]:
        """All that the process sees: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
        given = {name: str(value) for name, value in env_vars.items() if name not in WITHHELD}
        python_path = [str(self._code), given.pop("PYTHONPATH", ""), SETTINGS.lambda_runtime]
        return (
            {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            | given
            | {
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.function_version.config.runtime}",
                "AWS_LAMBDA_RUNTIME_API": self._sandbox.runtime_api,
                "LAMBDA_TASK_ROOT": str(self._code),
                "LAMBDA_RUNTIME_DIR": SETTINGS.lambda_runtime,
                "PYTHONPATH": os.pathsep.join(filter(None, python_path)),
                "TMPDIR": str(self._scratch),
                "HOME": str(self._scratch),  # not the user's: boto3 would read ~/.aws there
            }
        )

    # what LocalStack asks of an executor

    def get_address(self) -> str:
        """Where the engine finds the environment."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """The host part of AWS_ENDPOINT_URL."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Where LocalStack's own program in a Lambda container would report; there is none here."""
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        """What the process wrote besides its invocations."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code. Raises LambdaRuntimeException for what no local process can run."""
        function = function_version.config
        other_python = SETTINGS.lambda_pythons == "any" and (function.runtime or "").startswith("python")
        if function.runtime != RUNTIME and not other_python:
            what = f"Runtime {function.runtime}" if function.runtime else "A container image"
            raise LambdaRuntimeException(f"{what} is not supported by the process executor, only {RUNTIME}.")
        if function.layers:
            raise LambdaRuntimeException("Layers are not supported by the process executor.")
        _code(function_version).prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """LocalStack removes the unpacked code itself."""

    @classmethod
    def validate_environment(cls) -> bool:
        """Whether the folder with AWS's runtime interface client is there."""
        if (Path(SETTINGS.lambda_runtime) / "awslambdaric").is_dir():
            return True
        LOG.error(
            "LAB_LAMBDA_RUNTIME=%s has no awslambdaric: no function will start", SETTINGS.lambda_runtime
        )
        return False


def _failure(request_id: str, end: Exited) -> report.Failure:
    return report.out_of_memory(request_id) if end.outgrown else report.exited(request_id, end.returncode)


def _code(function_version: FunctionVersion) -> ArchiveCode:
    code = function_version.config.code
    if code is None:
        raise LambdaRuntimeException(
            "Only functions with a code archive are supported by the process executor."
        )
    return code
