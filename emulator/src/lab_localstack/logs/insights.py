"""Queries in the part of CloudWatch Logs Insights' language that is served.

fields (display), filter, stats with by, sort and limit. Everything else raises MalformedQueryError, so
that no query is half answered.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from lab_localstack.logs.line import LogLine

type Row = dict[str, Any]
type Command = Callable[[list[Row]], list[Row]]
type Test = Callable[[Row], bool]

DEFAULT_LIMIT = 10_000
MAX_FIELDS = 200
"""Fields of one JSON event that are discovered (CloudWatch Logs guide, "Supported logs and discovered fields")."""
_PARSER = Lark(Path(__file__).with_name("insights.lark").read_text(), parser="lalr")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_ESCAPES = re.compile(r"\\(.)")
_REPORT = re.compile(r"\t([A-Z][A-Za-z ]+): ([\d.]+) (ms|MB)")
_LAMBDA_LINE = re.compile(r"(START|END|REPORT) RequestId: ([\w-]+)")


class MalformedQueryError(ValueError):
    """The text is not a query, or more of the language than is served; `position` is a character offset."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Event:
    """A log event that a query looks at; times in epoch milliseconds."""

    message: str
    timestamp: int
    ingested: int
    stream: str
    group: str
    pointer: str


@dataclass(frozen=True)
class Result:
    """A query's rows as (field, value) pairs, and how many events it matched."""

    rows: list[list[tuple[str, str]]]
    matched: int


def run(query: str, events: Iterable[Event], limit: int | None = None) -> Result:
    """Answer a query. Raises MalformedQueryError."""
    compiled = compile_query(query)
    rows = [discovered(event) for event in events]
    matched: int | None = None
    for name, command in compiled.commands:
        if name in ("stats", "limit") and matched is None:
            matched = len(rows)
        rows = command(rows)
    matched = len(rows) if matched is None else matched
    if not compiled.sorted and not compiled.grouped:
        rows = _newest_first(rows)
    rows = rows[: limit or DEFAULT_LIMIT]
    columns = compiled.columns
    return Result([_shown(row, columns) for row in rows], matched)


class Query:
    """A compiled query: its commands in order, and which columns its rows have."""

    def __init__(self, tree: Tree[Token]) -> None:
        self.commands: list[tuple[str, Command]] = []
        self.columns: list[str] = ["@timestamp", "@message", "@ptr"]
        self.sorted = self.grouped = self.limited = False
        chosen: list[str] = []
        commands: list[Any] = list(tree.children)
        for node in commands:
            name = str(node.data)
            self.commands.append((name, _COMMANDS[name](node)))
            if name == "fields":
                chosen += [column for column in _column_names(node) if column not in chosen]
                self.columns = chosen if self.grouped else [*chosen, "@ptr"]
            elif name == "stats":
                self.columns, self.grouped = _stat_names(node), True
            self.sorted |= name == "sort"
            self.limited |= name == "limit"
        if self.limited and not self.sorted and not self.grouped:
            first = next(index for index, (name, _) in enumerate(self.commands) if name == "limit")
            self.commands.insert(first, ("sort", _newest_first))


@lru_cache(maxsize=128)
def compile_query(query: str) -> Query:
    """Parse a query. Raises MalformedQueryError."""
    try:
        return Query(_PARSER.parse(query.strip()))
    except LarkError as error:
        position = getattr(error, "pos_in_stream", None)
        raise MalformedQueryError("unexpected symbol found or unsupported query", position) from error
    except re.error as error:
        raise MalformedQueryError(f"invalid regular expression: {error}") from error


def discovered(event: Event) -> Row:
    """The event's fields: the system's, those of a JSON message, and those of Lambda's own lines."""
    row: Row = {}
    document = LogLine(event.message).json
    if isinstance(document, dict):
        _flatten(document, "", row)
    elif match := _LAMBDA_LINE.match(event.message):
        row["@type"], row["@requestId"] = match[1], match[2]
        for name, value, unit in _REPORT.findall(event.message):
            compact = name.replace(" ", "")
            number = _number(value)
            if number is not None:
                row[f"@{compact[0].lower()}{compact[1:]}"] = number * (1_000_000 if unit == "MB" else 1)
    return row | {
        "@timestamp": event.timestamp,
        "@message": event.message,
        "@ingestionTime": event.ingested,
        "@logStream": event.stream,
        "@log": event.group,
        "@ptr": event.pointer,
    }


def _flatten(value: Any, prefix: str, row: Row) -> None:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        if len(row) >= MAX_FIELDS:
            return
        name = f"{prefix}{key}"
        row[name] = int(child) if isinstance(child, bool) else child
        if isinstance(child, dict | list):
            _flatten(child, f"{name}.", row)


def _newest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["@timestamp"], reverse=True)


def _field(token: Any) -> str:
    return str(token).strip("`")


def _unquoted(token: Any) -> str:
    return _ESCAPES.sub(r"\1", str(token)[1:-1])


def _fields(node: Any) -> Command:
    aliases = [(_field(c.children[0]), _field(c.children[1])) for c in node.children if len(c.children) == 2]
    if not aliases:
        return lambda rows: rows
    return lambda rows: [row | {alias: row[name] for name, alias in aliases if name in row} for row in rows]


def _column_names(node: Any) -> list[str]:
    return [_field(column.children[-1]) for column in node.children]


def _filter(node: Any) -> Command:
    test = _test(node.children[0])
    return lambda rows: [row for row in rows if test(row)]


def _test(node: Any) -> Test:
    match node.data:
        case "disjunction" | "conjunction":
            tests = [_test(child) for child in node.children]
            together = any if node.data == "disjunction" else all
            return lambda row: together(test(row) for test in tests)
        case "negation":
            inner = _test(node.children[0])
            return lambda row: not inner(row)
        case "present":
            name = _field(node.children[0])
            return lambda row: row.get(name) is not None
        case "comparison":
            return _comparison(node)
        case "matches" | "not_matches":
            search, wanted = _search(node.children[1]), node.data == "matches"
            name = _field(node.children[0])
            return lambda row: (row.get(name) is not None and search(_text(row[name]))) == wanted
        case _:
            name, wanted = _field(node.children[0]), node.data == "contained"
            values = [_literal(token) for token in node.children[1].children]
            return lambda row: (name in row and any(_equal(row[name], value) for value in values)) == wanted


def _comparison(node: Any) -> Test:
    name, sign, operand = _field(node.children[0]), str(node.children[1]), node.children[2]
    compare = _COMPARISONS[sign]
    other = _field(operand) if operand.type == "FIELD" else None
    literal = None if other else _literal(operand)

    def test(row: Row) -> bool:
        left = row.get(name)
        right = row.get(other) if other else literal
        if left is None or right is None:
            return False
        first, second = _comparable(left, right)
        return compare(first, second)

    return test


def _literal(token: Any) -> Any:
    return float(token) if token.type == "NUMBER" else _unquoted(token)


def _equal(left: Any, right: Any) -> bool:
    first, second = _comparable(left, right)
    return first == second


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as numbers if they are numbers, else both as text."""
    first, second = _number(left), _number(right)
    return (first, second) if first is not None and second is not None else (_text(left), _text(right))


def _number(value: Any) -> float | None:
    """The value as a finite number; None for other ones, also for text such as "NaN"."""
    if isinstance(value, dict | list | None):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _search(token: Any) -> Callable[[str], bool]:
    if token.type == "STRING":
        part = _unquoted(token)
        return lambda text: part in text
    expression = re.compile(str(token)[1:-1].replace(r"\/", "/"))
    return lambda text: expression.search(text) is not None


def _sort(node: Any) -> Command:
    keys = [
        (_field(key.children[0]), len(key.children) == 2 and str(key.children[1]).lower() == "desc")
        for key in node.children
    ]

    def sort(rows: list[Row]) -> list[Row]:
        for name, descending in reversed(keys):
            rows = sorted(rows, key=lambda row, name=name: _order(row.get(name)), reverse=descending)
        return rows

    return sort


def _order(value: Any) -> tuple[int, float, str]:
    number = _number(value)
    if number is not None:
        return 1, number, ""
    return (0, 0.0, "") if value is None else (2, 0.0, _text(value))


def _limit(node: Any) -> Command:
    count = int(float(node.children[0]))
    return lambda rows: rows[:count]


def _stats(node: Any) -> Command:
    aggregates = [c for c in node.children if c is not None and c.data == "aggregate"]
    groups = [c for c in node.children if c is not None and c.data != "aggregate"]
    names = _stat_names(node)
    functions = [_aggregate(child) for child in aggregates]
    keys = [_group_key(child) for child in groups]

    def stats(rows: list[Row]) -> list[Row]:
        buckets: dict[tuple[Any, ...], tuple[list[Any], list[Row]]] = {}
        for row in rows:
            values = [key(row) for key in keys]
            identity = tuple(_text(value) for value in values)
            buckets.setdefault(identity, (values, []))[1].append(row)
        if not keys and not buckets:
            buckets[()] = ([], [])
        return [
            dict(zip(names, [*values, *(function(members) for function in functions)], strict=True))
            for values, members in buckets.values()
        ]

    return stats


def _stat_names(node: Any) -> list[str]:
    """The columns of a stats command: groups first, then aggregates."""
    groups: list[str] = []
    aggregates: list[str] = []
    for child in node.children:
        if child is None:
            continue
        tokens = [token for token in child.children if token is not None]
        if child.data == "bin":
            groups.append(_field(tokens[1]) if len(tokens) == 2 else f"bin({tokens[0]})")
        elif child.data == "by_field":
            groups.append(_field(tokens[-1]))
        else:
            aggregates.append(_aggregate_name(tokens))
    return groups + aggregates


def _aggregate_name(tokens: list[Any]) -> str:
    function, *rest = tokens
    arguments = _arguments(rest)
    if len(rest) > len(arguments):
        return _field(rest[-1])
    return f"{str(function).lower()}({', '.join(map(_field, arguments))})"


def _arguments(tokens: list[Any]) -> list[Any]:
    """The tokens between the parentheses: a field, a field and a number, or a star; an alias follows them."""
    if not tokens:
        return []
    return tokens[:2] if len(tokens) > 1 and tokens[1].type == "NUMBER" else tokens[:1]


def _aggregate(node: Any) -> Callable[[list[Row]], Any]:
    tokens = [token for token in node.children if token is not None]
    function = str(tokens[0]).lower()
    arguments = _arguments(tokens[1:])
    if function == "count" and (not arguments or arguments[0].type == "STAR"):
        return len
    if not arguments or arguments[0].type == "STAR" or (function == "pct") != (len(arguments) == 2):
        raise MalformedQueryError(f"wrong arguments of {function}")
    name = _field(arguments[0])

    def present(rows: list[Row]) -> list[Any]:
        return [row[name] for row in rows if row.get(name) is not None]

    def numbers(rows: list[Row]) -> list[float]:
        return [number for value in present(rows) if (number := _number(value)) is not None]

    if function == "count":
        return lambda rows: len(present(rows))
    if function == "count_distinct":
        return lambda rows: len({_text(value) for value in present(rows)})
    if function == "pct":
        fraction = float(arguments[1]) / 100
        return lambda rows: _percentile(sorted(numbers(rows)), fraction)
    summarize = _SUMMARIES[function]
    return lambda rows: summarize(values) if (values := numbers(rows)) else None


_SUMMARIES: dict[str, Callable[[list[float]], float]] = {
    "sum": lambda values: reduce(operator.add, values),
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}


def _percentile(ordered: list[float], fraction: float) -> float | None:
    if not ordered:
        return None
    return ordered[max(0, -int(-(len(ordered) * fraction) // 1) - 1)]


def _group_key(node: Any) -> Callable[[Row], Any]:
    if node.data == "by_field":
        name = _field(node.children[0])
        return lambda row: row.get(name)
    count, unit = re.fullmatch(r"(\d+)\s*(\w+)", str(node.children[0])).groups()  # pyright: ignore
    width = int(count) * _MILLISECONDS[unit]
    return lambda row: Instant(row["@timestamp"] // width * width)


class Instant(int):
    """Epoch milliseconds that are shown as a time."""


def _shown(row: Row, columns: list[str]) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    for column in columns:
        value = row.get(column)
        if value is None:
            continue
        is_time = isinstance(value, Instant) or column in ("@timestamp", "@ingestionTime")
        shown.append((column, _time(value) if is_time else _text(value)))
    return shown


def _time(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(round(value, 4))
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    return "" if value is None else str(value)


_COMMANDS: dict[str, Callable[[Any], Command]] = {
    "fields": _fields,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "stats": _stats,
}
