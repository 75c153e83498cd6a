"""Conditions are polled with a deadline."""

import itertools

import pytest

from lab.common.polling import wait_for
from lab.errors import LabError


def test_the_value_that_met_the_condition_is_returned() -> None:
    counter = itertools.count()
    assert wait_for("three", lambda: next(counter), lambda seen: seen == 3, within=5, every=0) == 3


def test_a_missed_deadline_names_the_condition_and_the_last_value() -> None:
    with pytest.raises(LabError, match=r"Waited 0 s for rain; last seen: 'sun'"):
        wait_for("rain", lambda: "sun", lambda seen: seen == "rain", within=0)
