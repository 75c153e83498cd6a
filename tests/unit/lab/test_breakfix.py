"""What becomes of puzzles: solved, open or given up, when, after how long, with how many hints."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.common import progress as steps
from lab.common.progress import Progress
from lab.common.results import Result, Verdict
from lab.errors import LabError
from lab.faults.changes import HIDDEN, ActiveChange
from lab.games import breakfix
from lab.games.puzzles import BY_NAME, PUZZLES, Puzzle

MUTE = BY_NAME["silent-night"]
NOTHING = BY_NAME["foggy-morning"]
THERE = [Result(name="processed", seen="", verdict=Verdict.PROVED)]
MISSING = [Result(name="heard", seen="", verdict=Verdict.REFUTED)]
UNTRIED = [Result(name="heard", seen="", verdict=Verdict.UNREAD)]


@dataclass
class Deployed:
    """A pipeline of which one setting is known: what is broken of it."""

    broken: Puzzle | None = None
    undone: list[str] = field(default_factory=list[str])

    def active(self) -> list[ActiveChange]:
        return [ActiveChange(self.broken.change.setting.name, "", HIDDEN, None)] if self.broken else []

    def undo(self, setting: str) -> None:
        self.undone.append(setting)
        self.broken = None


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time in seconds, in a list of one, so that a test can move it."""
    now = [1_000]
    for module in (steps, breakfix):
        monkeypatch.setattr(module, "now_ms", lambda: 1_000 * now[0])
    return now


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, progress: Progress) -> Any:
    deployed = Deployed(MUTE)
    monkeypatch.setattr(breakfix, "Changes", lambda _pipeline: deployed)
    progress.note("puzzle", MUTE.name, breakfix.STARTED)
    return deployed


def test_solved_puzzle_has_its_time_and_its_hints_and_is_as_deployed(
    progress: Progress, clock: list[int], pipeline: Any
) -> None:
    progress.note("puzzle", MUTE.name, breakfix.STARTED)
    clock[0] += 60
    assert breakfix.hint(pipeline, progress=progress).text == MUTE.hints[0]
    assert breakfix.hint(pipeline, progress=progress).text == MUTE.hints[1]
    assert not expect(breakfix.judge(pipeline, MISSING, progress=progress)).solved
    clock[0] += 65
    outcome = expect(breakfix.judge(pipeline, THERE, progress=progress))
    clock[0] += 500
    assert outcome.solved
    assert outcome.told == f"Mended. It was: {MUTE.revealed}"
    found = breakfix.record(progress, MUTE)
    assert (found.state, found.seconds, found.best_seconds, found.hints, found.checks) == (
        "solved",
        125,
        125,
        2,
        2,
    )
    assert pipeline.undone == [MUTE.change.setting.name]


def test_puzzle_is_not_solved_by_a_check_that_could_not_try_everything(
    progress: Progress, pipeline: Any
) -> None:
    outcome = expect(breakfix.judge(pipeline, [*THERE, *UNTRIED], progress=progress))
    assert not outcome.solved
    assert outcome.told == "Not everything could be tried: check again."


@pytest.mark.parametrize(
    ("puzzle", "results", "says_nothing", "solved"),
    [
        (NOTHING, THERE, True, True),
        (NOTHING, THERE, False, False),
        (NOTHING, MISSING, True, False),
        (MUTE, MISSING, True, False),
        (MUTE, THERE, False, True),
    ],
)
def test_that_nothing_was_wrong_has_to_be_said_where_it_is_so(
    *,
    progress: Progress,
    pipeline: Any,
    puzzle: Puzzle,
    results: list[Result],
    says_nothing: bool,
    solved: bool,
) -> None:
    pipeline.broken = puzzle
    outcome = expect(breakfix.judge(pipeline, results, nothing_wrong=says_nothing, progress=progress))
    assert outcome.solved is solved
    assert (pipeline.broken is None) is solved


def test_who_had_the_solution_told_has_not_solved_it(progress: Progress, pipeline: Any) -> None:
    breakfix.give_up(pipeline, progress)
    breakfix.judge(pipeline, THERE, progress=progress)
    assert breakfix.record(progress, MUTE).state == "given up"


def test_another_attempt_begins_with_no_hints_and_keeps_the_best_time(
    progress: Progress, clock: list[int], pipeline: Any
) -> None:
    for seconds in (300, 100, 200):
        progress.note("puzzle", MUTE.name, breakfix.STARTED)
        clock[0] += seconds
        progress.note("puzzle", MUTE.name, breakfix.SOLVED)
        clock[0] += 10
    progress.note("puzzle", MUTE.name, breakfix.STARTED)
    found = breakfix.record(progress, MUTE)
    assert (found.state, found.hints, found.best_seconds) == ("open", 0, 100)


def test_hint_that_was_given_already_counts_once_and_a_late_one_counts_those_before(
    progress: Progress, pipeline: Any
) -> None:
    breakfix.hint(pipeline, 2, progress)
    breakfix.hint(pipeline, 1, progress)
    breakfix.hint(pipeline, 2, progress)
    assert breakfix.record(progress, MUTE).hints == 2
    with pytest.raises(LabError, match="There are 2 hints"):
        breakfix.hint(pipeline, progress=progress)


def test_same_seed_has_the_same_puzzle_and_the_next_one_another(progress: Progress) -> None:
    chosen = [breakfix.by_chance(progress, seed=seed).name for seed in range(len(PUZZLES))]
    assert len(set(chosen)) == len(PUZZLES)
    assert [breakfix.by_chance(progress, seed=seed).name for seed in range(len(PUZZLES))] == chosen


def test_level_offers_puzzles_of_that_level_alone(progress: Progress) -> None:
    assert {breakfix.by_chance(progress, 2, seed).level for seed in range(20)} == {2}
    assert {breakfix.by_chance(progress, 2).level for _ in range(20)} == {2}


def test_what_is_solved_is_not_offered_while_there_is_another(progress: Progress) -> None:
    *others, last = [puzzle for puzzle in PUZZLES if puzzle.level == 1]
    for puzzle in others:
        progress.note("puzzle", puzzle.name, breakfix.STARTED)
        progress.note("puzzle", puzzle.name, breakfix.SOLVED)
    assert {breakfix.by_chance(progress, 1) for _ in range(20)} == {last}


def test_every_puzzle_is_listed_by_level_whether_or_not_it_was_begun(progress: Progress) -> None:
    progress.note("puzzle", MUTE.name, breakfix.STARTED)
    found = breakfix.records(progress)
    assert {record.puzzle.name for record in found} == {puzzle.name for puzzle in PUZZLES}
    assert [record.puzzle.level for record in found] == sorted(record.puzzle.level for record in found)
    assert {record.puzzle.name for record in found if record.state != "new"} == {MUTE.name}


def expect(outcome: breakfix.Outcome | None) -> breakfix.Outcome:
    assert outcome
    return outcome
