"""The faults to switch on, and what the pages are told of what stands."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.common.failure_modes import FailureMode
from lab.console import switches
from lab.console.switches import Switches, in_force, why
from lab.errors import LabError
from lab.faults.catalogue import FAULTS, MODES
from lab.faults.changes import GAMEDAY, HIDDEN, ActiveChange
from lab.faults.runtime_settings import RUNTIME_SETTINGS

NO_PIPELINE: Any = None


def test_every_failure_mode_has_a_switch() -> None:
    modes = {fault.name for fault in FAULTS.values() if fault.group == MODES}
    assert modes == set(FailureMode) - {FailureMode.NONE}


def test_every_switch_turns_a_knob_that_can_be_undone_by_its_name() -> None:
    assert all(RUNTIME_SETTINGS[fault.setting.name] is fault.setting for fault in FAULTS.values())


def test_switches_of_a_group_stand_together() -> None:
    """The page shows them by group in this order."""
    groups = [fault.group for fault in FAULTS.values()]
    assert sorted(groups, key=groups.index) == groups


@pytest.mark.parametrize(
    ("name", "seconds", "what"),
    [
        ("no_such_fault", 60, "There is no fault"),
        ("poison_payload", 1, "out of bounds"),
        ("poison_payload", 86_400, "out of bounds"),
        ("silent_bus", 60, "not possible here"),
        ("table_slow", 60, "not possible here"),
    ],
)
def test_an_impossible_switch_is_refused_before_anything_is_touched(
    name: str, seconds: int, what: str
) -> None:
    with pytest.raises(LabError, match=what):
        Switches().on(NO_PIPELINE, name, seconds, local_functions=False)


def test_a_change_in_force_is_shown_with_its_switch_and_its_end() -> None:
    fault = FAULTS["poison_payload"]
    (told,) = in_force([ActiveChange("failure-mode", "none", why(fault), 12.0)])
    assert told == {
        "told": "Poison payload",
        "knob": "failure-mode",
        "switch": "poison_payload",
        "since": 0.0,
        "expiresAt": 12.0,
    }


def test_a_change_made_elsewhere_is_shown_with_its_maker() -> None:
    (told,) = in_force([ActiveChange("worker-timeout", 5, "scenario slow-downstream", 12.0)])
    assert (told["told"], told["switch"]) == ("worker-timeout changed by scenario slow-downstream", None)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (HIDDEN, "something broken on purpose (lab repair)"),
        (f"{GAMEDAY} spared-database", "something broken on purpose (gameday spared-database)"),
    ],
)
def test_what_a_puzzle_or_a_gameday_has_changed_is_neither_given_away_nor_ended(
    monkeypatch: pytest.MonkeyPatch, reason: str, shown: str
) -> None:
    sought = ActiveChange("worker-concurrency", None, reason, None)
    (told,) = in_force([sought])
    assert "worker-concurrency" not in str(told)
    assert told["told"] == shown
    undone: list[str] = []
    changes = SimpleNamespace(active=lambda: [sought], undo=undone.append)
    monkeypatch.setattr(switches, "Changes", lambda _pipeline: changes)
    with pytest.raises(LabError, match="Nothing is in force at worker-concurrency"):
        Switches().off(NO_PIPELINE, "worker-concurrency")
    assert undone == []
