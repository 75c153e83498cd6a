"""Error budgets of a run: what is bad, once for each order, and how fast it was spent."""

import pytest

from infra.settings import Settings
from lab.history.events import Event, History, Kind, Source
from lab.pipeline.timeline import Sample, Timeline
from loadtests import objectives
from loadtests.objectives import Asked, Budget

LOCAL = Settings.from_context({"profile": "local"})


def history(*events: Event) -> History:
    return History("load", 0, 100_000, sorted(events, key=lambda event: event.time), frozenset(Source))


def accepted(order_id: str) -> Event:
    return Event(0, Kind.ACCEPTED, order_id)


def processed(order_id: str, at_ms: int) -> Event:
    return Event(at_ms, Kind.ROW_FOUND, order_id, facts={"executions": 1, "acceptedAt": 0})


def died(order_id: str, at_ms: int) -> Event:
    return Event(at_ms, Kind.DIED, order_id)


def bad(budget: Budget) -> dict[float, float]:
    return {one.at: one.bad for one in budget.asked}


def test_an_order_is_bad_where_it_was_late_and_only_there() -> None:
    told = history(accepted("a"), accepted("b"), processed("a", 10_000), processed("b", 10_001))
    assert bad(objectives.latency(told, 10, 5)) == {10.0: 1}


def test_an_order_that_died_and_was_redriven_is_bad_once_when_it_died_first() -> None:
    told = history(accepted("a"), died("a", 2_000), died("a", 5_000), processed("a", 9_000))
    assert bad(objectives.latency(told, 10, 1)) == {2.0: 1}


def test_an_order_of_somebody_else_counts_for_nothing() -> None:
    told = history(accepted("a"), processed("a", 1_000), processed("theirs", 90_000), died("foreign", 4_000))
    only = History(told.run, 0, 100_000, told.events, told.sources, alone=False)
    assert bad(objectives.latency(only, 10, 1)) == {1.0: 0}


def test_orders_of_one_period_of_the_alarms_are_judged_together_as_the_alarms_do() -> None:
    told = history(
        *(accepted(order_id) for order_id in "abcd"),
        died("a", 10_100),
        processed("b", 10_200),
        processed("c", 19_999),
        processed("d", 20_000),
    )
    budget = objectives.latency(told, 60, 10)
    assert budget.asked == [Asked(10, 3, 1), Asked(20, 1, 0)]
    assert budget.fastest(10) == pytest.approx(100 / 3)
    assert budget.fastest(60) == pytest.approx(100 / 3)


@pytest.mark.parametrize(("failed", "spent"), [(0, 0), (1, 100), (2, 200)])
def test_a_budget_is_spent_by_what_this_run_may_do_badly(failed: int, spent: float) -> None:
    budget = Budget("latency", 99, [Asked(0, 100, failed)])
    assert budget.spent == pytest.approx(spent)


def test_a_run_without_orders_spends_nothing_that_could_be_told() -> None:
    assert Budget("latency", 99, []).spent is None
    assert objectives.figures([Budget("latency", 99, [])], LOCAL, Timeline()) == {}


def test_a_burn_is_the_worst_of_any_window_and_no_window_reaches_beyond_its_length() -> None:
    asked = [Asked(0, 1, 0), Asked(10, 1, 1), Asked(11, 1, 0), Asked(21, 1, 0)]
    budget = Budget("latency", 90, asked)
    assert budget.fastest(1) == pytest.approx(10)
    assert budget.fastest(11) == pytest.approx(5)
    assert budget.fastest(100) == pytest.approx(5)


def test_a_report_tells_when_an_alarm_rang_and_when_it_fell_silent() -> None:
    timeline = Timeline()
    for at, state in enumerate(["OK", "ALARM", "ALARM", "OK"]):
        alarms = {"critical-latency-burn": state, "warning-latency-burn": "ALARM"}
        timeline.samples.append(Sample(float(at), 0, 0, 0, 0, alarms))
    told = objectives.figures([Budget("latency", 99, [Asked(0, 10, 1)])], LOCAL, timeline)
    assert told["critical-latency-burn"] == "rang from 1 s to 3 s"
    assert told["warning-latency-burn"] == "rang from 0 s to the end"
    assert told["latency: bad, where 99 % are to be good"] == "1 of 10"
    assert told["latency: fastest burn in 60 / 10 s"] == "10.0 / 10.0 x; critical at 14.4 x"
