"""JSON in which money stays exact: fractions are Decimal and print with the digits they came with."""

from decimal import Decimal
from typing import Any

import simplejson

from functions.common.errors import MalformedJsonError


def loads(text: str | bytes) -> Any:
    """Parse JSON. Raises MalformedJsonError, which says where; NaN and Infinity are no JSON."""
    try:
        return simplejson.loads(text, use_decimal=True)
    except simplejson.JSONDecodeError as error:
        raise MalformedJsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise MalformedJsonError("nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # bytes that are no UTF-8, numbers beyond all bounds
        raise MalformedJsonError("not decodable as JSON text") from error


def dumps(value: Any) -> str:
    """Compact ASCII JSON, which SQS takes whatever characters the text has."""
    return simplejson.dumps(value, use_decimal=True, separators=(",", ":"), allow_nan=False)


def pretty(value: Any) -> str:
    """JSON for people, indented."""
    return simplejson.dumps(value, use_decimal=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys sorted, numbers without trailing zeros (12.10 is 12.1)."""
    return simplejson.dumps(
        _normal(value), use_decimal=True, separators=(",", ":"), sort_keys=True, allow_nan=False
    )


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
