"""Patterns in which `*` stands for any characters, matched within a time that grows with the text's length alone.

The texts come from strangers. A regular expression with several `.*` tries every way to divide a text among them: two
take minutes for 200 KB.
"""

import re
from functools import lru_cache


def fits(pattern: str, text: str, escape: str = "") -> bool:
    """Whether a pattern is the whole text. After the escape character `*` stands for itself, as that one does."""
    return _expression(pattern, escape).fullmatch(text) is not None


@lru_cache(maxsize=512)
def _expression(pattern: str, escape: str) -> re.Pattern[str]:
    parts = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append("")
        else:
            parts[-1] += next(characters, "") if character == escape else character
    first, *others = map(re.escape, parts)
    # what an atomic group has found is not looked for again further on
    inner = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(first + inner + "".join(f".*{part}" for part in others[-1:]), re.DOTALL)
