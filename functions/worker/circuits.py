"""Circuit breakers around the worker's dependencies, on Powertools; their state is shared through DynamoDB.

State is cached for a few seconds in each environment, and only changes are written: a healthy dependency
costs one GetItem per cache period.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitState,
    CircuitTransition,
    circuit_breaker,  # pyright: ignore[reportUnknownVariableType]
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
    CircuitBreakerDynamoDBPersistence,
    CircuitStateRecord,
)

from functions.common.errors import (
    AWS_ERRORS,
    CircuitOpenError,
    DependencyTimeoutError,
    TransientError,
    type_of,
)
from functions.common.observability import log_problem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATE_CACHE_SECONDS = 5
FAILURES = (TransientError, DependencyTimeoutError)


class _OneReader(CircuitBreakerDynamoDBPersistence):
    """Lets one thread read an expired state for all: the others find it cached."""

    def now(self, name: str) -> CircuitState:
        """The state in the table, which another environment may have changed a moment ago."""
        record = self._get_record(name)
        return record.state if record else CircuitState.CLOSED

    def __init__(self, table_name: str, client: "DynamoDBClient") -> None:
        super().__init__(table_name=table_name, boto3_client=client)
        self._reading = threading.Lock()

    def get_state(self, name: str) -> CircuitStateRecord:
        with self._reading:
            record = super().get_state(name)
            # What could not be read counts as closed for as long as what was read: else every thread would in its
            # turn wait for the same silence.
            if self._retrieve_from_cache(name) is None:
                self._save_to_cache(record)
            return record


@dataclass(frozen=True)
class Transition:
    """A circuit's change of state, to OPEN, HALF_OPEN or CLOSED."""

    circuit: str
    to_state: str


class Circuits:
    """The circuits of one environment."""

    def __init__(self, table_name: str, client: "DynamoDBClient", recovery_seconds: int) -> None:
        self._store = _OneReader(table_name, client)
        self._recovery_seconds = recovery_seconds
        self._transitions: deque[Transition] = deque()

    def take_transitions(self) -> list[Transition]:
        """What changed in this environment since the last call."""
        return [self._transitions.popleft() for _ in range(len(self._transitions))]

    def is_open(self, name: str) -> bool:
        """Whether a circuit is open or on probation, asked of the table; unreadable counts as closed."""
        try:
            return self._store.now(name) is not CircuitState.CLOSED
        except AWS_ERRORS as error:
            log_problem("circuit.unreadable", circuit=name, errorType=type_of(error))
            return False

    def guard[**P, R](self, name: str, function: Callable[P, R], *, failure_threshold: int) -> Callable[P, R]:
        """Call `function` through the circuit `name`, which opens after so many failures in a row.

        Failures are TransientError and DependencyTimeoutError. While the circuit is open, CircuitOpenError is
        raised instead of a call.
        """
        decorate = self._decorator(name, failure_threshold)
        protected: Callable[P, R] = decorate(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return protected(*args, **kwargs)
            except CircuitBreakerOpenError as error:
                raise CircuitOpenError(f"the circuit {name} is open") from error

        return call

    def _decorator(self, name: str, failure_threshold: int) -> Any:
        untyped: Any = circuit_breaker  # pyright: ignore[reportUnknownVariableType]
        config = self._config(failure_threshold)
        return untyped(name=name, persistence_store=self._store, on_transition=self._note, config=config)

    def _config(self, failure_threshold: int) -> CircuitBreakerConfig:
        return CircuitBreakerConfig(
            failure_threshold=failure_threshold,
            recovery_timeout=self._recovery_seconds,
            # A probe belongs to the thread that won it, and the next message runs in another thread: only a
            # single success can close the circuit without waiting for the probe's lease to run out.
            success_threshold=1,
            handled_exceptions=FAILURES,
            local_cache_max_age=STATE_CACHE_SECONDS,
        )

    def _note(self, transition: CircuitTransition) -> None:
        """Log a change, and keep it for the handler: metrics are not for the threads of messages."""
        self._transitions.append(Transition(transition.circuit_name, str(transition.to_state)))
        log_problem(
            "circuit.changed",
            circuit=transition.circuit_name,
            fromState=str(transition.from_state),
            toState=str(transition.to_state),
        )
