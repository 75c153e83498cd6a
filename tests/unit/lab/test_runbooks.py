"""Every alarm and every scenario has its runbook, every GameDay its guide."""

import re

import pytest

from infra.components.names import ALARMS
from lab.common import paths
from lab.games.gameday import EXERCISES, GAMEDAYS, GameDay, moment
from lab.games.puzzles import PUZZLES, Puzzle
from lab.scenario.catalog import load, names
from tests.support.pages import section

RUNBOOKS = paths.ROOT / "ops" / "runbooks"
SETTINGS = RUNBOOKS / "settings.md"
PARTS = ("**Symptom.**", "**Look at.**", "**Commands.**", "**Decide.**", "**Redrive.**", "**Follow up.**")


@pytest.mark.parametrize("name", [*ALARMS, *(f"scenario-{name}" for name in names())])
def test_a_runbook_has_all_its_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert [part for part in PARTS if part not in text] == []


@pytest.mark.parametrize("name", names())
def test_a_scenarios_runbook_states_its_hypothesis(name: str) -> None:
    text = " ".join((RUNBOOKS / f"scenario-{name}.md").read_text().split())
    assert f"It shows: {load(name).scenario.hypothesis}" in text


@pytest.mark.parametrize("name", GAMEDAYS)
def test_a_guide_tells_every_inject_and_every_hint(name: str) -> None:
    text = (paths.ROOT / "ops" / "gamedays" / f"{name}.md").read_text()
    day = GAMEDAYS[name]
    told = [f"| {moment(inject.at)} | {inject.told} |" for inject in day.injects]
    told += [f"| {moment(day.seconds)} | The clock stops", *day.hints]
    told += [f"{inject.told} | {inject.repair} |" for inject in day.injects if inject.repair]
    assert [part for part in told if part not in text] == []


@pytest.mark.parametrize("day", GAMEDAYS.values(), ids=GAMEDAYS)
def test_a_faster_clock_keeps_the_injects_and_their_order(day: GameDay) -> None:
    fast = day.faster(2)
    assert [inject.told for inject in fast.injects] == [inject.told for inject in day.injects]
    assert [inject.at for inject in fast.injects] == [inject.at / 2 for inject in day.injects]
    assert fast.seconds == day.seconds / 2


@pytest.mark.parametrize("day", EXERCISES, ids=lambda day: day.name)
def test_an_exercise_takes_20_to_40_minutes_and_does_not_heal_itself(day: GameDay) -> None:
    assert 20 * 60 <= day.seconds <= 40 * 60
    heals = [inject for inject in day.injects if not (inject.change or inject.rate or inject.strange_orders)]
    assert heals == []
    assert [inject for inject in day.injects if inject.change and not inject.repair] == []


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.name)
def test_a_puzzle_has_one_look_and_one_cure_in_the_runbooks(puzzle: Puzzle) -> None:
    look, cure = section(SETTINGS, puzzle.section)
    assert len(look.splitlines()) == 1
    assert cure != look


def test_every_section_of_settings_is_pointed_at_by_a_symptom() -> None:
    text = SETTINGS.read_text()
    headings = {
        re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in re.findall("^## (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) == headings


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.answer)
def test_the_name_of_a_puzzle_has_no_word_of_its_answer(puzzle: Puzzle) -> None:
    assert set(puzzle.name.split("-")) & set(puzzle.answer.split("-")) == set()


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.name)
def test_the_facilitators_answers_have_every_puzzle(puzzle: Puzzle) -> None:
    assert (
        f"| {puzzle.level} | {puzzle.name} ({puzzle.answer}): [" in (paths.ROOT / "WORKSHOP.md").read_text()
    )
