"""Whether it was as foretold: one prediction beside what was seen."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast


class Verdict(StrEnum):
    """What became of a prediction."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_PROVABLE = "not provable here"


@dataclass(frozen=True)
class Result:
    """A prediction beside what was seen. `seconds` is how long it took to come true, or to be given up.

    The fields' names are those of the report's JSON.
    """

    act: str
    name: str
    expected: str
    seen: str
    verdict: Verdict
    source: str
    seconds: float
    guess: str | None = None


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        pairs = cast("dict[str, int]", value)
        return ", ".join(f"{count} x {name}" for name, count in sorted(pairs.items())) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
