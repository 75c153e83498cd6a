import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common.errors import (
    CircuitOpenError,
    CircuitRecoveredError,
    DependencyTimeoutError,
    InProgressElsewhereError,
    LinesExceedAmountError,
    NotBegunError,
    OutOfTimeError,
    SchemaViolationError,
)
from functions.common.settings import BreakerStrategy
from functions.worker.policy import MAX_DEFER_SECONDS, MAX_REQUEUES, DeadLetter, Requeue, Retry, RetryPolicy
from infra.settings import Settings

BASE, CAP, RECOVERY = 6, 300, 30


def policy(strategy: BreakerStrategy = "defer", max_receive_count: int = 5, seed: int = 1) -> RetryPolicy:
    return RetryPolicy(max_receive_count, BASE, CAP, RECOVERY, strategy, random.Random(seed))


def delay(error: Exception, receive_count: int, of: RetryPolicy | None = None) -> int:
    disposition = (of or policy(max_receive_count=1000)).decide(error, receive_count)
    assert isinstance(disposition, Retry)
    return disposition.seconds


@pytest.mark.parametrize("error", [SchemaViolationError("x"), LinesExceedAmountError("x")], ids=repr)
def test_a_validation_or_permanent_error_is_not_retried(error: Exception) -> None:
    assert policy().decide(error, receive_count=1) == DeadLetter()


@pytest.mark.parametrize(
    "error", [DependencyTimeoutError("x"), InProgressElsewhereError("x"), KeyError("x")], ids=repr
)
def test_the_last_receive_ends_in_the_dlq_with_its_cause(error: Exception) -> None:
    assert isinstance(policy().decide(error, receive_count=4), Retry)
    assert policy().decide(error, receive_count=5) == DeadLetter()


@pytest.mark.parametrize("strategy", ["none", "defer", "pause"])
def test_a_message_that_was_not_begun_is_requeued_before_its_last_receive(strategy: BreakerStrategy) -> None:
    """Its receives were no tries; a message that was begun, and took too long, spends them."""
    decide = policy(strategy).decide
    assert isinstance(decide(NotBegunError("x"), receive_count=3), Retry)
    assert isinstance(decide(NotBegunError("x"), receive_count=4), Requeue)
    assert decide(NotBegunError("x"), receive_count=5, requeues=MAX_REQUEUES) == DeadLetter()
    assert isinstance(decide(OutOfTimeError("x"), receive_count=4), Retry)


@given(st.integers(min_value=1, max_value=200), st.integers())
def test_a_retry_waits_within_its_bounds(receive_count: int, seed: int) -> None:
    """Property: exponential backoff with full jitter, never above the cap."""
    seconds = delay(DependencyTimeoutError("x"), receive_count, policy(max_receive_count=1000, seed=seed))
    assert 0 <= seconds <= min(CAP, BASE * 2 ** (receive_count - 1))


def test_a_key_held_elsewhere_is_not_tried_before_its_claim_expires() -> None:
    assert delay(InProgressElsewhereError("x", retry_after=30), 1) >= 30


@given(st.integers(min_value=1, max_value=200))
def test_defer_hides_a_message_for_the_recovery_time_at_least(receive_count: int) -> None:
    """Property: longer after each wait in vain, but never so long that an order is much later than its dependency."""
    seconds = delay(CircuitOpenError("x"), receive_count)
    least = min(RECOVERY * 3 ** (receive_count - 1), MAX_DEFER_SECONDS)
    assert RECOVERY <= least <= seconds <= MAX_DEFER_SECONDS + CAP


@given(st.integers(min_value=1, max_value=200), st.floats(min_value=-5, max_value=1e6))
def test_a_circuit_is_not_waited_for_longer_than_twice_the_orders_age(receive_count: int, age: float) -> None:
    """Property: receives spent on other failures do not make an order later than its dependency made it."""
    of = RetryPolicy(1000, 0, 0, RECOVERY, "defer", random.Random(1))
    disposition = of.decide(CircuitOpenError("x"), receive_count, age_seconds=age)
    assert isinstance(disposition, Retry)
    assert RECOVERY <= disposition.seconds <= max(RECOVERY, round(2 * age))


def test_a_recovery_time_above_the_longest_wait_is_waited_for() -> None:
    of = RetryPolicy(10, BASE, CAP, 10_000, "defer", random.Random(1))
    assert delay(CircuitOpenError("x"), 1, of) >= 10_000


@pytest.mark.parametrize("strategy", ["defer", "pause"])
@pytest.mark.parametrize("receive_count", [4, 5, 6])
def test_an_open_circuit_never_costs_the_last_receive(strategy: BreakerStrategy, receive_count: int) -> None:
    disposition = policy(strategy).decide(CircuitOpenError("x"), receive_count)
    assert isinstance(disposition, Requeue)
    assert 10 * RECOVERY < disposition.seconds <= 900, "SQS delays a message by 900 s at most"


@given(st.integers(min_value=1, max_value=20), st.data())
def test_a_message_that_meets_nothing_but_an_open_circuit_outlives_hours(
    limit: int, data: st.DataObject
) -> None:
    """Property: with any maxReceiveCount, and with the longest loop that Lambda allows."""
    of, receive_count, requeues, waited = policy(max_receive_count=limit), 1, 0, 0
    while not isinstance(
        disposition := of.decide(CircuitOpenError("x"), receive_count, requeues, waited), DeadLetter
    ):
        waited += disposition.seconds
        receive_count, requeues = (
            (1, requeues + 1) if isinstance(disposition, Requeue) else (receive_count + 1, requeues)
        )
    assert requeues == MAX_REQUEUES < 16
    assert waited > 2 * 3600


@given(st.integers(min_value=1, max_value=20), st.integers())
def test_a_circuit_that_has_closed_meanwhile_is_not_waited_for(receive_count: int, seed: int) -> None:
    """Property: the wait is a retry's, and the last receive is not spent on it either."""
    disposition = policy(seed=seed).decide(CircuitRecoveredError("x"), receive_count)
    assert isinstance(disposition, Requeue if receive_count >= 4 else Retry)
    assert 0 <= disposition.seconds <= BASE * 2 ** (receive_count - 1)


def test_without_a_strategy_an_open_circuit_costs_all_receives() -> None:
    assert policy("none").decide(CircuitOpenError("x"), receive_count=5) == DeadLetter()


def test_without_a_strategy_an_open_circuit_is_retried_like_any_failure() -> None:
    assert delay(CircuitOpenError("x"), 1, policy("none")) <= BASE


@pytest.mark.parametrize("profile", ["aws", "local"])
@pytest.mark.parametrize("strategy", ["defer", "pause"])
def test_the_default_settings_bridge_an_outage_of_all_receives(
    profile: str, strategy: BreakerStrategy
) -> None:
    """With one requeue at most, and even for a message whose first receive was spent before the circuit opened."""
    settings = Settings.from_context({"profile": profile})
    recovery = 5 * settings.retry_base_seconds
    of = RetryPolicy(settings.max_receive_count, 0, 0, recovery, strategy, random.Random(1))
    dispositions = [
        of.decide(CircuitOpenError("x"), receive) for receive in range(2, settings.max_receive_count)
    ]
    waits = [disposition.seconds for disposition in dispositions if not isinstance(disposition, DeadLetter)]
    assert sum(waits) > settings.max_receive_count * settings.queue_visibility_seconds
