"""What an open circuit means for a batch: metrics, a call for the valve, and no hurry for what failed."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard

from functions.common.errors import (
    AWS_ERRORS,
    CircuitOpenError,
    CircuitRecoveredError,
    TransientError,
    category_of,
    type_of,
)
from functions.common.observability import count, log_problem
from functions.valve.reminder import Reminder
from functions.worker.circuits import Transition
from functions.worker.outcome import Failed, Outcome

_METRICS = {"OPEN": "CircuitsOpened", "HALF_OPEN": "CircuitsHalfOpened", "CLOSED": "CircuitsClosed"}


class SendsMessages(Protocol):
    """The part of an SQS client that asking for a pause needs."""

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> Any: ...  # noqa: N803  boto3's names


@dataclass(frozen=True)
class PauseRequests:
    """Asks the valve to pause the mapping for a circuit's recovery time."""

    sqs: SendsMessages
    queue_url: str
    recovery_seconds: int
    now: Callable[[], float] = time.time

    def send(self, circuit: str) -> None:
        """Ask. Where that fails the mapping stays on, and messages are deferred one by one."""
        reminder = Reminder(circuit, round(self.now()) + self.recovery_seconds)
        try:
            self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=reminder.as_text())
        except AWS_ERRORS as error:
            log_problem("mapping.not_paused", circuit=circuit, errorType=type_of(error))


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
    return [now(one) if _may_pass(one) else one for one in outcomes]


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


def follow(transitions: Iterable[Transition], pauses: PauseRequests | None) -> None:
    """Count transitions, and ask for one pause a circuit that opened. For the thread of the handler alone."""
    opened: set[str] = set()
    for transition in transitions:
        count(_METRICS[transition.to_state])
        if transition.to_state == "OPEN":
            opened.add(transition.circuit)
    if pauses:
        for circuit in sorted(opened):
            pauses.send(circuit)
