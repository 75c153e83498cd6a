"""Every alarm and every scenario has its runbook, every GameDay its guide."""

import pytest

from lab import paths
from lab.gameday import GAMEDAYS
from lab.promises import ALARMS
from lab.scenario.catalog import names

RUNBOOKS = paths.ROOT / "ops" / "runbooks"
PARTS = ("**Symptom.**", "**Look at.**", "**Commands.**", "**Decide.**", "**Redrive.**", "**Follow up.**")


@pytest.mark.parametrize("name", [*ALARMS, *(f"scenario-{name}" for name in names())])
def test_a_runbook_has_all_its_parts(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert [part for part in PARTS if part not in text] == []


@pytest.mark.parametrize("name", GAMEDAYS)
def test_a_guide_tells_every_inject_and_every_hint(name: str) -> None:
    text = (paths.ROOT / "ops" / "gamedays" / f"{name}.md").read_text()
    told = [inject.told for inject in GAMEDAYS[name].injects] + list(GAMEDAYS[name].hints)
    assert [part for part in told if part not in text] == []
