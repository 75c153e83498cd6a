from collections.abc import Iterable

from functions.common.errors import (
    CircuitOpenError,
    CircuitRecoveredError,
    DependencyTimeoutError,
    InProgressElsewhereError,
    OutOfTimeError,
    SchemaViolationError,
)
from functions.worker.circuit_outcome import reconsidered
from functions.worker.outcome import Failed, Outcome
from tests.unit.functions.builders import envelope


def failed(*errors: Exception) -> list[Failed]:
    return [Failed(envelope(str(number)), "key", error) for number, error in enumerate(errors)]


def errors(outcomes: Iterable[Outcome]) -> list[Exception]:
    return [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]


def test_failures_of_a_batch_whose_circuit_is_open_by_its_end_are_not_retried_in_a_hurry() -> None:
    hurried = failed(DependencyTimeoutError("late"), OutOfTimeError("x", 7), InProgressElsewhereError("x", 7))
    others = failed(SchemaViolationError("x"), KeyError("x"), CircuitOpenError("x"))
    *changed, invalid, bug, held_up = errors(reconsidered([*hurried, *others], lambda: True))
    assert [type(error) for error in changed] == [CircuitOpenError] * 3
    assert [error.retry_after for error in changed if isinstance(error, CircuitOpenError)] == [0, 7, 7]
    assert [invalid, bug, held_up] == errors(others)


def test_messages_that_found_a_circuit_open_which_a_probe_has_closed_by_now_may_hurry() -> None:
    outcomes = failed(CircuitOpenError("x"), DependencyTimeoutError("late"), KeyError("x"))
    found_open, *same = errors(reconsidered(outcomes, lambda: False))
    assert type(found_open) is CircuitRecoveredError
    assert same == errors(outcomes)[1:]


def test_a_permanent_failure_does_not_ask_for_the_state_of_the_circuit() -> None:
    asked: list[bool] = []
    reconsidered([Failed(envelope(), "key", SchemaViolationError("x"))], lambda: asked.append(True) or True)
    assert asked == []
