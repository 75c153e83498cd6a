"""JSON that strangers wrote, read in one way wherever the engine looks into it: bodies, log lines, events, policies.

Python's own reader raises RecursionError on deep nesting, and returns numbers on which arithmetic raises later.
"""

import json
from types import SimpleNamespace
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting. Whatever walks through a document has stack enough for so many. This engine's own bound: what
AWS's services take is not documented."""
INTEGER_DIGITS = 308
"""A longer integer is read as a float, as a fraction of that size is: no float holds it as an integer either."""


def loads(text: str | bytes) -> Any:
    """Parse JSON. Raises json.JSONDecodeError, and nothing else, for what is not JSON or nested too deeply.

    NaN and Infinity are not JSON. A number beyond a float's range is infinite, and every other one fits a float.
    """
    try:
        document = json.loads(text, parse_int=_integer, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise json.JSONDecodeError("Nested too deeply", "", 0) from error
    except ValueError as error:  # bytes that are not Unicode, or a constant that is not JSON
        raise json.JSONDecodeError(str(error), "", 0) from error
    # There are no more levels than opening brackets: most texts need no second look.
    if _opening(text) > MAX_DEPTH and _deeper(document, MAX_DEPTH):
        raise json.JSONDecodeError("Nested too deeply", "", 0)
    return document


MODULE = SimpleNamespace(**vars(json) | {"loads": loads})
"""The module `json` with this `loads`, for modules of LocalStack (see patches.py)."""


def size(text: str) -> int:
    """Bytes of a text in UTF-8. Half a surrogate pair, which JSON's escapes can spell, counts as three."""
    return len(text.encode("utf-8", "surrogatepass"))


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= INTEGER_DIGITS else float(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _opening(text: str | bytes) -> int:
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def _deeper(document: Any, levels: int) -> bool:
    """Whether a document has more levels: looked at level by level, which needs no stack."""
    level = [document]
    while level and levels >= 0:
        levels -= 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)
