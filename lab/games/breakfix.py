"""Break/fix: one hidden misconfiguration of the deployed stack, to be found by its symptoms and repaired.

What is wrong is recorded like any other change (lab/faults/changes.py), under a reason that gives nothing away. Who
solved what, when, and with how many hints is progress (lab/common/progress.py). Nothing here prints.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.common.clock import now_ms
from lab.common.progress import Progress, Step
from lab.common.results import UNREAD_CODE, Result, exit_code
from lab.errors import LabError, unknown
from lab.faults.changes import HIDDEN, ActiveChange, Changes
from lab.games.puzzles import BY_NAME, PAR_MINUTES, PUZZLES, Level, Puzzle
from lab.pipeline.observe import Pipeline

STARTED, HINT, CHECKED, SOLVED, GIVEN_UP = "started", "hint", "checked", "solved", "given up"

type State = Literal["new", "open", "solved", "given up"]


@dataclass(frozen=True)
class Record:
    """What has become of one puzzle. Times are epoch milliseconds of the latest attempt; None where there is none.

    `hints` and `checks` are those of that attempt; `best_seconds` is the shortest of all solutions.
    """

    puzzle: Puzzle
    state: State
    started_at: int | None
    ended_at: int | None
    hints: int
    checks: int
    best_seconds: int | None

    @property
    def seconds(self) -> int | None:
        """How long the latest attempt has taken, so far or until its end."""
        return None if self.started_at is None else ((self.ended_at or now_ms()) - self.started_at) // 1000

    @property
    def par_seconds(self) -> int:
        """How long it should take at most."""
        return 60 * PAR_MINUTES[self.puzzle.level]


@dataclass(frozen=True)
class Hint:
    """A hint: the `number`th of `of`."""

    number: int
    of: int
    text: str


@dataclass(frozen=True)
class Outcome:
    """What a check means for the puzzle in force: solved or not yet, and what is to be said of it."""

    solved: bool
    told: str
    record: Record


def puzzle_of(setting: str) -> Puzzle:
    """The puzzle that changed a setting."""
    return next(puzzle for puzzle in PUZZLES if puzzle.change.setting.name == setting)


def active(pipeline: Pipeline) -> ActiveChange | None:
    """The puzzle in force, if there is one."""
    return next((change for change in Changes(pipeline).active() if change.hidden), None)


def chosen(name: str) -> Puzzle:
    """The puzzle of a name, or of its answer. Raises LabError if there is none."""
    if name not in BY_NAME:
        raise unknown("puzzle", name, [puzzle.name for puzzle in PUZZLES])
    return BY_NAME[name]


def by_chance(progress: Progress, level: Level | None = None, seed: int | None = None) -> Puzzle:
    """A puzzle of a level, or of any. The same seed has the same puzzle; without one it is one not solved yet.

    Raises LabError where there is no such level.
    """
    offered = [puzzle for puzzle in PUZZLES if level in (None, puzzle.level)]
    if not offered:
        raise LabError(f"There is no level {level}.", "Levels are 1, 2 and 3: lab break --level 2")
    if seed is not None:  # seeds that follow each other have different puzzles
        shuffled = random.Random(0).sample(offered, len(offered))  # noqa: S311  a game
        return shuffled[seed % len(offered)]
    unsolved = [puzzle for puzzle in offered if record(progress, puzzle).state != "solved"]
    return random.choice(unsolved or offered)  # noqa: S311  a game


def break_it(
    pipeline: Pipeline,
    seed: int | None = None,
    name: str | None = None,
    *,
    level: Level | None = None,
    progress: Progress | None = None,
) -> Puzzle:
    """Put one puzzle in force, by its name, or by chance. Its clock starts.

    Raises LabError if there is one already, if there is none of that name, or if there is nothing here to break so.
    """
    progress = progress or Progress()
    if active(pipeline):
        raise LabError("Something is broken already.", "Find it (lab hint, lab check) or give up: lab repair")
    puzzle = chosen(name) if name else by_chance(progress, level, seed)
    setting = puzzle.change.setting
    now = setting.read(pipeline)
    if puzzle.change.turned(now, pipeline) == now:
        raise LabError(
            f"{pipeline.stack.env_name} does not have what this puzzle breaks.",
            "Take another: lab break --seed N",
        )
    Changes(pipeline).make(puzzle.change, why=HIDDEN, seconds=None)
    progress.note("puzzle", puzzle.name, STARTED, seed=seed, level=puzzle.level)
    return puzzle


def require_broken(pipeline: Pipeline) -> Puzzle:
    """The puzzle in force. Raises LabError if nothing is broken."""
    found = active(pipeline)
    if found is None:
        raise LabError("Nothing is broken.", "Run: lab break")
    return puzzle_of(found.setting)


def hint(pipeline: Pipeline, number: int | None = None, progress: Progress | None = None) -> Hint:
    """A hint about the puzzle in force: the next one, or one by its number. Each is noted once.

    Raises LabError if there is no such hint, or no puzzle.
    """
    progress = progress or Progress()
    puzzle = require_broken(pipeline)
    taken = record(progress, puzzle).hints
    number = number or taken + 1
    if number > len(puzzle.hints):
        raise LabError(f"There are {len(puzzle.hints)} hints.", "The solution: lab break --reveal")
    for missing in range(taken + 1, number + 1):
        progress.note("puzzle", puzzle.name, HINT, number=missing)
    return Hint(number, len(puzzle.hints), puzzle.hints[number - 1])


def judge(
    pipeline: Pipeline,
    results: Sequence[Result],
    *,
    nothing_wrong: bool = False,
    progress: Progress | None = None,
) -> Outcome | None:
    """What a check's results mean for the puzzle in force; None if there is none.

    A puzzle is solved once every behaviour is there. Its setting is then as it was deployed, however it was mended.
    Where nothing was wrong, that has to be said (`nothing_wrong`); where something was, saying so is a mistake.
    """
    progress = progress or Progress()
    found = active(pipeline)
    if found is None:
        return None
    puzzle = puzzle_of(found.setting)
    healthy = exit_code(results) == 0
    solved = healthy and (nothing_wrong or not puzzle.is_nothing)
    missing = [result.name for result in results if result.verdict != "proved"]
    progress.note("puzzle", puzzle.name, CHECKED, missing=missing, nothingWrong=nothing_wrong)
    if solved:
        Changes(pipeline).undo(found.setting)
        progress.note("puzzle", puzzle.name, SOLVED, hints=record(progress, puzzle).hints)
    told = _told(puzzle, exit_code(results), nothing_wrong=nothing_wrong)
    return Outcome(solved, told, record(progress, puzzle))


def _told(puzzle: Puzzle, code: int, *, nothing_wrong: bool) -> str:
    if code == UNREAD_CODE:
        return "Not everything could be tried: check again."
    if code:
        return "Something is wrong, after all." if nothing_wrong else "Not mended yet."
    if puzzle.is_nothing and not nothing_wrong:
        return "Every behaviour is there. If you say that nothing was wrong: lab check --nothing-wrong"
    return f"Mended. It was: {puzzle.revealed}"


def give_up(pipeline: Pipeline, progress: Progress | None = None) -> Puzzle:
    """Have the solution told: the puzzle counts as given up. It stays in force. Raises LabError if there is none."""
    progress = progress or Progress()
    puzzle = require_broken(pipeline)
    if record(progress, puzzle).state != GIVEN_UP:
        progress.note("puzzle", puzzle.name, GIVEN_UP)
    return puzzle


def record(progress: Progress, puzzle: Puzzle) -> Record:
    """What has become of a puzzle."""
    return record_of(puzzle, progress.of("puzzle", puzzle.name))


def records(progress: Progress) -> list[Record]:
    """What has become of every puzzle, by level."""
    steps = progress.steps("puzzle")
    listed = sorted(PUZZLES, key=lambda puzzle: puzzle.level)
    return [record_of(puzzle, [step for step in steps if step.name == puzzle.name]) for puzzle in listed]


def record_of(puzzle: Puzzle, steps: Sequence[Step]) -> Record:
    """What these steps of one puzzle amount to."""
    attempts: list[list[Step]] = []
    for step in steps:
        if step.did == STARTED or not attempts:
            attempts.append([])
        attempts[-1].append(step)
    if not attempts:
        return Record(puzzle, "new", None, None, 0, 0, None)
    latest = attempts[-1]
    end = _end(latest)
    ends = [
        (attempt[0].at, last.at) for attempt in attempts if (last := _end(attempt)) and last.did == SOLVED
    ]
    return Record(
        puzzle,
        "open" if end is None else "solved" if end.did == SOLVED else "given up",
        latest[0].at,
        end.at if end else None,
        hints=sum(step.did == HINT for step in latest),
        checks=sum(step.did == CHECKED for step in latest),
        best_seconds=min(((end - start) // 1000 for start, end in ends), default=None),
    )


def _end(attempt: Sequence[Step]) -> Step | None:
    """What ended an attempt: whoever gave it up has not solved it."""
    return next((step for step in attempt if step.did in (SOLVED, GIVEN_UP)), None)
