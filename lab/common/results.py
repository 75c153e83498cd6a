"""Was it as expected: one type for whatever the lab judges, one table that shows it, one rule for the exit code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, cast

from rich.box import SIMPLE_HEAD
from rich.console import ConsoleOptions, RenderResult
from rich.table import Table

from lab.common.output import Line, styled

UNREAD_CODE = 3
"""The exit code where something could not be looked at, and nothing that could be was wrong."""

WHOLE_WORD = 18
"""A word of up to this many characters, such as `critical-dlq-depth`, is never broken on 80 columns."""

_SEAMS = re.compile(r"(?<=[-_/:.,=])|(?<=[a-z])(?=[A-Z])")
"""Where a longer word may be broken: after punctuation and between the humps of a CamelCase name."""


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


@dataclass(frozen=True)
class Grid:
    """A table as wide as its terminal: names and values stay whole as long as they fit.

    `groups` has one name for each row; a group of rows has a line of its own. Columns in which nothing stands are left
    out.
    """

    title: str
    groups: Sequence[str]
    columns: Mapping[str, Sequence[Line]]

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> RenderResult:
        columns = {head: cells for head, cells in self.columns.items() if any(map(str, cells))}
        widths = fitted([[head, *map(str, cells)] for head, cells in columns.items()], options.max_width)
        yield _table(columns, widths, title=self.title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        rows = zip(self.groups, zip(*columns.values(), strict=True), strict=True)
        for group, members in groupby(rows, lambda row: row[0]):
            if group:
                yield styled(group, "bold")
            table = _table(columns, widths, show_header=False, box=None, padding=(0, 2, 0, 0))
            for _, cells in members:
                table.add_row(*(_within(cell, width) for cell, width in zip(cells, widths, strict=True)))
            yield table


def result_table(title: str, name: str, results: Sequence[Result]) -> Grid:
    """Expectations beside what was seen. `name` says what they are about, such as `prediction`."""
    return Grid(
        title,
        [result.group for result in results],
        {
            name: [result.name for result in results],
            "expected": [result.expected for result in results],
            "seen": [
                f"{result.seen}\nfix: {result.fix}" if result.fix else result.seen for result in results
            ],
            "verdict": [_mark(result.verdict) for result in results],
            "s": [f"{result.seconds:.1f}" if result.seconds else "" for result in results],
        },
    )


def fitted(columns: Sequence[Sequence[str]], total: int) -> list[int]:
    """Widths of columns with these cells in a table `total` wide: each as wide as it wants, or else its words need."""
    wanted = [max(len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    least = [
        max(min(len(word), WHOLE_WORD) for cell in cells for word in [*cell.split(), ""]) for cells in columns
    ]
    room = total - 2 * len(columns)
    if sum(wanted) <= room:
        return wanted
    while sum(least) > room and max(least) > 1:
        least[least.index(max(least))] -= 1
    widths = least
    while sum(widths) < room:
        narrow = [number for number, width in enumerate(widths) if width < wanted[number]]
        widths[min(narrow, key=widths.__getitem__)] += 1
    return widths


def broken(text: str, width: int) -> str:
    """Text whose words longer than `width` are broken at their seams."""
    return re.sub(r"\S+", lambda word: _at_seams(word[0], width), text)


def _at_seams(word: str, width: int) -> str:
    lines = [""]
    for piece in _SEAMS.split(word):
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _table(heads: Iterable[str], widths: Sequence[int], **options: Any) -> Table:
    table = Table(title_justify="left", show_edge=False, pad_edge=False, **options)
    for head, width in zip(heads, widths, strict=True):
        table.add_column(head, width=width, overflow="fold", justify="right" if head == "s" else "left")
    return table


def _within(cell: Line, width: int) -> Line:
    return styled(broken(str(cell), width), "" if isinstance(cell, str) else str(cell.style))


def _mark(verdict: Verdict) -> Line:
    failed = verdict in (Verdict.REFUTED, Verdict.UNREAD)
    return styled(verdict.upper() if failed else verdict, STYLES[verdict])
