"""Arrivals of the open model: a schedule that is known beforehand, and nobody's answer moves."""

import itertools
import statistics

import pytest

from loadtests.arrivals import Gaps, Schedule


def dues(gaps: Gaps, seed: int = 1, process: int = 0, source: int = 0, count: int = 50) -> list[float]:
    return list(itertools.islice(Schedule(gaps, seed).of_source(process, source), count))


def gaps_of(due: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(due)]


@pytest.mark.parametrize("gaps", Gaps)
def test_the_same_seed_gives_the_same_arrivals(gaps: Gaps) -> None:
    assert dues(gaps) == dues(gaps)


@pytest.mark.parametrize("gaps", Gaps)
@pytest.mark.parametrize("other", [{"seed": 2}, {"process": 1}, {"source": 1}], ids=str)
def test_another_seed_process_or_source_gives_others(gaps: Gaps, other: dict[str, int]) -> None:
    assert dues(gaps) != dues(gaps, **other)


def test_constant_arrivals_are_a_second_apart_and_begin_at_any_moment_of_it() -> None:
    assert gaps_of(dues(Gaps.CONSTANT)) == pytest.approx([1.0] * 49)
    first = [dues(Gaps.CONSTANT, source=source, count=1)[0] for source in range(100)]
    assert 0 <= min(first) < 0.1
    assert 0.9 < max(first) < 1


def test_poisson_arrivals_are_a_second_apart_on_average_and_as_different_as_their_law_says() -> None:
    found = gaps_of(dues(Gaps.POISSON, count=20_001))
    assert statistics.mean(found) == pytest.approx(1.0, rel=0.03)
    assert statistics.stdev(found) == pytest.approx(1.0, rel=0.05), "an exponential law's is its mean"
