"""The scenarios there are: one file each in `scenarios/`."""

import importlib
import inspect
from dataclasses import dataclass

from lab.common import paths
from lab.errors import unknown
from lab.scenario.model import Scenario

FOLDER = paths.ROOT / "scenarios"


@dataclass(frozen=True)
class Entry:
    """A scenario under its name, with what its file says about it."""

    name: str
    story: str
    scenario: Scenario

    @property
    def paragraphs(self) -> list[str]:
        """The story below its first line, which the title repeats, each paragraph as one line."""
        return [" ".join(paragraph.split()) for paragraph in self.story.split("\n\n")[1:]]


def names() -> list[str]:
    """Every scenario's name: its file's, with hyphens."""
    files = FOLDER.glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))


def load(name: str) -> Entry:
    """One scenario. Raises LabError if there is none of this name."""
    if name not in names():
        raise unknown("scenario", name, names())
    module = importlib.import_module(f"scenarios.{name.replace('-', '_')}")
    return Entry(name, inspect.cleandoc(module.__doc__ or ""), module.SCENARIO)
