"""Thresholds: what is over a limit, or was never seen, breaks the run."""

from dataclasses import replace
from typing import Any

import pytest

from lab.common.results import Verdict
from loadtests.thresholds import Observed, Thresholds, judge
from tests.support.accounts import account

LIMITS = Thresholds(accept_p99_ms=1000, error_percent=1, drain_seconds=60)
GOOD = Observed(
    accept_p99_ms=999,
    requests=1000,
    failures=10,
    neither=0,
    wrongly_accepted=0,
    drain=60.0,
    spike_drain=12.0,
    has_spike=True,
    account=account(done=["a"], dead=["b"]),
)


def broken(seen: Observed) -> list[str]:
    return [finding.name for finding in judge(LIMITS, seen) if finding.verdict is not Verdict.PROVED]


def test_a_run_on_its_limits_keeps_them() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"accept_p99_ms": 1001}, "accept p99, ms"),
        ({"accept_p99_ms": None}, "accept p99, ms"),
        ({"failures": 11}, "failed requests, %"),
        ({"requests": 0, "failures": 0}, "failed requests, %"),
        ({"neither": 1}, "orders due, neither sent nor dropped"),
        ({"neither": -1}, "orders due, neither sent nor dropped"),
        ({"wrongly_accepted": 1}, "invalid orders accepted"),
        ({"drain": 60.1}, "queue empty, s after the last request"),
        ({"drain": None}, "queue empty, s after the last request"),
        ({"spike_drain": 61.0}, "queue as before the spike, s after it"),
        ({"spike_drain": None}, "queue as before the spike, s after it"),
    ],
    ids=str,
)
def test_a_value_over_its_limit_or_never_measured_breaks_the_run(change: dict[str, Any], name: str) -> None:
    assert broken(replace(GOOD, **change)) == [name]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"lost": ["x"]}, "orders lost"),
        ({"doubled": {"a": "its effect ran 2 times"}}, "orders duplicated"),
        ({"misplaced": {"x": "done and dead"}}, "orders unaccounted"),
        ({"unknown": ["x"]}, "orders unaccounted"),
    ],
    ids=str,
)
def test_an_unbalanced_ledger_breaks_the_run_whatever_the_limits(change: dict[str, Any], name: str) -> None:
    assert broken(replace(GOOD, account=account(done=["a"], **change))) == [name]


def test_a_run_whose_ledger_could_not_be_settled_is_broken() -> None:
    assert broken(replace(GOOD, account=None)) == [
        "orders accepted",
        "orders lost",
        "orders duplicated",
        "orders unaccounted",
        "breaches of the contract",
    ]


def test_a_run_that_got_nothing_accepted_is_broken() -> None:
    assert broken(replace(GOOD, account=account())) == ["orders accepted"]


def test_only_a_run_with_a_spike_has_to_recover_from_one() -> None:
    names = [finding.name for finding in judge(LIMITS, replace(GOOD, has_spike=False, spike_drain=None))]
    assert "queue as before the spike, s after it" not in names
    assert broken(replace(GOOD, has_spike=False, spike_drain=None)) == []
