"""Was it as expected: one type for whatever the lab judges, one table that shows it, one rule for the exit code."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, cast

from rich.box import SIMPLE_HEAD
from rich.console import ConsoleOptions, RenderResult
from rich.table import Table

from lab.common.output import styled

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
    what a person can do about it; `seconds` how long it took to come true, or to be given up.
    """

    name: str
    seen: str
    verdict: Verdict
    expected: str = ""
    source: str = ""
    fix: str = ""
    group: str = ""
    seconds: float = 0.0
    guess: str | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The result as the JSON of reports has it."""
        fields = asdict(self)
        return {"act": fields.pop("group")} | fields


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


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        pairs = cast("dict[str, int]", value)
        return ", ".join(f"{count} x {name}" for name, count in sorted(pairs.items())) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class ResultTable:
    """Results for a terminal, as wide as it is: names and values stay whole as long as they fit.

    A group has a line of its own. Columns in which nothing stands are left out. `name` is what a result is about, such
    as `prediction`.
    """

    title: str
    name: str
    results: Sequence[Result]

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> RenderResult:
        columns = {
            self.name: [result.name for result in self.results],
            "expected": [result.expected for result in self.results],
            "seen": [_with_fix(result) for result in self.results],
            "verdict": [_mark(result.verdict) for result in self.results],
            "s": [f"{result.seconds:.1f}" if result.seconds else "" for result in self.results],
        }
        columns = {head: cells for head, cells in columns.items() if any(cells)}
        table = Table(
            title=self.title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0)
        )
        widths = fitted([[head, *cells] for head, cells in columns.items()], options.max_width)
        for head, width in zip(columns, widths, strict=True):
            table.add_column(head, width=width, overflow="fold", justify="right" if head == "s" else "left")
        rows = zip(self.results, zip(*columns.values(), strict=True), strict=True)
        for group, members in groupby(rows, lambda row: row[0].group):
            if group:
                table.add_row(styled(broken(group, widths[0]), "bold"))
            for result, cells in members:
                styles = [STYLES[result.verdict] if head == "verdict" else "" for head in columns]
                table.add_row(
                    *(
                        styled(broken(cell, width), style)
                        for cell, width, style in zip(cells, widths, styles, strict=True)
                    )
                )
        yield table


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


def _mark(verdict: Verdict) -> str:
    return verdict.upper() if verdict in (Verdict.REFUTED, Verdict.UNREAD) else verdict


def _with_fix(result: Result) -> str:
    return f"{result.seen}\nfix: {result.fix}" if result.fix else result.seen
