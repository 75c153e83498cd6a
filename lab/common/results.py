"""Was it as expected: one type for whatever the lab judges, one table that shows it, one rule for the exit code."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, cast

from lab.common.grid import Grid
from lab.common.output import Line, styled

UNREAD_CODE = 3
"""The exit code where something could not be looked at, and nothing that could be was wrong."""


class Verdict(StrEnum):
    """What became of an expectation."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_PROVABLE = "not provable here"
    """The engine at hand cannot show it. Neither a pass nor a failure."""
    UNREAD = "not read"
    """It could not be looked at: an error stands where a value was to be seen. Never a pass."""

    @classmethod
    def of(cls, holds: bool) -> "Verdict":
        """The verdict on what was looked at."""
        return cls.PROVED if holds else cls.REFUTED


STYLES = {
    Verdict.PROVED: "green",
    Verdict.REFUTED: "red",
    Verdict.NOT_PROVABLE: "yellow",
    Verdict.UNREAD: "red",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """An expectation beside what was seen.

    `group` is the phase of a scenario or the area of a question; `source` what was asked, such as an AWS API; `fix`
    what a person can do about it; `seconds` how long it took to come true, or to be given up; `why` the rule behind
    it. `guess` is what a person expected, and whether that was seen; None where nothing was seen.
    """

    name: str
    seen: str
    verdict: Verdict
    expected: str = ""
    source: str = ""
    fix: str = ""
    group: str = ""
    seconds: float = 0.0
    why: str = ""
    guess: str | None = None
    guessed_right: bool | None = None

    @property
    def judged(self) -> str:
        """What is to be said of the guess."""
        return {True: "right", False: "wrong", None: "not judged"}[self.guessed_right]

    @property
    def document(self) -> dict[str, Any]:
        """The result as the JSON of reports has it."""
        fields = asdict(self)
        return {"act": fields.pop("group"), "guessedRight": fields.pop("guessed_right")} | fields


def exit_code(results: Sequence[Result]) -> int:
    """1 where something is refuted or nothing was judged at all, 3 where something could not be read, else 0."""
    verdicts = {result.verdict for result in results}
    if not verdicts or Verdict.REFUTED in verdicts:
        return 1
    return UNREAD_CODE if Verdict.UNREAD in verdicts else 0


def tally(results: Sequence[Result]) -> str:
    """How many ended how. What could not be read is told where there is any."""
    counts = {verdict: sum(result.verdict is verdict for result in results) for verdict in Verdict}
    return ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n or verdict is not Verdict.UNREAD)


def score(results: Sequence[Result]) -> str:
    """How many guesses were right, such as "9 of 11"; empty where there is none."""
    guesses = [result.judged for result in results if result.guess]
    unjudged = guesses.count("not judged")
    told = f"{guesses.count('right')} of {len(guesses) - unjudged}"
    return f"{told}, {unjudged} not judged" if unjudged else told if guesses else ""


def misses(results: Sequence[Result]) -> dict[str, str]:
    """The guesses that were wrong, beside what was seen, each with the rule behind it."""
    return {
        f"{result.group}, {result.name}: you said {result.guess}, seen {result.seen}": result.why
        for result in results
        if result.judged == "wrong"
    }


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        pairs = cast("dict[str, int]", value)
        return ", ".join(f"{count} x {name}" for name, count in sorted(pairs.items())) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def result_table(title: str, name: str, results: Sequence[Result]) -> Grid:
    """Expectations beside what was seen. `name` says what they are about, such as `prediction`."""
    return Grid(
        title,
        {
            name: [result.name for result in results],
            "expected": [result.expected for result in results],
            "seen": [
                f"{result.seen}\nfix: {result.fix}" if result.fix else result.seen for result in results
            ],
            "verdict": [_mark(result.verdict) for result in results],
            "s": [f"{result.seconds:.1f}" if result.seconds else "" for result in results],
        },
        [result.group for result in results],
        right=("s",),
    )


def _mark(verdict: Verdict) -> Line:
    failed = verdict in (Verdict.REFUTED, Verdict.UNREAD)
    return styled(verdict.upper() if failed else verdict, STYLES[verdict])
