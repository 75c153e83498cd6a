"""The modules there are: one TOML file each in `course/`, in the order of their numbers.

A module has a goal, the minutes it takes, steps to do (in the console and as commands), checkpoints that the lab
verifies (lab/learn/checkpoints.py), hints that cost points, and a question whose answer is explained.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.common import paths
from lab.errors import LabError, unknown

FOLDER = paths.ROOT / "course"


@dataclass(frozen=True)
class Step:
    """Something to do: in words, where in the console, and the command that does the same."""

    do: str
    page: str = ""
    command: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """Something that has to have happened since the module was begun. `given` are the arguments of its kind.

    One that is true before anything was done says by `after` which checkpoint has to be passed first.
    """

    name: str
    told: str
    kind: str
    asks: str = ""
    after: str = ""
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Question:
    """A question with its choices, the number of the right one (from 1), and the explanation."""

    asks: str
    choices: tuple[str, ...]
    right: int
    why: str


@dataclass(frozen=True)
class Module:
    """One module. `prepares` are dead letters to make before it is begun, if any."""

    name: str
    number: int
    title: str
    goal: str
    minutes: int
    steps: tuple[Step, ...]
    checkpoints: tuple[Checkpoint, ...]
    question: Question
    hints: tuple[str, ...]
    prepares: int = 0

    def checkpoint(self, name: str) -> Checkpoint:
        """One checkpoint. Raises LabError if there is none of this name."""
        found = {checkpoint.name: checkpoint for checkpoint in self.checkpoints}
        if name not in found:
            raise unknown("checkpoint", name, found)
        return found[name]


def modules() -> list[Module]:
    """Every module in its order. Raises LabError, naming the file, for one that cannot be read."""
    return [read(file) for file in sorted(FOLDER.glob("*.toml"))]


def load(name: str) -> Module:
    """One module. Raises LabError with the nearest name if there is none of this."""
    found = {module.name: module for module in modules()}
    if name not in found:
        raise unknown("module", name, found)
    return found[name]


def names() -> list[str]:
    """The modules' names, which are their files' without number and ending."""
    return [module.name for module in modules()]


def read(file: Path) -> Module:
    """The module of a file, called NUMBER-NAME.toml. Raises LabError for one that cannot be read."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        number, _, name = file.stem.partition("-")
        question = document.pop("question")
        return Module(
            name=name,
            number=int(number),
            steps=tuple(Step(**step) for step in document.pop("steps")),
            checkpoints=tuple(_checkpoint(given) for given in document.pop("checkpoints")),
            question=Question(choices=tuple(question.pop("choices")), **question),
            hints=tuple(document.pop("hints")),
            **document,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{file.name} is not a module of the course: {error}.", "See the others there."
        ) from error


def _checkpoint(given: dict[str, Any]) -> Checkpoint:
    known = {name: given.pop(name) for name in ("name", "told", "kind", "asks", "after") if name in given}
    return Checkpoint(**known, given=given)
