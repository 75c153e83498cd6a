"""What can be done to calls of an AWS API."""

from dataclasses import dataclass
from typing import Any

HANG_MS = 60_000
"""Longer than any function or client here waits."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault for the calls of one operation.

    `service` is the name requests are signed for (`dynamodb`, `sqs`, `events`). Exactly one of these happens to
    a call: `error` (AWS's error code, with `status` where it is not the modelled one), `latency_ms`, `reset` of the
    connection, or it `hangs`: it is taken, goes nowhere, and has no answer for a minute. It hits each call with
    `probability`, at most `times`, and for `ttl_seconds` at the most.
    """

    service: str
    operation: str
    error: str | None = None
    status: int | None = None
    latency_ms: int | None = None
    reset: bool = False
    hangs: bool = False
    probability: float = 1.0
    times: int | None = None
    ttl_seconds: float = 120.0

    def __post_init__(self) -> None:
        kinds = [self.error is not None, self.latency_ms is not None, self.reset, self.hangs]
        if sum(kinds) != 1:
            raise ValueError("a fault is exactly one of error, latency_ms, reset and hangs")
        if self.ttl_seconds <= 0:
            raise ValueError("a fault must have a time to live")

    def as_rule(self) -> dict[str, Any]:
        """The fault as a rule of the proxy."""
        rule: dict[str, Any] = {
            "service": self.service,
            "operation": self.operation,
            "probability": self.probability,
            "ttl_s": self.ttl_seconds,
        }
        if self.times is not None:
            rule["times"] = self.times
        if self.error is not None:
            rule["error"] = {"code": self.error} | ({"status": self.status} if self.status else {})
        if self.latency_ms is not None:
            rule["latency"] = self.latency_ms
        if self.reset:
            rule["reset"] = True
        if self.hangs:
            rule["timeout_ms"] = HANG_MS
        return rule


@dataclass(frozen=True)
class Fired:
    """One call that a fault hit. `action` says what happened, such as `error:InternalError`."""

    service: str
    operation: str
    action: str
