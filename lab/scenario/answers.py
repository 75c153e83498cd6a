"""What a person may answer when asked for a prediction: a number, a state, counts by name."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from lab.common.results import shown
from lab.errors import nearest

_COUNT = re.compile(r"(?P<count>\d{1,9})\s*[x*]\s*(?P<name>\S+)", re.IGNORECASE | re.ASCII)


class Answer(Protocol):
    """A kind of answer."""

    @property
    def hint(self) -> str:
        """What is to be typed, in words."""
        ...

    def read(self, text: str) -> str:
        """What was typed, as a value of this kind is shown. Raises ValueError with the reason if it is none."""
        ...


@dataclass(frozen=True)
class Number:
    """A number from 0."""

    hint: str = "a number"

    def read(self, text: str) -> str:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{text!r} is not {self.hint} from 0, such as 5")
        return shown(int(value) if value.is_integer() else value)


NUMBER = Number()


@dataclass(frozen=True)
class Choice:
    """One of a few words, such as the states of an alarm."""

    options: tuple[str, ...]

    @property
    def hint(self) -> str:
        return f"one of {', '.join(self.options)}"

    def read(self, text: str) -> str:
        return _known(text, self.options)


@dataclass(frozen=True)
class Counts:
    """How many of which, such as dead letters by their category. Without `names` any name may stand there."""

    example: str
    names: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        known = f"; names: {', '.join(self.names)}" if self.names else ""
        return f"how many of which, such as {self.example}, or none{known}"

    def read(self, text: str) -> str:
        if text.lower() == "none":
            return shown({})
        counts: dict[str, int] = {}
        for part in text.split(","):
            matched = _COUNT.fullmatch(part.strip())
            if not matched:
                raise ValueError(f"{part.strip()!r} is not a count of something, such as {self.example}")
            name = _known(matched["name"], self.names) if self.names else matched["name"]
            if name in counts:
                raise ValueError(f"{name} is counted twice")
            counts[name] = int(matched["count"])
        return shown({name: count for name, count in counts.items() if count})


def _known(text: str, options: Collection[str]) -> str:
    """The option that is meant, whatever its case. Raises ValueError with the nearest if there is none."""
    by_case = {option.casefold(): option for option in options}
    if found := by_case.get(text.casefold()):
        return found
    meant = f"; the closest is {found}" if (found := nearest(text, options)) else ""
    raise ValueError(f"{text!r} is not one of {', '.join(options)}{meant}")
