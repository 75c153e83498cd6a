"""Patterns in which `*` stands for any characters, matched within a time that grows with the text's length alone.

The texts come from strangers. A regular expression with several `.*` tries every way to divide a text among them: two
take minutes for 200 KB.
"""

import re
from functools import lru_cache


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern is the whole text."""
    return _expression(pattern).fullmatch(text) is not None


def between(pattern: str, text: str) -> list[str] | None:
    """What stands for each `*` where the pattern first occurs in a text, each as short as can be; None if it does not.

    A `*` at the end takes the rest.
    """
    first, *others = pattern.split("*")
    position = text.find(first)
    if position < 0:
        return None
    position += len(first)
    found: list[str] = []
    for number, part in enumerate(others, 1):
        is_rest = number == len(others) and not part
        end = len(text) if is_rest else text.find(part, position)
        if end < 0:
            return None
        found.append(text[position:end])
        position = end + len(part)
    return found


@lru_cache(maxsize=512)
def _expression(pattern: str) -> re.Pattern[str]:
    first, *others = map(re.escape, pattern.split("*"))
    # what an atomic group has found is not looked for again further on
    inner = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(first + inner + "".join(f".*{part}" for part in others[-1:]), re.DOTALL)
