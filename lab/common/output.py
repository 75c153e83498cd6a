"""The one door to a reader: text that did not come from this code is shown, never obeyed.

Letters, log lines, answers of APIs and names of files may hold whatever a stranger wrote: rich markup, escape
sequences, direction overrides, halves of surrogate pairs, times outside every calendar. All that the lab prints goes
through a `Terminal`, in which a string is text and never markup, and whatever would move a cursor, hide or reorder
text shows as its escape. Colour comes from `styled` alone. Pages, reports and JUnit XML use `shown` themselves.
"""

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

type Line = str | Text
"""What a `Terminal` prints: plain, or in pieces of which some have a style."""

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that Unicode counts as letters or marks and that show nothing (Default_Ignorable_Code_Point)."""


def shown(text: str, *, lines: bool = False) -> str:
    r"""The text with every character that cannot be seen as its escape, such as `\x1b`, `\u202e` or `\ud800`.

    With `lines`, line feeds and tabs stay: for text that may have several lines.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        character if character in kept or _seen(character) else _escaped(character) for character in text
    )


def utc(at: int, pattern: str = "%Y-%m-%dT%H:%M:%S.%f") -> str:
    """A time in epoch milliseconds, in UTC and to the millisecond; as the number it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime(pattern)[:-3]
    except (ValueError, OverflowError, OSError):
        return str(at)


def styled(text: str, style: str) -> Text:
    """A piece of text in a style of rich's, such as `green`."""
    return Text(shown(text, lines=True), style)


def joined(*pieces: Line) -> Text:
    """One line of plain and styled pieces."""
    return Text.assemble(*(styled(piece, "") if isinstance(piece, str) else piece for piece in pieces))


PLAIN = "LAB_PLAIN"
"""The variable that asks for plain output, as `lab --plain` does, of this program and of those that it starts."""


def plain_is_wanted() -> bool:
    """Whether this process is to show everything plainly."""
    return os.environ.get(PLAIN, "") not in ("", "0")


class Terminal(Console):
    """Standard output, or standard error, where strings are text: in lines, cells, titles and progress alike.

    `plain` is for screen readers: no colour, no spinner, nothing drawn or drawn over, no line broken.
    """

    def __init__(self, *, plain: bool | None = None, **options: Any) -> None:
        self.plain = plain_is_wanted() if plain is None else plain
        still: dict[str, Any] = {"force_terminal": False, "soft_wrap": True} if self.plain else {}
        super().__init__(markup=False, highlight=False, emoji=False, **options | still)

    def render_str(self, text: str, **options: Any) -> Text:
        """What rich makes every string into that it is given to show, wherever it stands."""
        return super().render_str(shown(text, lines=True), **options)

    def status(self, status: Any, **options: Any) -> Status:
        """A spinner with a line of text beside it; on a plain terminal the line alone."""
        if self.plain:
            self.say(status)
        return super().status(styled(status, "") if isinstance(status, str) else status, **options)

    def say(self, line: Line) -> None:
        """Print a line: to a terminal in as many as it needs, every word whole; to whatever else reads it, as it is."""
        for each in joined(line).split("\n", allow_blank=True):
            for piece in each.divide(_line_starts(each.plain, self.width) if self.is_terminal else ()):
                self.print(piece, soft_wrap=True)


def several(number: int, what: str) -> str:
    """A number of things whose plural has an s: `1 letter`, `2 letters`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def escape_what_cannot_be_encoded() -> None:
    """Let standard output show what its encoding lacks as an escape, as standard error does, instead of failing."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):  # a stream in memory has no encoding
        reconfigure(errors="backslashreplace")


def _line_starts(text: str, width: int) -> Iterator[int]:
    """Where lines of at most `width` begin in a text, behind its first. A word longer than that, such as an address
    that somebody will copy, has a line of its own.
    """
    start = 0
    for word in re.finditer(r"\S+", text):
        if word.end() - start > width and text[start : word.start()].strip():
            start = word.start()
            yield start


def _seen(character: str) -> bool:
    return character.isprintable() and not _INVISIBLE.match(character)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
