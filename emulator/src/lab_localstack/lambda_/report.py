"""What Lambda itself says about an invocation: the platform's log lines and the payloads of its own errors.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import json
import math
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lab_localstack import documents

OUT_OF_MEMORY = "Runtime.OutOfMemory"
"""How reports call the end of an environment that outgrew its memory."""


@dataclass(frozen=True)
class Failure:
    """Why Lambda ended an init phase or an invocation itself: the payload's errorType and errorMessage."""

    error_type: str
    message: str
    status: str = "error"
    body: bytes | None = None
    """The payload where the runtime gave one."""
    reported_type: str | None = None
    """What the report calls it where that is not the errorType."""

    @property
    def payload(self) -> bytes:
        """The response of Invoke."""
        if self.body is not None:
            return self.body
        return json.dumps({"errorType": self.error_type, "errorMessage": self.message}).encode()


def timed_out(request_id: str, seconds: float) -> Failure:
    """The function's time-out passed."""
    message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
    return Failure("Sandbox.Timedout", message, status="timeout")


def exited(request_id: str, returncode: int) -> Failure:
    """The runtime's process ended; a negative code is the signal that killed it, as `subprocess` has it."""
    if returncode < 0:
        reason = f"Runtime exited with error: signal: {_signal_name(-returncode)}"
    elif returncode > 0:
        reason = f"Runtime exited with error: exit status {returncode}"
    else:
        reason = "Runtime exited without providing a reason"
    return Failure("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")


def out_of_memory(request_id: str) -> Failure:
    """The environment was ended because it had more memory than the function's MemorySize."""
    return replace(exited(request_id, -signal.SIGKILL), reported_type=OUT_OF_MEMORY)


def response_too_large(limit: int) -> Failure:
    """The response is longer than the limit in bytes."""
    message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return Failure("Function.ResponseSizeTooLarge", message)


def init_failed(error_type: str, body: bytes) -> Failure:
    """The runtime could not load the handler; the body is what it posted."""
    try:
        message = str(documents.loads(body)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        message = ""
    return Failure(error_type or "Runtime.Unknown", message, body=body)


def _signal_name(number: int) -> str:
    return (signal.strsignal(number) or f"signal {number}").lower()


@dataclass(frozen=True)
class Report:
    """The figures of one invocation; times are in milliseconds, memory in MB."""

    request_id: str
    duration: float
    memory_size: int
    max_memory_used: int
    init_duration: float | None = None
    failure: Failure | None = None
    handler_failed: bool = False
    """The handler raised: its error is the function's own answer, not a failure of the environment."""

    @property
    def billed_duration(self) -> int:
        """Whole milliseconds, the init phase included (as AWS bills it since August 2025)."""
        return math.ceil(self.duration + (self.init_duration or 0))


def is_init_start(message: str) -> bool:
    """Whether a log event, in either format, is the platform's that begins an environment's stream."""
    return message.startswith("INIT_START ") or '"platform.initStart"' in message


class TextLog:
    """The platform's lines in the plain text format."""

    @staticmethod
    def init_start(runtime: str, arn: str) -> list[str]:
        return [f"INIT_START Runtime Version: {_runtime_version(runtime)}\tRuntime Version ARN: {arn}"]

    @staticmethod
    def start(request_id: str, version: str) -> list[str]:
        return [f"START RequestId: {request_id} Version: {version}"]

    @staticmethod
    def end(report: Report) -> list[str]:
        lines: list[str] = []
        if report.failure and report.failure.status == "timeout":
            said = report.failure.message.partition("Error: ")[2]
            lines.append(f"{_now()} {report.request_id} {said}\n\n")
        elif report.failure and report.failure.body is None:
            lines.append(f"{report.failure.message}\n{report.failure.error_type}")
        lines.append(f"END RequestId: {report.request_id}")
        fields = [
            f"REPORT RequestId: {report.request_id}",
            f"Duration: {report.duration:.2f} ms",
            f"Billed Duration: {report.billed_duration} ms",
            f"Memory Size: {report.memory_size} MB",
            f"Max Memory Used: {report.max_memory_used} MB",
        ]
        if report.init_duration is not None:
            fields.append(f"Init Duration: {report.init_duration:.2f} ms")
        return [*lines, "\t".join(fields + _status(report.failure)) + "\t"]

    @staticmethod
    def init(duration: float, phase: str, failure: Failure) -> list[str]:
        fields = [f"INIT_REPORT Init Duration: {duration:.2f} ms", f"Phase: {phase}", *_status(failure)]
        return ["\t".join(fields)]


class JsonLog:
    """The platform's records in the JSON format (LoggingConfig LogFormat=JSON)."""

    @staticmethod
    def init_start(runtime: str, arn: str) -> list[str]:
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": _runtime_version(runtime),
            "runtimeVersionArn": arn,
        }
        return [_record("platform.initStart", record)]

    @staticmethod
    def start(request_id: str, version: str) -> list[str]:
        return [_record("platform.start", {"requestId": request_id, "version": version})]

    @staticmethod
    def end(report: Report) -> list[str]:
        metrics = {
            "durationMs": round(report.duration, 3),
            "billedDurationMs": report.billed_duration,
            "memorySizeMB": report.memory_size,
            "maxMemoryUsedMB": report.max_memory_used,
        }
        if report.init_duration is not None:
            metrics["initDurationMs"] = round(report.init_duration, 3)
        status = {"status": "error"} if report.handler_failed else _json_status(report.failure)
        record = {"requestId": report.request_id, "metrics": metrics, **status}
        return [_record("platform.report", record)]

    @staticmethod
    def init(duration: float, phase: str, failure: Failure) -> list[str]:
        record = {
            "initializationType": "on-demand",
            "phase": phase,
            **_json_status(failure),
            "metrics": {"durationMs": round(duration, 3)},
        }
        return [_record("platform.initReport", record)]


def _runtime_version(runtime: str) -> str:
    """Such as python:3.13.v7: AWS counts its releases of a runtime, here it is the interpreter's third number."""
    return f"{runtime.replace('python', 'python:')}.v{sys.version_info.micro}"


def _status(failure: Failure | None) -> list[str]:
    if failure is None:
        return []
    if failure.status == "timeout":
        return ["Status: timeout"]
    return [f"Status: {failure.status}", f"Error Type: {failure.reported_type or failure.error_type}"]


def _json_status(failure: Failure | None) -> dict[str, str]:
    if failure is None:
        return {"status": "success"}
    if failure.status == "timeout":
        return {"status": "timeout"}
    return {"status": failure.status, "errorType": failure.reported_type or failure.error_type}


def _record(kind: str, record: Mapping[str, object]) -> str:
    return json.dumps({"time": _now(), "type": kind, "record": record})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
