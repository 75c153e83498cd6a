"""Back pressure: a throttled client comes back when it is told to, or after a growing pause."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.retry_after import BASE_SECONDS, CAP_SECONDS, LONGEST_SECONDS, pause

RNG = random.Random(1)


def test_a_number_of_seconds_is_obeyed() -> None:
    assert pause(0, "3", RNG) == 3


def test_a_date_is_obeyed() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    assert 8 < pause(0, soon, RNG) <= 10


def test_a_date_that_has_passed_means_now() -> None:
    assert pause(3, "Wed, 21 Oct 2015 07:28:00 GMT", RNG) == 0


def test_a_pause_is_never_longer_than_a_run() -> None:
    assert pause(0, "86400", RNG) == LONGEST_SECONDS


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "²"])
@given(attempt=st.integers(0, 50), seed=st.integers())
def test_without_a_time_that_can_be_read_the_pause_grows_and_is_capped(
    header: str | None, attempt: int, seed: int
) -> None:
    """Property: full jitter, between nothing and twice as much as for the attempt before, up to the cap."""
    seconds = pause(attempt, header, random.Random(seed))
    assert 0 <= seconds <= min(CAP_SECONDS, BASE_SECONDS * 2**attempt)
