"""Error types as people name them: the code's own, those of the original documentation, and whatever letters have."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from http import HTTPStatus

from functions.common.errors import own_types
from functions.common.problem import ProblemError, Violation
from functions.publish.envelope import Envelope

UNATTRIBUTED = "UNATTRIBUTED"
"""The category, and the error type, of a message that SQS itself moved: it has no cause of death."""

ALIASES: Mapping[str, str] = {
    "SchemaValidationError": "SchemaViolation",
    "SchemaValidation": "SchemaViolation",
    "InvalidJsonError": "MalformedJson",
    "DownstreamTimeoutError": "DependencyTimeout",
    "DownstreamUnavailableError": "DependencyUnavailable",
    "CircuitBreakerOpenError": "CircuitOpen",
    "IdempotencyConflictError": "IdempotencyKeyReused",
}
"""Names that documents and other projects use for an error, by which it is found as well."""


def known() -> frozenset[str]:
    """Every error type that the code itself gives to a dead letter."""
    return own_types() | {UNATTRIBUTED}


def resolved(name: str) -> str:
    """The type that is meant: an alias and the name of an error's class stand for its type."""
    own = name.removesuffix("Error")
    return ALIASES.get(name, own if own in known() else name)


def require_known(name: str | None, seen: Collection[str]) -> None:
    """Raise ProblemError 400 if neither the code nor any letter that was seen knows an error type."""
    types = known() | set(seen)
    if name is None or name in types:
        return
    by_spelling = {known_type.casefold(): known_type for known_type in sorted(types)}
    nearest = get_close_matches(name.casefold(), by_spelling, n=1)
    meant = f"; did you mean {by_spelling[nearest[0]]}?" if nearest else "."
    raise ProblemError(
        HTTPStatus.BAD_REQUEST,
        f"There is no error type {name}{meant}",
        [Violation("/errorType", f"must be one of {', '.join(sorted(types))}")],
    )


def is_attributed(envelope: Envelope) -> bool:
    """Whether the worker wrote a cause of death; SQS's own redrive policy writes none."""
    return envelope.text("errorType") is not None


def error_type(envelope: Envelope) -> str:
    """The error a message died of."""
    return envelope.text("errorType") or UNATTRIBUTED


def error_category(envelope: Envelope) -> str:
    """Its category."""
    return envelope.text("errorCategory") or UNATTRIBUTED
