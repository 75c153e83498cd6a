"""Errors of the API as RFC 9457 problem details."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with a JSON document: where (RFC 6901 pointer) and what."""

    pointer: str
    reason: str


class ProblemError(Exception):
    """A request that cannot be served.

    `detail` is for the caller to read and holds nothing internal, `cause` is for the log alone.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, violations: Sequence[Violation] = (), *, cause: str = ""
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.cause = cause
        self.violations = tuple(violations)


def body(error: ProblemError, correlation_id: str) -> dict[str, Any]:
    """The problem document. The type is `about:blank`, which means that the status says what kind it is."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
        "correlationId": correlation_id,
    }
    if error.violations:
        document["violations"] = [
            {"pointer": violation.pointer, "reason": violation.reason} for violation in error.violations
        ]
    return document
