"""What is handed in is read as it was written, a change of it is found, and the board ranks by what was done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.common.progress import Progress
from lab.errors import LabError
from lab.games.handin import Handin, board, collected, read, scored, written

KEY = "blue-otter-42"


@pytest.fixture
def ada(tmp_path: Path) -> Handin:
    """Solved a puzzle of level 1 with one hint, is stuck at another, guessed one of two at first."""
    progress = Progress(tmp_path / "progress")
    for name, *deeds in (("silent-night", "started", "hint", "checked", "solved"), ("round-trip", "started")):
        for did in deeds:
            progress.note("puzzle", name, did)
    progress.note("module", "first-order", "finished")
    progress.note("prediction", "poison-payload", "judged", right=1, of=2, missed=["dead letters"])
    progress.note("prediction", "poison-payload", "judged", right=2, of=2, missed=[])
    folder = tmp_path / "reports" / "poison-payload-1"
    folder.mkdir(parents=True)
    findings = [{"guess": "3", "guessedRight": True}, {"guess": "1", "guessedRight": False}, {"guess": None}]
    told = {
        "name": "poison-payload",
        "startedAt": "2026-11-29 10:00:00",
        "passed": True,
        "findings": findings,
    }
    (folder / "report.json").write_text(json.dumps(told))
    return collected("Ada Lovelace", progress, tmp_path / "reports")


def test_handin_is_read_as_it_was_written(ada: Handin) -> None:
    assert read(written(ada, KEY), KEY) == ada
    assert [(run.name, run.passed) for run in ada.runs] == [("poison-payload", True)]


def changed(body: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> str:
    change(body)
    return json.dumps(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(name="Bo"),
        lambda body: body["steps"].pop(),
        lambda body: body["steps"][1].update(did="note"),
        lambda body: body["steps"][6].update(facts={"right": 2, "of": 2, "missed": []}),
        lambda body: body.update(written_at=body["written_at"] + 1),
        lambda body: body.update(more="this"),
        lambda body: body.update(signature="0" * 64),
    ],
    ids=["name", "a step less", "a hint less", "a guess", "time", "more", "signature"],
)
def test_changed_file_is_found(ada: Handin, change: Callable[[dict[str, Any]], None]) -> None:
    text = changed(json.loads(written(ada, KEY)), change)
    with pytest.raises(LabError, match="changed after it was signed"):
        read(text, KEY)


def test_file_of_another_room_is_refused(ada: Handin) -> None:
    with pytest.raises(LabError, match="another room's key"):
        read(written(ada, "red-heron-17"), KEY)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"signature": 1}', "not JSON"])
def test_what_is_no_handin_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"not a file of lab handin|changed"):
        read(text, KEY)


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\x1b[2Jb"])
def test_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="is not a name"):
        collected(name, Progress(tmp_path), tmp_path)


def test_key_that_is_too_short_is_refused(ada: Handin) -> None:
    with pytest.raises(LabError, match="8 characters"):
        written(ada, "otter")


def test_points_count_level_hints_time_guesses_and_modules(ada: Handin) -> None:
    score = scored(ada)
    assert score.points == 10 - 3 + 5 + 1 + 10
    assert (score.solved, score.hints, score.right, score.guesses, score.modules) == (1, 1, 1, 2, 1)
    assert score.stuck == ("round-trip",)


def test_board_ranks_the_newest_file_of_each_name_and_leaves_changed_ones_out(
    tmp_path: Path, ada: Handin
) -> None:
    later = Progress(tmp_path / "progress")
    later.note("puzzle", "round-trip", "solved")
    texts = {
        "old.json": written(ada, KEY),
        "new.json": written(collected("Ada Lovelace", later, tmp_path / "reports"), KEY),
        "bo.json": written(collected("Bo", Progress(tmp_path / "none"), tmp_path / "none"), KEY),
        "forged.json": written(ada, KEY).replace("Ada Lovelace", "Cy"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = board([tmp_path / name for name in texts] + [tmp_path / "gone.json"], KEY)
    assert [(score.name, score.solved) for score in found.scores] == [("Ada Lovelace", 2), ("Bo", 0)]
    assert {Path(file).name for file in found.refused} == {"forged.json", "gone.json"}


def test_puzzle_that_most_did_not_solve_comes_first(tmp_path: Path) -> None:
    files: list[Path] = []
    for name, solves in (("Ada", True), ("Bo", False), ("Cy", False)):
        progress = Progress(tmp_path / name)
        progress.note("puzzle", "silent-night", "started")
        progress.note("puzzle", "silent-night", "solved")
        progress.note("puzzle", "round-trip", "started")
        progress.note("puzzle", "round-trip", "solved" if solves else "given up")
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(written(collected(name, progress, tmp_path / "none"), KEY))
    first, second = board(files, KEY).stuck
    assert (first.puzzle, first.begun, first.solved, first.given_up) == ("round-trip", 3, 1, 2)
    assert (second.puzzle, second.begun, second.solved) == ("silent-night", 3, 3)
