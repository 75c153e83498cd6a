"""What state something had at a moment, by the turns that are known of it."""

import pytest

from lab.pipeline.past import Turn, state_at, states_within

TURNS = [Turn(10.0, "OK", "ALARM"), Turn(20.0, "ALARM", "OK")]


@pytest.mark.parametrize(
    ("at", "state"), [(9.0, "OK"), (10.0, "ALARM"), (19.9, "ALARM"), (20.0, "OK"), (99.0, "OK")]
)
def test_state_of_a_moment_is_what_the_next_turn_left(at: float, state: str) -> None:
    assert state_at(at, TURNS, now="OK") == state


def test_state_that_came_and_went_within_a_stretch_is_among_its_states() -> None:
    assert states_within(5.0, 25.0, TURNS, now="OK") == ["OK", "ALARM", "OK"]
    assert states_within(12.0, 18.0, TURNS, now="OK") == ["ALARM"]


def test_state_without_turns_is_that_of_now() -> None:
    assert state_at(5.0, [], now="INSUFFICIENT_DATA") == "INSUFFICIENT_DATA"
