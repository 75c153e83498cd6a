"""The one table: side by side where every word fits, else lines of facts; one fact a line on a plain terminal."""

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import ConsoleOptions, RenderResult
from rich.table import Table

from lab.common.output import Line, joined, shown, styled

GAP = 2
"""Between columns, and before what belongs to the line above."""

ENDLESS = 18
"""The room that a table leaves for a word that fits into no line: it is broken at its seams, wherever it stands."""

SENTENCE, READABLE = 60, 28
"""A cell of more than so many characters is prose, which needs so much room to be read."""

_SEAMS = (re.compile(r"(?<=[-_/:.,=])"), re.compile(r"(?<=[a-z])(?=[A-Z])"))
"""Where such a word may be broken: after punctuation, or else between the humps of a CamelCase name."""


@dataclass(frozen=True)
class Grid:
    """A table as wide as its terminal, in which no word is broken that fits into a line.

    `columns` are cells by heading; those in which nothing stands are left out. Where their words do not fit side by
    side, each row is told as facts, `heading: cell`. `groups` has a name for each row, which stands above its group;
    `right` are the headings of numbers, `note` is a line below.
    """

    title: str
    columns: Mapping[str, Sequence[Line]]
    groups: Sequence[str] = ()
    right: Collection[str] = ()
    note: str = ""

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> RenderResult:
        columns = {
            head: _seen(cells, lines=number > 0)  # at the beginning of a line nobody else's line may begin
            for number, (head, cells) in enumerate(self.columns.items())
            if any(map(str, cells))
        }
        texts = [[head, *map(str, cells)] for head, cells in columns.items()]
        if not columns:
            yield styled(f"{self.title}: none", "italic")
        elif console.plain or not fits(texts, options.max_width):
            if self.title:
                yield styled(self.title, "italic")
            yield from self._told(columns, console, _room(console, options))
        else:
            yield from self._side_by_side(columns, fitted(texts, options.max_width))
        if self.note:
            yield _whole(shown(self.note), _room(console, options))

    def _groups(self, columns: Mapping[str, Sequence[Line]]) -> Iterator[list[tuple[Line, ...]]]:
        """The rows, in their groups, each after its name."""
        rows = list(zip(*columns.values(), strict=True))
        for group, members in groupby(
            zip(self.groups or [""] * len(rows), rows, strict=True), lambda m: m[0]
        ):
            yield [(styled(group, "bold"),) if group else (), *(row for _, row in members)]

    def _side_by_side(self, columns: Mapping[str, Sequence[Line]], widths: Sequence[int]) -> RenderResult:
        yield self._table(columns, widths, title=self.title or None, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name, *rows in self._groups(columns):
            yield from name
            table = self._table(columns, widths, show_header=False, box=None, padding=(0, GAP, 0, 0))
            for cells in rows:
                table.add_row(*(_whole(cell, width) for cell, width in zip(cells, widths, strict=True)))
            yield table

    def _table(self, heads: Collection[str], widths: Sequence[int], **options: Any) -> Table:
        table = Table(title_justify="left", show_edge=False, pad_edge=False, **options)
        for head, width in zip(heads, widths, strict=True):
            justify = "right" if head in self.right else "left"
            table.add_column(head, width=width, overflow="fold", justify=justify)
        return table

    def _told(self, columns: Mapping[str, Sequence[Line]], console: Any, width: int) -> RenderResult:
        for name, *rows in self._groups(columns):
            yield from name
            for row in rows:
                first, *more = told(dict(zip(columns, row, strict=True)))
                yield _whole(first, width)
                for line in more:
                    yield from _indented(line, console, width)


@dataclass(frozen=True)
class Facts:
    """What is known of one thing: names, and beside them values, below them where their words do not fit."""

    title: str
    facts: Mapping[str, Line]

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> RenderResult:
        yield styled(self.title, "italic")
        given = {name: value for name, value in self.facts.items() if str(value)}
        facts = dict(zip(given, _seen(list(given.values())), strict=True))
        texts = [list(facts), list(map(str, facts.values()))]
        if console.plain or not fits(texts, options.max_width):
            yield from (_whole(line, _room(console, options)) for line in told(facts))
            return
        table = Table.grid(padding=(0, GAP, 0, 0))
        widths = fitted(texts, options.max_width)
        for width, style in zip(widths, ("bold", ""), strict=True):
            table.add_column(width=width, overflow="fold", style=style)
        for name, value in facts.items():
            table.add_row(styled(name, "bold"), _whole(value, widths[1]))
        yield table


def told(facts: Mapping[str, Line]) -> list[Line]:
    """One line for each fact that has a value: `name: value`."""
    return [
        joined(f"{name.strip()}: ", value.replace("\n", "; ") if isinstance(value, str) else value)
        for name, value in facts.items()
        if str(value)
    ]


def fits(columns: Sequence[Sequence[str]], total: int) -> bool:
    """Whether a table `total` wide holds columns with these cells, words whole and prose readable."""
    return sum(_least(columns, total)) + GAP * len(columns) <= total


def fitted(columns: Sequence[Sequence[str]], total: int) -> list[int]:
    """Widths of columns that fit: each as wide as it wants, or else no narrower than its words."""
    wanted = [max(len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    widths = [min(pair) for pair in zip(_least(columns, total), wanted, strict=True)]
    for _ in range(min(total - GAP * len(columns), sum(wanted)) - sum(widths)):
        narrow = [number for number, width in enumerate(widths) if width < wanted[number]]
        widths[min(narrow, key=widths.__getitem__)] += 1
    return widths


def broken(text: str, width: int) -> str:
    """Text whose words longer than `width` are broken at their seams."""
    return re.sub(r"\S+", lambda word: _at_seams(word[0], width), text)


def _least(columns: Sequence[Sequence[str]], total: int) -> list[int]:
    """How wide each column has to be. A word that fits into no line needs no more than `ENDLESS`."""
    words = [[len(word) for cell in cells for word in [*cell.split(), ""]] for cells in columns]
    prose = [any(len(line) > SENTENCE for cell in cells for line in cell.split("\n")) for cells in columns]
    return [
        max(READABLE * reads, *(size if size <= total - GAP else ENDLESS for size in sizes))
        for sizes, reads in zip(words, prose, strict=True)
    ]


def _at_seams(word: str, width: int) -> str:
    pieces = [word]
    for seams in _SEAMS:
        pieces = [
            part for piece in pieces for part in (seams.split(piece) if len(piece) > width else [piece])
        ]
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _room(console: Any, options: ConsoleOptions) -> int:
    """How long a line may be. On a plain terminal it has no end."""
    return sys.maxsize if console.plain else options.max_width


def _seen(cells: Sequence[Line], *, lines: bool = True) -> list[Line]:
    """Cells as they will stand there, so that their widths can be known."""
    return [shown(cell, lines=lines) if isinstance(cell, str) else cell for cell in cells]


def _whole(cell: Line, width: int) -> Line:
    text = broken(str(cell), width)
    return cell if text == str(cell) else styled(text, "" if isinstance(cell, str) else str(cell.style))


def _indented(line: Line, console: Any, width: int) -> Iterator[Line]:
    """A line in as many pieces as the terminal needs, all of them indented."""
    text = joined(_whole(line, width - GAP))
    for piece in [text] if console.plain else text.wrap(console, width - GAP):
        piece.rstrip()
        yield joined(" " * GAP, piece)
