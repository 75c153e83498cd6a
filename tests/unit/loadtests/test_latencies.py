"""Latencies: percentiles that hold, however many processes counted."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.report import Percentiles
from loadtests.latencies import SHARES, Latencies

times = st.lists(st.floats(0, 40_000), max_size=60)


def of(*milliseconds: float) -> Latencies:
    latencies = Latencies()
    for one in milliseconds:
        latencies.add(one)
    return latencies


@pytest.mark.parametrize(
    ("share", "milliseconds"), [(0.0, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_quantile_is_the_shortest_time_within_which_that_share_was_done(
    share: float, milliseconds: int
) -> None:
    assert of(*range(1, 101)).quantile(share) == milliseconds


def test_one_long_answer_among_a_thousand_is_beyond_the_last_percentile_but_the_longest() -> None:
    alone, two = of(*[10.0] * 999, 6000.0), of(*[10.0] * 998, 6000.0, 6000.0)
    assert alone.percentiles("answers").within == {"50": 10, "90": 10, "95": 10, "99": 10, "99.9": 10}
    assert two.percentiles("answers").within["99.9"] == 6000
    assert alone.longest == two.longest == 6000


def test_nothing_counted_has_no_percentiles() -> None:
    assert (of().quantile(0.5), of().longest) == (None, None)
    assert of().percentiles("answers") == Percentiles("answers", 0, {}, None, [])


def test_a_curve_rises_with_every_tenth_of_a_nine_and_ends_with_the_longest() -> None:
    curve = of(*range(1, 1001)).percentiles("answers").curve
    assert curve[0] == (0, 1)
    assert (curve[10], curve[20]) == ((1, 900), (2, 990))
    assert curve[-1] == (pytest.approx(3), 1000)
    assert [milliseconds for _, milliseconds in curve] == sorted(milliseconds for _, milliseconds in curve)


@given(times, times)
def test_merged_latencies_are_those_that_one_process_would_have_counted(
    one: list[float], other: list[float]
) -> None:
    merged = of(*one)
    merged.merge(sorted(of(*other).counts.items()))
    assert merged == of(*one, *other)


@given(times.filter(bool))
def test_no_more_than_its_share_is_faster_than_a_quantile(milliseconds: list[float]) -> None:
    """Property: of the values below a quantile there are fewer than its share, and of those up to it no fewer."""
    latencies, whole = of(*milliseconds), [math.ceil(one) for one in milliseconds]
    for share, found in zip(SHARES, latencies.quantiles(SHARES), strict=True):
        assert sum(one < found for one in whole) < share * len(whole) + 1e-6
        assert sum(one <= found for one in whole) >= share * len(whole) - 1e-6
    assert latencies.quantile(0.5) == statistics.median_low(whole)
