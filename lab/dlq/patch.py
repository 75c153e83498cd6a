"""A patch over many dead letters, before anybody confirms it: what it is, and what it would make of them."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.envelope import Envelope
from functions.redrive.audit import is_kept_whole
from functions.redrive.forecast import Forecasts
from functions.redrive.plan import Plan
from functions.redrive.repair import RepairError, patched
from functions.redrive.selection import Verdict, judge
from lab.common.clock import now_ms
from lab.errors import LabError

SAMPLES = 3


def text_of(file: Path | None, sets: Sequence[str]) -> str:
    """The JSON Patch of a file (`-` is standard input), or of expressions such as `/amount=12.50`.

    Raises LabError unless exactly one of the two is given, or if an expression is none.
    """
    if (file is None) == (not sets):
        raise LabError("A patch is a file or expressions.", "Give --patch FILE, or --set /pointer=value.")
    if file is None:
        return codec.dumps([_operation(expression) for expression in sets])
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file} cannot be read: {error}.", "Name a file with a JSON Patch.") from error


def _operation(expression: str) -> dict[str, Any]:
    """`/pointer=value`: an element of an array is replaced, a member of an object added or replaced."""
    pointer, equals, value = expression.partition("=")
    if not (equals and pointer.startswith("/")):
        raise LabError(
            f"{expression} sets nothing.",
            "Name a place and a value: --set /amount=12.50, --set /currency=EUR",
        )
    kind = "replace" if pointer.rpartition("/")[2].isdigit() else "add"
    return {"op": kind, "path": pointer, "value": _value(value)}


def _value(given: str) -> Any:
    """JSON where it is some, else the text as it stands."""
    try:
        return codec.loads(given)
    except MalformedJsonError:
        return given


@dataclass(frozen=True)
class Sample:
    """A letter, and what the patch makes of it."""

    letter: Envelope
    new: Envelope


@dataclass
class Forecast:
    """What a plan's patch would make of letters, counted as they come: so many corrected, the others by reason.

    With `dry_run` each corrected letter goes through the code that is deployed, which writes nothing.
    """

    plan: Plan
    dry_run: Forecasts | None = None
    corrected: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    samples: list[Sample] = field(default_factory=list[Sample])

    def add(self, letters: Sequence[Envelope]) -> None:
        """Look at letters; those that the plan's filters do not take are not counted."""
        unpatched, now = replace(self.plan, patch=None), now_ms()
        for letter in letters:
            if judge(unpatched, letter, now) is Verdict.SELECTED:
                self._add(letter)

    def _add(self, letter: Envelope) -> None:
        try:
            new = patched(letter, self.plan.patch or "")
        except RepairError as error:
            self.refused[error.what] += 1
            return
        if not is_kept_whole(letter):
            self.refused["The letter is too large for its audit row."] += 1
            return
        self.corrected += 1
        if self.dry_run is not None:
            self.dry_run.add(new)
        if len(self.samples) < SAMPLES:
            self.samples.append(Sample(letter, new))
