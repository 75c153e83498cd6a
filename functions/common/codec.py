"""JSON in which money stays exact: fractions are Decimal and print with the digits they came with."""

from decimal import Decimal
from typing import Any

import simplejson

from functions.common.errors import MalformedJsonError

MAX_DEPTH = 100
"""Levels of nesting. What parses deeper than this fails later, where it is compared, written or answered."""


def loads(text: str | bytes) -> Any:
    """Parse JSON. Raises MalformedJsonError, which says where; NaN and Infinity are no JSON."""
    try:
        value = simplejson.loads(text, use_decimal=True)
    except simplejson.JSONDecodeError as error:
        raise MalformedJsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise MalformedJsonError("nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # bytes that are no UTF-8, numbers beyond all bounds
        raise MalformedJsonError("not decodable as JSON text") from error
    # There are no more levels than opening brackets: most texts need no second look.
    if _opening(text) > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise MalformedJsonError("nested too deeply")
    return value


def dumps(value: Any) -> str:
    """Compact ASCII JSON, which SQS takes whatever characters the text has."""
    return simplejson.dumps(value, use_decimal=True, separators=(",", ":"), allow_nan=False)


def readable(value: Any) -> str:
    """Compact JSON for people: characters as they are."""
    return simplejson.dumps(
        value, use_decimal=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def pretty(value: Any) -> str:
    r"""JSON for people, indented. Half a surrogate pair, which no file can hold, stays an escape such as \ud800."""
    text = simplejson.dumps(value, use_decimal=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys sorted, numbers without trailing zeros (12.10 is 12.1)."""
    return simplejson.dumps(
        _normal(value), use_decimal=True, separators=(",", ":"), sort_keys=True, allow_nan=False
    )


def _opening(text: str | bytes) -> int:
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def _deeper(value: Any, levels: int) -> bool:
    """Whether a value has more levels of nesting: looked at level by level, which needs no stack."""
    level: list[Any] = [value]
    while level and levels >= 0:
        levels -= 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        ]
    return bool(level)


def _normal(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() | Decimal():
            return Decimal(value).normalize() or Decimal(0)
        case dict():
            return {key: _normal(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_normal(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value
