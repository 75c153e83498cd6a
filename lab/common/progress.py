"""Progress: what a person has done in the lab, step by step, in one file that outlives engines and `make clean`.

Steps are appended and never changed. What was solved, when, and with how many hints, is read from them; a reset is a
step, too, after which nothing before it counts.

    Progress().note("module", "first-order", "checked", passed=True)
    Progress().of("module", "first-order")
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.common import paths
from lab.common.clock import now_ms
from lab.common.locks import held

FOLDER = "LAB_PROGRESS"
"""The variable that names another folder, for machines that several people share."""

LOCK_SECONDS = 10

type Area = Literal["module", "prediction", "puzzle", "gameday"]

RESET = "reset"


@dataclass(frozen=True)
class Step:
    """One thing that somebody did. `at` is epoch milliseconds; `facts` is whatever JSON belongs to it."""

    at: int
    area: str
    name: str
    did: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Progress:
    """The steps of whoever uses this clone."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or Path(os.environ.get(FOLDER) or paths.PROGRESS)
        self._file, self._lock = folder / "steps.jsonl", folder / "steps.lock"

    def note(self, area: Area, name: str, did: str, **facts: Any) -> Step:
        """Append a step. Raises LabError if another process keeps the file for too long."""
        step = Step(now_ms(), area, name, did, facts)
        line = json.dumps(asdict(step)).encode() + b"\n"
        with (
            held(self._lock, within=LOCK_SECONDS, what="Another command that notes progress"),
            self._file.open("ab+") as file,
        ):
            file.write(line if _whole(file) else b"\n" + line)
        return step

    def reset(self, area: Area, name: str) -> None:
        """Begin again with one thing: its steps so far count no more."""
        self.note(area, name, RESET)

    def steps(self, area: Area | None = None) -> list[Step]:
        """Every step that counts, oldest first."""
        counting: dict[tuple[str, str], list[Step]] = {}
        for step in self._read():
            if step.did == RESET:
                counting.pop((step.area, step.name), None)
            elif area in (None, step.area):
                counting.setdefault((step.area, step.name), []).append(step)
        return sorted((step for steps in counting.values() for step in steps), key=lambda step: step.at)

    def of(self, area: Area, name: str, did: str | None = None) -> list[Step]:
        """The steps that count of one thing, or those of them that did one thing."""
        return [step for step in self.steps(area) if step.name == name and did in (None, step.did)]

    def _read(self) -> Iterator[Step]:
        if not self._file.exists():
            return
        for line in self._file.read_text(errors="replace").splitlines():
            try:
                yield Step(**json.loads(line))
            except (ValueError, TypeError):  # a process was killed while it wrote
                continue


def _whole(file: Any) -> bool:
    """Whether the last line was written to its end."""
    if not file.tell():
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
