"""What the failure modes do to messages: one corrupts them, the other one breaks the worker that reads them."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Never

from functions.common import codec
from functions.common.errors import MalformedJsonError, SchemaViolationError
from functions.common.failure_modes import FailureMode
from functions.publish.envelope import Envelope
from functions.validate import SCHEMA_VERSIONS, require_order

UNWRITTEN_VERSION = SCHEMA_VERSIONS[-1] + 1
"""Of the schema: the one that no producer writes yet."""


def poisoned(envelope: Envelope) -> Envelope:
    """The message as if it had been corrupted on its way: its amount is text with a decimal comma, `"12,50"`.

    No schema version accepts that, whoever reads it, and whenever: only an edit can save the order. Its id stays
    readable, so that it is known whose death it is. What is no order stays as it is.
    """
    try:
        return replace(envelope, body=codec.dumps(_with_comma(envelope.document)))
    except MalformedJsonError:
        return envelope


def as_received(envelope: Envelope, mode: FailureMode) -> Envelope:
    """The message as the worker sees it under a mode."""
    return poisoned(envelope) if mode is FailureMode.POISON_PAYLOAD else envelope


def check_under(mode: FailureMode) -> Callable[[Any], dict[str, Any]]:
    """What turns a parsed body into a valid order under a mode, or raises."""
    return require_unwritten_version if mode is FailureMode.SCHEMA_MISMATCH else require_order


def _with_comma(document: Any) -> Any:
    match document:
        case {"amount": int() | Decimal() as amount}:
            return {**document, "amount": str(amount).replace(".", ",")}
        case {"total": {"amount": _} as total}:
            return {**document, "total": _with_comma(total)}
        case _:
            return document


def require_unwritten_version(document: Any) -> Never:
    """The check of a worker that is ahead of its producers. Raises SchemaViolationError for every order.

    Nothing is wrong with the message: a redrive saves it as soon as a worker reads it that knows its version.
    """
    require_order(document)
    raise SchemaViolationError(f"/schemaVersion must be {UNWRITTEN_VERSION}")
