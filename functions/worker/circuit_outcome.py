"""What a circuit that is open, or closed again, by the end of a batch means for the batch's failures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeGuard

from functions.common.errors import (
    CircuitOpenError,
    CircuitRecoveredError,
    TransientError,
    category_of,
)
from functions.worker.outcome import Failed, Outcome


def reconsidered(outcomes: Sequence[Outcome], is_open: Callable[[], bool]) -> list[Outcome]:
    """The outcomes of a batch, with the failures that have to do with the circuit as it is by now.

    Open: whatever passes is a CircuitOpenError. The failures that open a circuit, those of environments that have
    not yet heard of it, and those of messages that did not get as far as the dependency would otherwise be retried
    within seconds, and spend their receives while the circuit is open.

    Closed: a CircuitOpenError is a CircuitRecoveredError. While one message probes, all others find the circuit
    open; when the probe has closed it they need not wait for its recovery.
    """
    if not any(map(_may_pass, outcomes)):
        return list(outcomes)
    now = _held_up if is_open() else _let_through
    return [now(outcome) if _may_pass(outcome) else outcome for outcome in outcomes]


def _may_pass(outcome: Outcome) -> TypeGuard[Failed]:
    return isinstance(outcome, Failed) and category_of(outcome.error).worth_repeating


def _held_up(failed: Failed) -> Failed:
    if isinstance(failed.error, CircuitOpenError):
        return failed
    retry_after = failed.error.retry_after if isinstance(failed.error, TransientError) else 0
    return replace(failed, error=CircuitOpenError(f"the circuit is open: {failed.error}", retry_after))


def _let_through(failed: Failed) -> Failed:
    if not isinstance(failed.error, CircuitOpenError):
        return failed
    return replace(failed, error=CircuitRecoveredError(f"{failed.error}, and closed by now"))
