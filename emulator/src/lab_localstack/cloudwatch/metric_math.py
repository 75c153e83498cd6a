"""Metric math on time series that share one grid of periods.

Served: numbers, + - * / % ^, comparisons, AND OR, arrays, and the functions ABS AVG CEIL DIFF FILL FLOOR IF
MAX METRICS METRIC_COUNT MIN PERIOD RATE SUM. Everything else raises MetricMathError.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError, VisitError

type Series = list[float | None]
"""One value a period, oldest first; None where the metric has no data."""
type Value = float | Series | Array | str


class MetricMathError(ValueError):
    """The expression is not metric math, or more of it than is served here."""


@dataclass(frozen=True)
class Array:
    """Several series, as METRICS() or [m1, m2] yield them."""

    members: list[Series]


@dataclass(frozen=True)
class Grid:
    """What an expression is about: its series by id, which of them are metrics, the period in seconds."""

    series: Mapping[str, Series]
    metric_ids: tuple[str, ...]
    period: int


_PARSER = Lark(Path(__file__).with_name("metric_math.lark").read_text(), parser="lalr")
_REPEAT = "REPEAT"
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": operator.pow,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_ROUNDERS: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: -(-value // 1),
    "FLOOR": lambda value: value // 1,
}
_OTHERS = ("DIFF", "FILL", "IF", "METRICS", "METRIC_COUNT", "PERIOD", "RATE")


@lru_cache(maxsize=256)
def parse(expression: str) -> Tree[Token]:
    """The expression's syntax tree. Raises MetricMathError on what is not served."""
    try:
        tree = _PARSER.parse(expression)
    except LarkError as error:
        raise MetricMathError(f"unsupported or malformed expression '{expression}'") from error
    for call in tree.find_data("call"):
        name = str(call.children[0])
        if name not in (*_AGGREGATES, *_ROUNDERS, *_OTHERS):
            raise MetricMathError(f"unsupported function {name} in expression '{expression}'")
    return tree


def references(expression: str) -> set[str]:
    """The ids that the expression names; METRICS() names none."""
    return {str(node.children[0]) for node in parse(expression).find_data("reference")}


def evaluate(expression: str, grid: Grid) -> Series:
    """The expression's time series. Raises MetricMathError if it yields a number or an array."""
    try:
        value = _Evaluation(grid).transform(parse(expression))
    except VisitError as error:
        raise error.orig_exc from error
    if not isinstance(value, list):
        raise MetricMathError(f"expression '{expression}' must return a single time series")
    return value


class _Evaluation(Transformer[Token, Any]):
    """Computes the value of each node of the syntax tree from those of its children."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self._grid = grid

    def number(self, children: list[Any]) -> Value:
        return float(children[0])

    def reference(self, children: list[Any]) -> Value:
        try:
            return self._grid.series[str(children[0])]
        except KeyError as error:
            raise MetricMathError(f"unknown id {children[0]}") from error

    def text(self, children: list[Any]) -> Value:
        return str(children[0])[1:-1]

    def repeat(self, _children: list[Any]) -> Value:
        return _REPEAT

    def negation(self, children: list[Any]) -> Value:
        return _combine("-", 0.0, children[0])

    def array(self, children: list[Any]) -> Value:
        if not all(isinstance(member, list) for member in children):
            raise MetricMathError("an array may only hold time series")
        return Array(children)

    def sum(self, children: list[Any]) -> Value:
        return _chain(children)

    def product(self, children: list[Any]) -> Value:
        return _chain(children)

    def comparison(self, children: list[Any]) -> Value:
        return _chain(children)

    def power(self, children: list[Any]) -> Value:
        return _combine("^", *children)

    def conjunction(self, children: list[Any]) -> Value:
        return _same("AND", children)

    def disjunction(self, children: list[Any]) -> Value:
        return _same("OR", children)

    def call(self, children: list[Any]) -> Value:
        name, arguments = str(children[0]), [child for child in children[1:] if child is not None]
        if name in _AGGREGATES:
            return _aggregate(_AGGREGATES[name], _only(name, arguments))
        if name in _ROUNDERS:
            return _each(_only(name, arguments), _ROUNDERS[name])
        return getattr(self, f"_{name.lower()}")(name, arguments)

    def _metrics(self, _name: str, arguments: list[Any]) -> Value:
        wanted = arguments[0] if arguments else ""
        return Array([self._grid.series[metric] for metric in self._grid.metric_ids if wanted in metric])

    def _metric_count(self, name: str, arguments: list[Any]) -> Value:
        value = _only(name, arguments)
        return float(len(value.members)) if isinstance(value, Array) else 1.0

    def _period(self, name: str, arguments: list[Any]) -> Value:
        _only(name, arguments)
        return float(self._grid.period)

    def _rate(self, name: str, arguments: list[Any]) -> Value:
        return _differences(_only(name, arguments), self._grid.period)

    def _diff(self, name: str, arguments: list[Any]) -> Value:
        return _differences(_only(name, arguments), 1)

    def _fill(self, name: str, arguments: list[Any]) -> Value:
        value, filler = _require(name, arguments, 2)
        if isinstance(value, Array):
            return Array([_filled(series, filler) for series in value.members])
        return _filled(value, filler) if isinstance(value, list) else value

    def _if(self, name: str, arguments: list[Any]) -> Value:
        condition, then, otherwise = _require(name, arguments, 3)
        if any(isinstance(argument, Array | str) for argument in arguments):
            raise MetricMathError("IF takes time series and numbers")
        if isinstance(condition, float):
            return then if condition else otherwise

        def chosen(index: int, holds: float) -> float | None:
            value = then if holds else otherwise
            return value[index] if isinstance(value, list) else value

        return [None if holds is None else chosen(index, holds) for index, holds in enumerate(condition)]


def _require(name: str, arguments: list[Any], count: int) -> list[Any]:
    if len(arguments) != count:
        raise MetricMathError(f"{name} takes {count} argument{'s' if count > 1 else ''}")
    return arguments


def _only(name: str, arguments: list[Any]) -> Value:
    return _require(name, arguments, 1)[0]


def _chain(children: list[Any]) -> Value:
    """Operands with operators between them, from left to right."""
    result = children[0]
    for sign, operand in zip(children[1::2], children[2::2], strict=True):
        result = _combine(str(sign), result, operand)
    return result


def _same(sign: str, operands: list[Any]) -> Value:
    result = operands[0]
    for operand in operands[1:]:
        result = _combine(sign, result, operand)
    return result


def _combine(sign: str, left: Value, right: Value) -> Value:
    """Apply an operator to numbers and series; a period without data on one side has none in the result."""
    function = _OPERATORS[sign]

    def apply(a: float | None, b: float | None) -> float | None:
        if a is None or b is None:
            return None
        try:
            return float(function(a, b))
        except (ZeroDivisionError, OverflowError):
            return None

    if isinstance(left, str) or isinstance(right, str):
        raise MetricMathError("text is not a value")
    if isinstance(left, Array):
        return Array([_as_series(_combine(sign, series, right)) for series in left.members])
    if isinstance(right, Array):
        return Array([_as_series(_combine(sign, left, series)) for series in right.members])
    if isinstance(left, float) and isinstance(right, float):
        result = apply(left, right)
        if result is None:
            raise MetricMathError("division by zero")
        return result
    width = len(left) if isinstance(left, list) else len(_as_series(right))
    wide_left = left if isinstance(left, list) else [left] * width
    wide_right = right if isinstance(right, list) else [right] * width
    return [apply(a, b) for a, b in zip(wide_left, wide_right, strict=True)]


def _as_series(value: Value) -> Series:
    if not isinstance(value, list):
        raise MetricMathError("a time series is needed here")
    return value


def _each(value: Value, function: Callable[[float], float]) -> Value:
    if isinstance(value, float):
        return float(function(value))
    if isinstance(value, Array):
        return Array([_as_series(_each(series, function)) for series in value.members])
    return [None if number is None else float(function(number)) for number in _as_series(value)]


def _aggregate(function: Callable[[list[float]], float], value: Value) -> Value:
    """Over an array a series, period by period; over a series a number."""
    if isinstance(value, float):
        return value
    if isinstance(value, Array):
        columns = ([v for v in column if v is not None] for column in zip(*value.members, strict=True))
        return [float(function(column)) if column else None for column in columns]
    known = [number for number in _as_series(value) if number is not None]
    return float(function(known)) if known else 0.0


def _filled(series: Series, filler: Any) -> Series:
    if filler != _REPEAT and not isinstance(filler, float):
        raise MetricMathError("FILL takes a number or REPEAT")
    last: float | None = None if filler == _REPEAT else filler
    result: Series = []
    for value in series:
        if filler == _REPEAT and value is not None:
            last = value
        result.append(last if value is None else value)
    return result


def _differences(value: Value, per: float) -> Series:
    series = _as_series(value)
    return [None, *((None if a is None or b is None else (b - a) / per) for a, b in pairwise(series))]
