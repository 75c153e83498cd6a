"""Every alarm and every scenario has its runbook, every GameDay its guide."""

import pytest

from infra.components.names import ALARMS
from lab.common import paths
from lab.games.gameday import GAMEDAYS, GameDay
from lab.scenario.catalog import load, names

RUNBOOKS = paths.ROOT / "ops" / "runbooks"
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
    told = [f"| {inject.at:.0f} s | {inject.told} |" for inject in day.injects]
    told += [f"| {day.seconds:.0f} s | The clock stops", *day.hints]
    assert [part for part in told if part not in text] == []


@pytest.mark.parametrize("day", GAMEDAYS.values(), ids=GAMEDAYS)
def test_a_faster_clock_keeps_the_injects_and_their_order(day: GameDay) -> None:
    fast = day.faster(2)
    assert [inject.told for inject in fast.injects] == [inject.told for inject in day.injects]
    assert [inject.at for inject in fast.injects] == [inject.at / 2 for inject in day.injects]
    assert fast.seconds == day.seconds / 2
