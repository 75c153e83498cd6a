"""How old the oldest order is while nobody sees it."""

import json
import time
from datetime import UTC, datetime

import pytest

from functions.common import codec
from functions.common.errors import DependencyTimeoutError
from functions.common.observability import metrics
from functions.publish.death import dead_letter, redriven, requeued
from functions.publish.envelope import Envelope
from functions.publish.visibility import Hidden
from functions.worker.waiting import METRIC, MOST_AHEAD_SECONDS, outlook, tell
from tests.unit.functions.builders import as_received, envelope

NOW = 1_000.0
STEP = 60


def accepted(at: int, **attributes: str | int) -> Envelope:
    """A message whose order was accepted at a time in epoch seconds, and that was sent just now."""
    lineage = codec.dumps({"acceptedAt": at * 1000, "history": []})
    return envelope(lineage=lineage, sent_at=int(NOW * 1000), **attributes)


def ages(*hidden: Hidden) -> dict[float, float]:
    return dict(outlook(hidden, NOW, STEP))


def test_a_hidden_order_grows_older_until_it_is_due() -> None:
    assert ages(Hidden(accepted(940), 150)) == {1000: 60, 1060: 120, 1120: 180}


def test_of_several_orders_the_oldest_that_is_still_hidden_counts() -> None:
    old, young = Hidden(accepted(700), 30), Hidden(accepted(990), 100)
    assert ages(old, young) == {1000: 300, 1060: 70}


def test_an_order_that_is_retried_at_once_is_told_of_once() -> None:
    assert ages(Hidden(accepted(940), 0)) == {1000: 60}


def test_nothing_is_told_where_nothing_is_hidden() -> None:
    assert ages() == {}


def test_nothing_is_told_beyond_what_cloudwatch_takes() -> None:
    assert max(ages(Hidden(accepted(940), 43_000))) <= NOW + MOST_AHEAD_SECONDS


def test_a_clock_that_is_behind_makes_no_order_younger_than_new() -> None:
    assert ages(Hidden(accepted(2_000), 0)) == {1000: 0}


def test_a_requeued_copy_waits_since_its_order_was_accepted() -> None:
    assert as_received(requeued(accepted(700), 900)).waiting_since == 700_000


def test_time_in_the_dlq_is_no_waiting() -> None:
    dead = accepted(700, failedAt="2026-11-01T00:00:00Z", redriveCount=0)
    assert dead.waiting_since == NOW * 1000
    back = as_received(redriven(dead, 0))
    assert back.waiting_since == back.sent_at
    assert (
        as_received(redriven(as_received(requeued(dead, 0)), 0)).lineage.keys().isdisjoint({"waitingSince"})
    )


def test_a_letter_that_sqs_moves_back_by_itself_waits_since_it_came_back() -> None:
    """After StartMessageMoveTask it has its cause of death still, and nothing that a redrive adds."""
    error = DependencyTimeoutError("late")
    at = datetime.now(UTC)
    letter = dead_letter(
        as_received(requeued(accepted(700), 900)), error, key="k", failed_at=at, code_version="v"
    )
    assert as_received(letter).waiting_since == as_received(letter).sent_at


def test_a_redriven_order_that_is_requeued_waits_since_it_came_back() -> None:
    back = accepted(100, redriveCount=1)
    assert as_received(requeued(back, 900)).waiting_since == back.sent_at


@pytest.mark.parametrize("since", ['"soon"', "-1", "true", "1e30"])
def test_a_time_that_is_none_is_not_believed(since: str) -> None:
    lineage = f'{{"acceptedAt":700000,"history":[],"waitingSince":{since}}}'
    assert envelope(lineage=lineage).waiting_since == 700_000


def test_what_is_told_has_the_times_it_is_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics, "service", "worker")
    now = int(time.time())
    tell([Hidden(accepted(now - 10), 60)], now, STEP)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["_aws"]["Timestamp"], line[METRIC]) for line in lines] == [
        (now * 1000, [10.0]),
        ((now + 60) * 1000, [70.0]),
    ]
    assert {line["service"] for line in lines} == {"worker"}
