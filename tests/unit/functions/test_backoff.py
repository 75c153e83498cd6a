import random

from hypothesis import given
from hypothesis import strategies as st

from functions.common.backoff import ceiling, full_jitter

attempts = st.integers(min_value=1, max_value=10_000)
seconds = st.integers(min_value=1, max_value=43_200)


@given(attempts, seconds, seconds, st.integers())
def test_a_wait_is_between_zero_and_its_ceiling(attempt: int, base: int, cap: int, seed: int) -> None:
    """Property: full jitter never exceeds min(cap, base x 2 ** (attempt - 1))."""
    wait = full_jitter(attempt, base, cap, random.Random(seed))
    assert 0 <= wait <= min(cap, base * 2 ** (attempt - 1))


@given(attempts, seconds, seconds)
def test_ceilings_never_fall_and_never_pass_the_cap(attempt: int, base: int, cap: int) -> None:
    """Property: each further try may wait as long as the one before, up to the cap."""
    assert ceiling(attempt, base, cap) <= ceiling(attempt + 1, base, cap) <= cap


def test_ceilings_double() -> None:
    assert [ceiling(attempt, 6, 300) for attempt in range(1, 8)] == [6, 12, 24, 48, 96, 192, 300]


def test_waits_are_spread_evenly_from_zero_to_the_ceiling() -> None:
    rng = random.Random(1)
    tenths = {int(full_jitter(4, 1, 300, rng) / 8 * 10) for _ in range(200)}
    assert tenths == set(range(10))
