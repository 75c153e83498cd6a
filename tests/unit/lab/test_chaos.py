"""The search without an engine: its schedules, and how they shrink."""

import pytest

from lab.challenge.chaos import CHAOS, REVOKED, STEPS, search, shrink, things
from lab.challenge.infrastructure import CHANGES
from lab.challenge.schedule import Schedule
from lab.challenge.verdict import Verdict
from lab.history.check import Judgement


def verdict(schedule: Schedule, *, broken: bool) -> Verdict:
    promise = CHAOS.promises[0]
    breaches = {promise.rule: ["a breach"] if broken else []}
    return Verdict(CHAOS, schedule, 0.0, judgement=Judgement(breaches, {}))  # type: ignore[arg-type]


def kinds(schedule: Schedule) -> set[str]:
    return {step.kind for step in schedule.done_to_them}


@pytest.mark.parametrize("seed", range(30))
def test_storm_does_as_many_things_as_it_may_and_the_same_again(seed: int) -> None:
    storm = CHAOS.schedule(seed)
    assert 1 <= things(storm) <= STEPS[1]
    assert storm == CHAOS.schedule(seed)


def test_storms_meet_every_kind_of_fault_and_change() -> None:
    storms = [CHAOS.schedule(seed) for seed in range(200)]
    assert set().union(*map(kinds, storms)) == {
        "duplicate",
        "redeliver",
        "refuse",
        "kill",
        "fault",
        "setting",
    }
    facts = [step.facts for storm in storms for step in storm.done_to_them]
    assert {each["what"] for each in facts if "what" in each} == set(CHANGES)
    assert {each["to"] for each in facts if each.get("what") == "mapping"} == {"disabled", "deleted"}
    assert {each["to"] for each in facts if each.get("what") == "permission"} == set(REVOKED)
    assert {each.get("error") for each in facts} >= {
        "AccessDeniedException",
        "InternalServerError",
        "InternalException",
    }


def first_with(kind: str, least: int) -> Schedule:
    storms = map(CHAOS.schedule, range(1000))
    return next(storm for storm in storms if kind in kinds(storm) and things(storm) >= least)


@pytest.mark.parametrize("kind", ["kill", "duplicate", "setting"])
def test_schedule_shrinks_to_the_one_thing_that_breaks_it(kind: str) -> None:
    storm = first_with(kind, 4)
    smallest = shrink(storm, lambda smaller: kind in kinds(smaller))
    assert kinds(smallest) == {kind}
    assert things(smallest) == 1
    assert [step for step in smallest.steps if step.kind == "send"] == [
        step for step in storm.steps if step.kind == "send"
    ]


def test_search_names_what_a_planted_fault_breaks_and_shrinks_its_schedule() -> None:
    def judge(schedule: Schedule) -> Verdict:
        return verdict(schedule, broken="kill" in kinds(schedule))

    results = list(search(judge, range(1, 20), lambda _line: None))
    for seed, found in enumerate(results, 1):
        assert (found is not None) == ("kill" in kinds(CHAOS.schedule(seed)))
        if found:
            assert found.again
            assert found.names == ("one effect",)
            assert kinds(found.schedule) == {"kill"}


def test_breach_that_does_not_come_again_is_told_as_such_and_not_shrunk() -> None:
    answers = iter([True, False])
    (found,) = search(lambda schedule: verdict(schedule, broken=next(answers)), [1], lambda _line: None)
    assert found
    assert not found.again
    assert found.schedule == CHAOS.schedule(1)
