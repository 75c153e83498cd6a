"""The one error type that the lab shows to a person."""

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(Exception):
    """Something the user can fix.

    Shown as one line of what is wrong, one line of how to fix it and, where they help, details such as
    the last lines of a log. Commands exit with code 1.
    """

    def __init__(self, what: str, fix: str, details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.details = details


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one that is meant, whatever its case and whether its words are joined by hyphens; None if none is near."""
    by_spelling = {each.casefold().replace("_", "-"): each for each in known}
    close = get_close_matches(name.casefold().replace("_", "-"), by_spelling, 1)
    return by_spelling[close[0]] if close else None


def unknown(kind: str, name: str, known: Iterable[str]) -> LabError:
    """The error of a name that there is not, such as `unknown("scenario", "posion", names())`."""
    there = list(known)
    meant = nearest(name, there)
    asked = f"Did you mean {meant}? " if meant else ""
    return LabError(f"There is no {kind} {name}.", f"{asked}Choose one of: {', '.join(there)}")
