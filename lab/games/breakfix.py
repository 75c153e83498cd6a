"""Break/fix: one hidden misconfiguration of the deployed stack, to be found by its symptoms and repaired.

What is wrong is recorded like any other change (lab/faults/changes.py), under a reason that gives nothing away.
"""

import random

from lab.errors import LabError, unknown
from lab.faults.changes import HIDDEN, ActiveChange, Changes
from lab.games.puzzles import PUZZLES, Puzzle
from lab.pipeline.observe import Pipeline


def puzzle_of(setting: str) -> Puzzle:
    """The puzzle that changed a setting."""
    return next(puzzle for puzzle in PUZZLES if puzzle.change.setting.name == setting)


def active(pipeline: Pipeline) -> ActiveChange | None:
    """The puzzle in force, if there is one."""
    return next((change for change in Changes(pipeline).active() if change.hidden), None)


def chosen(name: str) -> Puzzle:
    """The puzzle of a name. Raises LabError if there is none."""
    by_name = {puzzle.name: puzzle for puzzle in PUZZLES}
    if name not in by_name:
        raise unknown("puzzle", name, by_name)
    return by_name[name]


def break_it(pipeline: Pipeline, seed: int | None = None, name: str | None = None) -> None:
    """Put one puzzle in force, by its name or by chance.

    Raises LabError if there is one already, if there is none of that name, or if there is nothing here to break so.
    """
    if active(pipeline):
        raise LabError("Something is broken already.", "Find it (lab hint, lab check) or give up: lab repair")
    puzzle = chosen(name) if name else random.Random(seed).choice(PUZZLES)  # noqa: S311  a game
    now = puzzle.change.setting.read(pipeline)
    if puzzle.change.turned(now, pipeline) == now:
        raise LabError(
            f"{pipeline.stack.env_name} does not have what this puzzle breaks.",
            "Take another: lab break --seed N",
        )
    Changes(pipeline).make(puzzle.change, why=HIDDEN, seconds=None)


def require_broken(pipeline: Pipeline) -> Puzzle:
    """The puzzle in force. Raises LabError if nothing is broken."""
    found = active(pipeline)
    if found is None:
        raise LabError("Nothing is broken.", "Run: lab break")
    return puzzle_of(found.setting)
