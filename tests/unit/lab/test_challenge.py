"""Challenges without an engine: schedules, promises with cases that break them, and which handlers are taken."""

import ast
import random
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lab.challenge import promises as keep
from lab.challenge.catalog import CHALLENGES, challenge
from lab.challenge.package import handler_of
from lab.challenge.promises import MOST_FAILED_CALLS, Promise
from lab.challenge.run import everything_there
from lab.challenge.schedule import loads
from lab.challenge.testimony import events_of, untold
from lab.challenge.verdict import BUSY, SLOW_IMPORT, Verdict
from lab.errors import LabError
from lab.history.check import Judgement, check
from lab.history.events import Event, History, Kind, Source

SENT = [
    Event(1, Kind.ACCEPTED, "a", facts={"customer": 1, "poison": False}),
    Event(1, Kind.SENT, "a", message_id="m-a"),
    Event(2, Kind.ACCEPTED, "b", facts={"customer": 1, "poison": False}),
    Event(2, Kind.SENT, "b", message_id="m-b"),
    Event(3, Kind.ACCEPTED, "p", facts={"customer": 2, "poison": True}),
    Event(3, Kind.SENT, "p", message_id="m-p"),
]
FINE = [
    Event(10, Kind.RECEIVED, message_id="m-a", invocation="i", facts={"group": "customer-1"}),
    Event(10, Kind.RECEIVED, message_id="m-b", invocation="i", facts={"group": "customer-1"}),
    Event(10, Kind.RECEIVED, message_id="m-p", invocation="i", facts={"group": "customer-2"}),
    Event(11, Kind.EFFECT, "a", invocation="i"),
    Event(12, Kind.EFFECT, "b", invocation="i"),
    Event(13, Kind.ANSWERED, message_id="m-a", invocation="i", facts={"willRetry": False}),
    Event(13, Kind.ANSWERED, message_id="m-b", invocation="i", facts={"willRetry": False}),
    Event(20, Kind.ROW_FOUND, "a", facts={"executions": 1}),
    Event(20, Kind.ROW_FOUND, "b", facts={"executions": 1}),
    Event(20, Kind.LETTER_FOUND, "p", letter="m-p", facts={"errorType": "ValueError", "group": "customer-2"}),
    Event(21, Kind.ANNOUNCED, "a"),
    Event(21, Kind.ANNOUNCED, "b"),
]
EVERY_PROMISE = {id(promise): promise for each in CHALLENGES.values() for promise in each.promises}.values()


def history(*more: Event, without: tuple[Event, ...] = (), queued: int = 0) -> History:
    events = [event for event in (*SENT, *FINE, *more) if event not in without]
    events.sort(key=lambda event: event.time)
    return History("r", 0, 99, events, frozenset(Source), queued=queued)


def found(promise: Promise, given: History) -> dict[str, list[Kind]]:
    breaches = check(given, [promise.rule]).breaches[promise.rule]
    return {breach.order_id: [event.kind for event in breach.timeline] for breach in breaches}


@pytest.mark.parametrize("promise", EVERY_PROMISE, ids=lambda promise: promise.rule.name)
def test_promise_holds_for_a_run_without_a_fault(promise: Promise) -> None:
    assert found(promise, history()) == {}
    assert promise.because
    assert promise.source.startswith("https://docs.aws.amazon.com/")


def test_second_effect_breaks_one_effect() -> None:
    assert found(keep.ONE_EFFECT, history(Event(14, Kind.EFFECT, "b"))) == {"b": [Kind.EFFECT] * 2}


def test_order_without_row_and_letter_breaks_one_place() -> None:
    given = history(without=(FINE[7],))
    assert set(found(keep.ONE_PLACE, given)) == {"a"}


def test_order_that_still_waits_breaks_settled() -> None:
    given = history(without=(FINE[3], FINE[5], FINE[7]), queued=2)
    assert "a" in found(keep.SETTLED, given)


def test_good_order_in_the_dlq_breaks_good_orders_live() -> None:
    letter = Event(22, Kind.LETTER_FOUND, "b", letter="m-b")
    assert found(keep.GOOD_LIVE, history(letter)) == {"b": [Kind.RECEIVED, Kind.ANSWERED, Kind.LETTER_FOUND]}


def test_effect_of_poison_breaks_poison_has_no_effect() -> None:
    assert found(keep.POISON_DEAD, history(Event(14, Kind.EFFECT, "p"))) == {"p": [Kind.EFFECT]}


def test_second_receive_of_poison_breaks_poison_at_once() -> None:
    again = Event(15, Kind.RECEIVED, message_id="m-p", invocation="j")
    assert found(keep.POISON_AT_ONCE, history(again)) == {"p": [Kind.RECEIVED] * 2}


def test_letter_without_its_cause_breaks_poison_at_once() -> None:
    bare = Event(20, Kind.LETTER_FOUND, "p", letter="m-p")
    assert found(keep.POISON_AT_ONCE, history(bare, without=(FINE[9],))) == {"p": [Kind.LETTER_FOUND]}


@pytest.mark.parametrize(
    "failure",
    [
        Event(14, Kind.ANSWERED, message_id="m-a", invocation="j", facts={"willRetry": True}),
        Event(14, Kind.ENDED, message_id="m-a", invocation="j", facts={"reason": "raised ValueError"}),
    ],
)
def test_good_neighbour_that_is_failed_breaks_neighbours_are_spared(failure: Event) -> None:
    assert found(keep.NEIGHBOURS, history(failure)) == {"a": [failure.kind]}


@pytest.mark.parametrize("reason", ["killed by the nemesis", "raised ValueError"])
def test_invocation_that_the_handler_did_not_lose_breaks_nothing(reason: str) -> None:
    end = Event(14, Kind.ENDED, message_id="m-a", invocation="i", facts={"reason": reason})
    assert found(keep.NO_LOST_INVOCATION, history(end)) == {}


def test_invocation_out_of_time_breaks_no_invocation_is_lost_once() -> None:
    ends = [
        Event(14, Kind.ENDED, message_id=message, invocation="i", facts={"reason": "ran out of time"})
        for message in ("m-a", "m-b")
    ]
    assert list(found(keep.NO_LOST_INVOCATION, history(*ends))) == ["a"]


def test_effect_without_its_event_breaks_announced() -> None:
    assert found(keep.ANNOUNCED, history(without=(FINE[10],))) == {"a": [Kind.EFFECT]}


def test_second_event_breaks_announced_once() -> None:
    assert found(keep.ANNOUNCED_ONCE, history(Event(22, Kind.ANNOUNCED, "b"))) == {"b": [Kind.ANNOUNCED] * 2}


@pytest.mark.parametrize(("more", "broken"), [(0, {}), (1, {"": [Kind.CALLED] * 2})])
def test_calls_of_a_bus_that_is_down_break_left_alone_beyond_the_most(
    more: int, broken: dict[str, list[Kind]]
) -> None:
    calls = [Event(at, Kind.CALLED, facts={"failed": True}) for at in range(MOST_FAILED_CALLS + more)]
    assert found(keep.LEFT_ALONE, history(*calls)) == broken


def test_event_put_again_after_a_call_without_answer_breaks_nothing() -> None:
    events = [Event(22, Kind.ANNOUNCED, "b"), Event(21, Kind.CALLED, facts={"failed": True})]
    assert found(keep.ANNOUNCED_ONCE, history(*events)) == {}


def test_effects_of_one_customer_out_of_order_break_in_order() -> None:
    late = Event(15, Kind.EFFECT, "a", invocation="i")
    assert "a" in found(keep.IN_ORDER, history(late, without=(FINE[3],)))


def test_effect_after_the_answer_breaks_in_the_open() -> None:
    late = Event(15, Kind.EFFECT, "b", invocation="i", facts={"late": True})
    assert found(keep.IN_THE_OPEN, history(late, without=(FINE[4],))) == {
        "b": [Kind.RECEIVED, Kind.ANSWERED, Kind.EFFECT]
    }


@pytest.mark.parametrize(
    "end",
    [
        Event(12, Kind.ANSWERED, message_id="m-b", invocation="i", facts={"willRetry": True}),
        Event(12, Kind.ENDED, message_id="m-b", invocation="i", facts={"reason": "ran out of time"}),
    ],
    ids=["failed", "ended"],
)
def test_effect_of_a_call_that_was_given_up_breaks_nothing(end: Event) -> None:
    late = Event(15, Kind.EFFECT, "b", invocation="j", facts={"late": True})
    assert found(keep.IN_THE_OPEN, history(end, late, without=(FINE[4],))) == {}
    assert found(keep.IN_THE_OPEN, history(end, without=(FINE[4],))) == {}


def test_message_that_left_the_queue_unseen_breaks_in_the_open() -> None:
    gone = Event(4, Kind.SENT, "b", message_id="m-b-again")
    assert found(keep.IN_THE_OPEN, history(gone)) == {"b": [Kind.SENT]}
    assert found(keep.IN_THE_OPEN, history(gone, queued=1)) == {}
    dead = Event(20, Kind.LETTER_FOUND, "b", letter="m-b-again")
    assert found(keep.IN_THE_OPEN, history(gone, dead)) == {}


@pytest.mark.parametrize(
    ("missing", "late"),
    [((), False), ((FINE[0], FINE[5]), True), ((FINE[5],), True), (FINE[:2], True)],
    ids=["nothing", "a receive and its end", "an end", "receives"],
)
def test_lines_are_waited_for_while_a_message_is_gone_and_nobody_told_how(
    missing: tuple[Event, ...], late: bool
) -> None:
    end_of_the_poison = Event(13, Kind.ANSWERED, message_id="m-p", invocation="i", facts={"willRetry": False})
    assert untold(history(end_of_the_poison, without=missing)) == late
    assert not untold(history(end_of_the_poison, without=missing, queued=1))


def test_row_that_nothing_seen_has_written_breaks_in_the_open() -> None:
    assert found(keep.IN_THE_OPEN, history(without=(FINE[3],))) == {"a": [Kind.ROW_FOUND]}


@pytest.mark.parametrize(
    ("group", "where"), [({}, "in no group"), ({"group": "m-p"}, "in the group m-p")], ids=["none", "its own"]
)
def test_letter_outside_its_customers_group_breaks_in_its_group(group: dict[str, str], where: str) -> None:
    stray = Event(20, Kind.LETTER_FOUND, "p", letter="m-p", facts={"errorType": "ValueError"} | group)
    given = check(history(stray, without=(FINE[9],)), [keep.IN_ITS_GROUP.rule])
    (breach,) = given.breaches[keep.IN_ITS_GROUP.rule]
    assert breach.order_id == "p"
    assert breach.why == f"its message is {where}, and its customer is customer-2"
    assert breach.timeline[-1] == stray


@pytest.mark.parametrize("name", CHALLENGES)
def test_same_seed_gives_the_same_schedule(name: str) -> None:
    random.seed(1)
    first = challenge(name).schedule(7)
    random.seed(2)
    assert challenge(name).schedule(7) == first
    assert loads(first.dumps(), "a file") == first


@pytest.mark.parametrize("name", CHALLENGES)
def test_schedule_sends_every_order_and_does_nothing_to_others(name: str) -> None:
    for seed in range(50):
        schedule = challenge(name).schedule(seed)
        numbers = {order.number for order in schedule.orders}
        sent = {number for step in schedule.steps if step.kind == "send" for number in step.orders}
        assert sent == numbers
        assert {number for step in schedule.steps for number in step.orders} == numbers


@pytest.mark.parametrize("name", CHALLENGES)
def test_fault_is_in_force_before_the_orders_that_are_sent_with_it(name: str) -> None:
    steps = challenge(name).schedule(1).steps
    for number, step in enumerate(steps):
        if step.kind == "send":
            assert [late.text for late in steps[number:] if late.kind == "fault" and late.at == step.at] == []


def test_seeds_give_several_schedules() -> None:
    assert len({str(challenge("crash").schedule(seed).steps) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"format": "something"}', "another format"),
        (challenge("crash").schedule(1).dumps().replace('"kill"', '"tease"'), "tease is not a kind of step"),
        ("[]", "list"),
    ],
)
def test_file_that_is_no_schedule_is_refused_by_its_name_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(LabError, match=f"mine.json is not a schedule .*{why}"):
        loads(text, "mine.json")


@pytest.mark.parametrize(
    ("code", "raised"),
    [("ResourceNotFoundException", LabError), ("ThrottlingException", ClientError)],
)
def test_stack_that_loses_a_part_is_told_as_such_and_other_errors_are_not(
    code: str, raised: type[Exception]
) -> None:
    with pytest.raises(raised, match=code), everything_there():
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Scan")


@pytest.mark.parametrize("name", CHALLENGES)
def test_page_has_the_contract_and_nothing_of_the_reference(name: str) -> None:
    page = challenge(name).page
    assert "TABLE_NAME" in page
    tree = ast.parse((challenge(name).folder / "reference.py").read_text())
    calls = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not {call for call in calls if "_" in call and call in page}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("my.py", "does not name a handler"),
        ("nowhere.py:handler", "There is no file"),
        ("json.py:handler", "taken"),
        ("my-own.py:handler", "cannot be imported"),
    ],
)
def test_handler_that_is_none_is_refused(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my.py", "json.py", "my-own.py"):
        (tmp_path / name).touch()
    with pytest.raises(LabError, match=why):
        handler_of(text)


def test_handlers_file_is_not_run_in_this_process(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("raise SystemExit('run')")
    assert handler_of(f"{mine}:handler").entry == "mine:handler"


def test_death_of_the_function_is_an_end_of_each_message_of_its_batch() -> None:
    line = {"event": "challenge.killed", "at": 5, "invocation": "i", "orderId": "a", "point": "effect"}
    events = list(events_of(line, {"i": ["m-a", "m-b"]}))
    assert [(event.kind, event.order_id, event.message_id) for event in events] == [
        (Kind.NEMESIS, "a", None),
        (Kind.ENDED, None, "m-a"),
        (Kind.ENDED, None, "m-b"),
    ]


def test_run_whose_faults_met_no_call_acquits_nobody() -> None:
    kept = Judgement({}, {})
    chosen = challenge("backoff")
    struck = Verdict(chosen, chosen.schedule(1), 0.0, judgement=kept)
    unstruck = replace(struck, unstruck=True)

    assert struck.passed
    struck.require()
    assert not unstruck.passed
    assert "not tested" in "\n".join(unstruck.lines)
    with pytest.raises(AssertionError, match="not tested"):
        unstruck.require()


@pytest.mark.parametrize(
    ("end", "untested"),
    [
        (Event(14, Kind.ENDED, message_id="m-a", invocation="i", facts={"reason": "ran out of time"}), True),
        (Event(14, Kind.EFFECT, "b"), False),
    ],
    ids=["out of time", "second effect"],
)
def test_busy_machine_convicts_nobody_of_what_is_a_matter_of_time_and_of_all_else(
    end: Event, untested: bool
) -> None:
    chosen = challenge("graceful-end")
    given = history(end)
    judgement = check(given, [keep.NO_LOST_INVOCATION.rule, keep.ONE_EFFECT.rule])
    quiet = Verdict(chosen, chosen.schedule(1), 0.0, history=given, judgement=judgement, load=BUSY)
    busy = replace(quiet, load=BUSY + 0.1)

    assert not quiet.untested
    assert bool(busy.untested) == untested
    assert not busy.passed
    with pytest.raises(AssertionError, match="broken: "):
        busy.require()


@pytest.mark.parametrize(("why", "untested"), [(f"mine.py: {SLOW_IMPORT}", True), ("SyntaxError", False)])
def test_busy_machine_convicts_nobody_of_a_slow_import_and_of_any_other(why: str, untested: bool) -> None:
    chosen = challenge("backoff")
    verdict = Verdict(chosen, chosen.schedule(1), 0.0, unloaded=why, load=BUSY + 0.1)
    assert bool(verdict.untested) == untested
    assert not verdict.passed
    assert not replace(verdict, load=BUSY).untested
