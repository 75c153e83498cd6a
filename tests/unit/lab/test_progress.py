"""Progress is kept step by step, whatever ends a process in between."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.common.progress import FOLDER, Progress


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "progress"


def test_steps_are_read_by_another_process_in_their_order(folder: Path) -> None:
    Progress(folder).note("puzzle", "mapping-off", "hint", number=1)
    Progress(folder).note("module", "first-order", "checked", passed=True)
    steps = Progress(folder).steps()
    assert [(step.area, step.name, step.did, step.facts) for step in steps] == [
        ("puzzle", "mapping-off", "hint", {"number": 1}),
        ("module", "first-order", "checked", {"passed": True}),
    ]
    assert [step.name for step in Progress(folder).steps("module")] == ["first-order"]


def test_step_of_another_thing_or_kind_is_not_told(folder: Path) -> None:
    progress = Progress(folder)
    progress.note("puzzle", "mapping-off", "hint")
    progress.note("puzzle", "mapping-off", "solved")
    progress.note("puzzle", "mute-alarm", "hint")
    assert [step.did for step in progress.of("puzzle", "mapping-off")] == ["hint", "solved"]
    assert [step.did for step in progress.of("puzzle", "mapping-off", "hint")] == ["hint"]


def test_steps_before_a_reset_do_not_count_and_those_of_others_do(folder: Path) -> None:
    progress = Progress(folder)
    progress.note("module", "first-order", "checked")
    progress.note("puzzle", "first-order", "solved")
    progress.reset("module", "first-order")
    progress.note("module", "first-order", "started")
    assert [step.did for step in progress.of("module", "first-order")] == ["started"]
    assert [step.did for step in progress.of("puzzle", "first-order")] == ["solved"]


def test_line_torn_by_a_killed_process_loses_that_step_alone(folder: Path) -> None:
    progress = Progress(folder)
    progress.note("puzzle", "mapping-off", "started")
    with (folder / "steps.jsonl").open("a") as file:
        file.write('{"at": 1, "area": "puz')
    progress.note("puzzle", "mapping-off", "solved")
    assert [step.did for step in progress.steps()] == ["started", "solved"]


def test_steps_noted_at_once_are_all_kept(folder: Path) -> None:
    names = [f"puzzle-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for name in names:
            pool.submit(Progress(folder).note, "puzzle", name, "hint")
    assert {step.name for step in Progress(folder).steps()} == set(names)


def test_folder_named_by_the_environment_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(folder))
    Progress().note("puzzle", "mapping-off", "solved")
    assert (folder / "steps.jsonl").exists()
