"""The rules of scenarios: what a prediction is, when it counts, and that every file keeps to the form."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lab.errors import LabError
from lab.history import Account
from lab.history.check import Judgement
from lab.history.results import results
from lab.history.rules import RULES, Breach
from lab.parity import FEATURES
from lab.pipeline.timeline import Sample, Span, Timeline
from lab.report import Run
from lab.report.junit import junit
from lab.scenario import (
    Prediction,
    Probe,
    Result,
    Verdict,
    at_least,
    at_most,
    between,
    exactly,
    probes,
    steady,
)
from lab.scenario.catalog import FOLDER, load, names
from lab.scenario.runner import examine, timings, unjudged
from tests.support.accounts import account
from tests.support.results import result

REQUIRED = {
    "breaker-strategies",
    "duplicate-submit",
    "edit-poisoned",
    "eventbridge-partial-failure",
    "happy-path",
    "native-move-task",
    "noisy-customer",
    "partial-batch",
    "poison-payload",
    "random-fail-p30",
    "redrive-filtered",
    "redrive-second-death",
    "schema-evolution",
    "slow-downstream",
    "throttling",
    "traffic-spike",
    "worker-crash",
}
BALANCED = account(done=["a"])


def finding(verdict: Verdict) -> Result:
    return result("fault", "messages in the DLQ", "5", "4", verdict)


def run_with(*verdicts: Verdict, account: Account | None = BALANCED) -> Run:
    run = Run("poison-payload", "Poison payload", "host engine", Timeline(), account=account)
    run.findings += [finding(verdict) for verdict in verdicts]
    return run


def sample(at: float, *, dlq: int = 0, alarm: str = "OK") -> Sample:
    return Sample(at, queued=0, in_flight=0, dlq=dlq, processed=0, alarms={"critical-dlq-depth": alarm})


def test_every_required_scenario_is_there() -> None:
    assert set(names()) >= REQUIRED


@pytest.mark.parametrize("name", names())
def test_a_scenario_file_is_short_tells_its_story_and_knows_no_aws_client(name: str) -> None:
    text = (FOLDER / f"{name.replace('-', '_')}.py").read_text()
    assert 30 <= len(text.splitlines()) <= 80
    assert "boto" not in text
    entry = load(name)
    assert entry.story
    assert entry.scenario.predictions


@pytest.mark.parametrize("name", names())
def test_no_two_predictions_share_act_and_name(name: str) -> None:
    """A guess, and a JUnit test case, is found by both."""
    found = [(phase.name, prediction.name) for phase, prediction in load(name).scenario.predictions]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", names())
def test_every_feature_that_predictions_rely_on_is_probed(name: str) -> None:
    scenario = load(name).scenario
    relied_on = {prediction.probe.relies_on for _, prediction in scenario.predictions} - {""}
    assert relied_on | set(scenario.relies_on) <= {feature.name for feature in FEATURES}


@pytest.mark.parametrize(
    "expected",
    [exactly(0), at_least(0), at_most(0), between(0, 1)],
    ids=["exactly", "least", "most", "between"],
)
def test_a_missing_value_meets_no_tolerance(expected: Any) -> None:
    """A redrive that was never started moved nothing, not even zero messages."""
    assert not expected.holds(None)


@pytest.mark.parametrize(
    ("expected", "holds", "fails"),
    [
        (exactly(5), 5, 4),
        (exactly({"VALIDATION": 5}), {"VALIDATION": 5}, {"VALIDATION": 4, "PERMANENT": 1}),
        (at_least(5), 5, 4),
        (at_most(5), 5, 6),
        (between(3, 5), 3, 6),
    ],
    ids=["exactly", "exactly these counts", "at least", "at most", "between"],
)
def test_an_expectation_can_hold_and_can_fail(expected: Any, holds: Any, fails: Any) -> None:
    assert expected.holds(holds)
    assert not expected.holds(fails)


def test_a_run_passes_when_nothing_is_refuted_and_the_ledger_balances() -> None:
    assert run_with(Verdict.PROVED).passed


def test_one_refuted_prediction_fails_a_run() -> None:
    assert not run_with(Verdict.PROVED, Verdict.REFUTED).passed


def test_an_unprovable_prediction_is_neither_a_failure_nor_counted_as_proved() -> None:
    run = run_with(Verdict.PROVED, Verdict.NOT_PROVABLE)
    assert run.passed
    assert (run.count(Verdict.PROVED), run.count(Verdict.NOT_PROVABLE)) == (1, 1)


def test_a_run_without_a_ledger_does_not_pass() -> None:
    assert not run_with(Verdict.PROVED, account=None).passed


def test_a_lost_order_fails_a_run_whose_predictions_were_all_proved() -> None:
    assert not run_with(Verdict.PROVED, account=account(done=["a"], lost=["b"])).passed


def test_a_broken_rule_of_the_contract_fails_a_run_whose_ledger_balances() -> None:
    breach = Breach("a", "its effect was not announced", ())
    unsound = replace(BALANCED, judgement=Judgement({RULES[0]: [breach]}, {}))
    assert not run_with(Verdict.PROVED, account=unsound).passed


def test_what_could_not_be_read_fails_a_run_and_is_an_error_in_junit() -> None:
    run = run_with(Verdict.PROVED, Verdict.UNREAD)
    assert (run.passed, run.exit_code) == (False, 3)
    suite = ET.fromstring(junit(run))  # noqa: S314  our own
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")
    assert suite[1][0].tag == "error"


class Reading:
    """An experiment of which only one number is asked: each look gives the next value, or raises it."""

    differs: Mapping[str, str] = {"an odd question": "the engine answers otherwise"}

    def __init__(self, *values: Any, seconds_left: float = 1) -> None:
        self._values = list(values)
        self._seconds_left = seconds_left

    def read(self) -> Any:
        value = self._values.pop(0) if len(self._values) > 1 else self._values[0]
        if isinstance(value, Exception):
            raise value
        return value

    def until(self, what: str, look: Callable[[], Any], done: Callable[[Any], bool], within: float) -> None:
        looks = range(5 if self._seconds_left > 0 else 0)
        if not any(done(look()) for _ in looks):
            raise LabError(f"{what} was not seen within {within} s", "")


THROTTLED = ClientError(
    {"Error": {"Code": "ThrottlingException", "Message": "slow\ndown"}}, "GetQueueAttributes"
)
PHASE = steady(lambda _run: None, Prediction("messages", Probe("SQS", lambda run: run.read()), exactly(5)))  # pyright: ignore


def examined(reading: Reading, relies_on: str = "") -> Result:
    (prediction,) = PHASE.predictions
    probe = replace(prediction.probe, relies_on=relies_on)
    return examine(PHASE, replace(prediction, probe=probe), reading)  # pyright: ignore


@pytest.mark.parametrize(
    ("reading", "verdict", "seen"),
    [
        (Reading(5), Verdict.PROVED, "5"),
        (Reading(3, 4, 5), Verdict.PROVED, "5"),
        (Reading(4), Verdict.REFUTED, "4"),
        (Reading(None), Verdict.REFUTED, "None"),
        (Reading(THROTTLED, 5), Verdict.PROVED, "5"),
        (Reading(THROTTLED, 4), Verdict.REFUTED, "4"),
        (Reading(5, seconds_left=0), Verdict.PROVED, "5"),
        (Reading(4, seconds_left=0), Verdict.REFUTED, "4"),
    ],
)
def test_a_prediction_is_judged_by_the_last_value_that_was_read(
    reading: Reading, verdict: Verdict, seen: str
) -> None:
    result = examined(reading)
    assert (result.verdict, result.seen) == (verdict, seen)


@pytest.mark.parametrize("error", [THROTTLED, EndpointConnectionError(endpoint_url="x"), LabError("503", "")])
@pytest.mark.parametrize("before", [(), (4,)], ids=["at once", "after a value"])
def test_a_prediction_whose_probe_cannot_be_read_is_neither_proved_nor_refuted(
    error: Exception, before: tuple[int, ...]
) -> None:
    result = examined(Reading(*before, error))
    assert result.verdict is Verdict.UNREAD
    assert result.seen == " ".join(f"could not be read: {error}".split())


def test_where_the_engine_answers_otherwise_than_aws_nothing_is_proved() -> None:
    result = examined(Reading(5), relies_on="an odd question")
    assert (result.verdict, result.seen) == (Verdict.NOT_PROVABLE, "the engine answers otherwise")


def test_an_engine_without_fair_queues_cannot_prove_that_quiet_customers_are_spared_and_nothing_else() -> (
    None
):
    """That the others wait without groups is seen on any engine."""
    relied_on = [
        (phase.name, prediction.name)
        for phase, prediction in load("noisy-customer").scenario.predictions
        if prediction.probe.relies_on == probes.FAIRNESS
    ]
    assert relied_on == [("after the grouped flood", "of the flood ahead of the others")]


def test_every_prediction_without_a_row_gets_one_that_says_so() -> None:
    scenario = load("poison-payload").scenario
    (phase, first), *others = scenario.predictions
    found = [result(phase.name, first.name, "5", "5", Verdict.PROVED)]
    rows = unjudged(scenario, found)
    assert [(row.group, row.name) for row in rows] == [(phase.name, other.name) for phase, other in others]
    assert {row.verdict for row in rows} == {Verdict.UNREAD}
    assert unjudged(scenario, [*found, *rows]) == []


@pytest.mark.parametrize(
    ("orders", "refuted"),
    [
        ({"done": ["a"]}, []),
        ({"lost": ["a"]}, ["orders lost"]),
        ({"unknown": ["a"]}, ["orders unaccounted for"]),
        ({"done": ["a"], "doubled": {"a": "two effects"}}, ["orders with a repeated effect"]),
        ({"dead": ["a"]}, ["orders left in the DLQ"]),
    ],
    ids=str,
)
def test_an_account_refutes_what_does_not_add_up(orders: dict[str, Any], refuted: list[str]) -> None:
    rows = list(results(account(**orders), ends_with=0))
    assert [row.name for row in rows if row.verdict is Verdict.REFUTED] == refuted
    assert len(rows) == len(list(results(BALANCED))) + 1


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        (Judgement({RULES[0]: []}, {}), Verdict.PROVED),
        (Judgement({RULES[0]: [Breach("a", "not announced", ())]}, {}), Verdict.REFUTED),
        (Judgement({}, {RULES[0]: "the history is without logs"}), Verdict.NOT_PROVABLE),
    ],
    ids=["kept", "broken", "not applied"],
)
def test_a_contract_is_proved_only_by_rules_that_could_be_applied(
    judgement: Judgement, verdict: Verdict
) -> None:
    (row,) = [row for row in results(replace(BALANCED, judgement=judgement)) if row.name == "the contract"]
    assert row.verdict is verdict


def test_junit_shows_refuted_predictions_as_failures_and_unprovable_ones_as_skipped() -> None:
    suite = ET.fromstring(junit(run_with(Verdict.PROVED, Verdict.REFUTED, Verdict.NOT_PROVABLE)))  # noqa: S314  our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [len(case) for case in suite] == [0, 1, 1]
    assert suite[1][0].get("message") == "predicted 5, seen 4"


def test_detection_and_recovery_are_timed_from_the_fault() -> None:
    run = run_with()
    run.timeline.spans.append(Span("failure mode poison_payload", 2.0, 5.0))
    run.timeline.samples += [
        sample(1.0, alarm="ALARM"),
        sample(3.0, dlq=1),
        sample(4.0, dlq=1, alarm="ALARM"),
        sample(6.0, dlq=1),
        sample(7.5),
    ]
    timings(run)
    assert list(run.timings.values()) == ["2.0 s", "2.5 s"]


@pytest.mark.parametrize(
    ("name", "read", "unread"),
    [
        ("happy-path", "critical-dlq-depth", "warning-latency"),
        ("worker-crash", "critical-worker-errors", "critical-dlq-depth"),
        ("schema-evolution", "", "critical-dlq-depth"),
    ],
)
def test_scenario_reads_the_alarms_it_predicts_and_no_others(name: str, read: str, unread: str) -> None:
    scenario = load(name).scenario
    assert not read or scenario.reads_alarm(read)
    assert not scenario.reads_alarm(unread)
