"""What `lab dlq dry-run` says of forecasts, and with which exit code."""

from typing import Any

import pytest

from functions.common.fate import Fate
from lab.dlq.forecast import details, exit_code, summary


def tally(**counts: int) -> dict[str, Any]:
    return {**{fate: counts.get(fate, 0) for fate in Fate}, "deaths": [], "reasons": {}}


def test_a_summary_names_what_there_is_and_of_how_many() -> None:
    assert summary(tally(wouldPass=38, wouldDie=2)) == "of 40: 38 would pass, 2 would die again"
    assert summary(tally(uncertain=3, alreadyDone=1)) == "of 4: 1 already done, 3 uncertain"
    assert summary(tally()) == "of 0"


def test_details_name_each_death_and_each_doubt() -> None:
    told = tally() | {
        "deaths": [{"count": 2, "errorType": "SchemaViolation", "signature": "/amount must be a number"}],
        "reasons": {"it depends on chance": 3},
    }
    assert list(details(told)) == [
        "2 would die of SchemaViolation: /amount must be a number",
        "3 uncertain: it depends on chance",
    ]


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({"wouldPass": 2, "alreadyDone": 1}, 0),
        ({"wouldPass": 2, "uncertain": 1}, 3),
        ({"wouldPass": 2, "uncertain": 1, "wouldDie": 1}, 1),
    ],
)
def test_an_exit_code_says_whether_all_would_pass(counts: dict[str, int], code: int) -> None:
    assert exit_code(tally(**counts)) == code
