"""Requests to pause the event source mapping while a circuit is open, and the metrics of its transitions."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import count, log_problem
from functions.pauser.resume_message import ResumeMessage
from functions.worker.circuits import Transition

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_METRICS = {"OPEN": "CircuitsOpened", "HALF_OPEN": "CircuitsHalfOpened", "CLOSED": "CircuitsClosed"}


@dataclass(frozen=True)
class PauseRequests:
    """Asks the pauser to pause the mapping for a circuit's recovery time."""

    sqs: "SQSClient"
    queue_url: str
    recovery_seconds: int
    now: Callable[[], float] = time.time

    def send(self, circuit: str) -> None:
        """Ask. Where that fails the mapping stays on, and messages are deferred one by one."""
        message = ResumeMessage(circuit, round(self.now()) + self.recovery_seconds)
        try:
            self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=message.as_text())
        except AWS_ERRORS as error:
            log_problem("mapping.not_paused", circuit=circuit, errorType=type_of(error))


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
