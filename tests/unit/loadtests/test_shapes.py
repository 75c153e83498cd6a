"""Shapes of a load: what they promise over time, and that they are bounded whatever is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from loadtests.shapes import (
    MAX_SECONDS,
    MAX_USERS,
    SHAPES,
    USUAL_USERS,
    Stage,
    Step,
    fastest_followed,
    knee,
    planned,
)


def users(shape: str, usual: int, seconds: float) -> list[int]:
    return [stage.users for stage in planned(shape, usual, seconds).stages]


def test_a_spike_is_ten_times_the_usual_load_and_back() -> None:
    assert users("spike", 7, 5) == [7, 70, 7]


def test_a_spike_rises_within_five_seconds() -> None:
    usual, spike, _ = planned("spike", 7, 5).stages
    assert (spike.users - usual.users) / spike.spawn_rate <= 5


def test_a_ramp_adds_the_usual_load_at_every_step_and_ends_at_the_knee() -> None:
    plan = planned("ramp", 3, 5)
    assert [stage.users for stage in plan.stages] == [3 * step for step in range(1, 21)]
    assert plan.until_knee


@pytest.mark.parametrize("shape", ["steady", "soak"])
def test_a_level_load_has_one_stage(shape: str) -> None:
    assert users(shape, 4, 30) == [4]


@pytest.mark.parametrize(
    ("moment", "stage"), [(0, 0), (4.9, 0), (5, 1), (9.9, 1), (10, 2), (14.9, 2), (15, None)]
)
def test_a_plan_says_which_stage_a_moment_belongs_to(moment: float, stage: int | None) -> None:
    assert planned("spike", 7, 5).at(moment) == stage


@pytest.mark.parametrize("shape", list(SHAPES))
def test_every_shape_is_allowed_with_its_defaults(shape: str) -> None:
    assert planned(shape, USUAL_USERS, 0).seconds > 0


@given(st.sampled_from(list(SHAPES)), st.integers(-10, 10_000), st.floats(-10, 100_000))
def test_no_plan_is_larger_or_longer_than_allowed(shape: str, usual: int, seconds: float) -> None:
    """Property: a plan is within the bounds, or there is none."""
    try:
        plan = planned(shape, usual, seconds)
    except LabError:
        return
    assert 0 < plan.seconds <= MAX_SECONDS
    assert all(0 < stage.users <= MAX_USERS for stage in plan.stages)


def test_a_load_above_the_limit_is_refused_with_the_allowed_one() -> None:
    with pytest.raises(LabError, match="500 users; at most 200") as raised:
        planned("spike", 50, 0)
    assert raised.value.fix == "Ask for at most --usual 20"
    assert users("spike", 20, 0) == [20, 200, 20]


def test_an_unknown_shape_names_the_known_ones() -> None:
    with pytest.raises(LabError, match="no shape peak") as raised:
        planned("peak", 7, 0)
    assert raised.value.fix == (
        "Choose one of: steady, spike, ramp, soak, open-steady, open-spike, open-ramp, poisson, models"
    )


def step(number: int, accepted: int, growth: int) -> Step:
    return Step(Stage(f"step {number}", 10, 7 * number, 7), accepted, growth)


def test_the_knee_is_the_first_step_that_leaves_a_backlog() -> None:
    steps = [step(1, 100, 0), step(2, 200, 20), step(3, 300, 31), step(4, 400, 200)]
    assert knee(steps) is steps[2]


def test_a_pipeline_that_keeps_up_has_no_knee() -> None:
    assert knee([step(1, 100, 10), step(2, 200, -10)]) is None


def test_an_idle_step_is_not_a_knee() -> None:
    assert knee([step(1, 0, 0), step(2, 0, 0)]) is None


def test_the_backlog_of_cold_starts_is_not_a_knee() -> None:
    assert knee([step(1, 100, 90), step(2, 200, -90)]) is None


def test_the_fastest_step_that_was_followed_is_neither_the_last_nor_one_that_left_a_backlog() -> None:
    steps = [step(1, 100, 0), step(2, 250, 10), step(3, 240, 0), step(4, 400, 200)]
    assert fastest_followed(steps) is steps[1]
    assert steps[1].rate == 25


def test_a_pipeline_that_never_kept_up_has_followed_no_step() -> None:
    assert fastest_followed([step(1, 100, 90), step(2, 200, 190)]) is None
