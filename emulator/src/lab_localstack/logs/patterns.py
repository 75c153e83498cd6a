"""Filter patterns of CloudWatch Logs: metric filters, subscription filters and FilterLogEvents use them.

Source: CloudWatch Logs User Guide, "Filter pattern syntax". A comparison with a property that does not exist
is false; patterns outside the documented grammar raise InvalidPatternError.
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from lab_localstack import globs
from lab_localstack.logs.line import LogLine
from lab_localstack.logs.selectors import select, steps

type Predicate = Callable[[LogLine], bool]
type FieldNames = tuple[str | None, ...]

MAX_LENGTH = 1024
_PARSER = Lark(
    Path(__file__).with_name("filter_pattern.lark").read_text(),
    parser="lalr",
    start=["terms", "json", "fields"],
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ESCAPES = re.compile(r"\\(.)")
_REGEX_NOT_SERVED = re.compile(r"\\[1-9AbBGkZpP]|\(\?|\(\*")


class InvalidPatternError(ValueError):
    """The text is not a filter pattern."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, predicate: Predicate, names: FieldNames = ()) -> None:
        self.matches = predicate
        """Whether a log line matches."""
        self._names = names

    def value(self, line: LogLine, reference: str) -> Any:
        """What `$.path` (JSON pattern) or `$name` (space-delimited one) stands for in a line that matches."""
        if self._names:
            return (_bind(self._names, line.fields) or {}).get(reference.removeprefix("$"))
        try:
            found = select(line.json, steps(reference))
        except ValueError:
            return None
        return found[0] if found else None


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a filter pattern; the empty one matches everything. Raises InvalidPatternError."""
    text = pattern.strip()
    if len(text) > MAX_LENGTH:
        raise InvalidPatternError("filter pattern too long")
    start = {"{": "json", "[": "fields"}.get(text[:1], "terms")
    try:
        tree = _PARSER.parse(text, start=start)
    except LarkError as error:
        raise InvalidPatternError("Invalid filter pattern") from error
    if start == "json":
        return Pattern(_json(tree.children[0]))
    return _fields(tree) if start == "fields" else Pattern(_terms(tree))


def _terms(tree: Tree[Token]) -> Predicate:
    wanted: dict[str, list[Predicate]] = {"": [], "-": [], "?": []}
    children: list[Any] = list(tree.children)
    for term in children:
        prefix = str(term.children[0]) if len(term.children) == 2 else ""
        wanted[prefix].append(_contains(term.children[-1]))
    included, excluded, optional = wanted[""], wanted["-"], wanted["?"]
    if included or excluded:
        # AWS ignores ?terms that stand beside other ones
        return lambda line: all(p(line) for p in included) and not any(p(line) for p in excluded)
    return lambda line: not optional or any(p(line) for p in optional)


def _contains(token: Any) -> Predicate:
    if token.type == "REGEX":
        expression = _regex(token)
        return lambda line: expression.search(line.message) is not None
    text = _unquoted(token) if token.type == "STRING" else str(token)
    return lambda line: text in line.message


def _json(node: Any) -> Predicate:
    if node.data in ("disjunction", "conjunction"):
        return _combined(node, _json)
    if node.data == "negation":
        inner = _json(node.children[0])
        return lambda line: line.json is not None and not inner(line)
    path = _path(node.children[0])
    if node.data == "comparison":
        accepts = _comparison(node.children[1], node.children[2])
        return lambda line: any(map(accepts, select(line.json, path)))
    if node.data == "is_kind":
        value = {"NULL": None, "TRUE": True, "FALSE": False}[str(node.children[1])]
        return lambda line: any(found is value for found in select(line.json, path))
    if node.data == "exists":
        return lambda line: bool(select(line.json, path))
    return lambda line: line.json is not None and not select(line.json, path)


def _path(token: Any) -> tuple[Any, ...]:
    return steps(str(token))


def _combined(node: Any, compile_child: Callable[[Any], Any]) -> Any:
    children = [compile_child(child) for child in node.children]
    together = any if node.data == "disjunction" else all
    return lambda *subject: together(child(*subject) for child in children)


def _fields(tree: Tree[Token]) -> Pattern:
    names: list[str | None] = []
    conditions: list[Callable[[dict[str, str]], bool]] = []
    children: list[Any] = [child for child in tree.children if child is not None]
    for child in children:
        if child.data == "ellipsis":
            names.append(None)
        elif child.data == "named":
            names.append(str(child.children[0]))
        else:
            names.append(str(next(t for t in child.scan_values(lambda t: t.type == "NAME"))))
            conditions.append(_field_condition(child))
    if names.count(None) > 1:
        raise InvalidPatternError("Invalid filter pattern: only one ellipsis is allowed")
    bound = tuple(names)

    def matches(line: LogLine) -> bool:
        values = _bind(bound, line.fields)
        return values is not None and all(condition(values) for condition in conditions)

    return Pattern(matches, bound)


def _field_condition(node: Any) -> Callable[[dict[str, str]], bool]:
    if node.data in ("disjunction", "conjunction"):
        return _combined(node, _field_condition)
    name, accepts = str(node.children[0]), _comparison(node.children[1], node.children[2])
    return lambda values: name in values and accepts(values[name])


def _bind(names: FieldNames, fields: list[str]) -> dict[str, str] | None:
    """The fields by name, or None if their number does not fit; None among the names takes up the rest."""
    if None in names:
        gap = names.index(None)
        after = len(names) - gap - 1
        if len(fields) < gap + after:
            return None
        fields = [*fields[:gap], *fields[len(fields) - after :]]
        names = (*names[:gap], *names[gap + 1 :])
    if len(names) != len(fields):
        return None
    return {name: value for name, value in zip(names, fields, strict=True) if name}


def _comparison(sign: Any, literal: Any) -> Callable[[Any], bool]:
    """Compare as numbers where both sides are, else as text; `*` is a wildcard in text."""
    compare = _ORDER[str(sign)]
    equality = str(sign) in ("=", "!=")
    if literal.type == "REGEX":
        expression, wanted = _regex(literal), str(sign) == "="
        if not equality:
            raise InvalidPatternError("Invalid filter pattern: a regular expression needs = or !=")
        return lambda value: isinstance(value, str) and (expression.search(value) is not None) == wanted
    quoted = literal.type == "STRING"
    text = _unquoted(literal) if quoted else str(literal)
    number = None if quoted else _number(text)
    if number is None and not equality:
        raise InvalidPatternError(f"Invalid filter pattern: {sign} compares numbers")
    if "*" in text:
        wanted = str(sign) == "="
        return lambda value: _is_scalar(value) and globs.fits(text, _text(value)) == wanted

    def accepts(value: Any) -> bool:
        if not _is_scalar(value):
            return False
        if number is not None:
            given = value if isinstance(value, int | float) else _number(value)
            if given is not None:
                return compare(given, number)
        return equality and compare(_text(value), text)

    return accepts


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unquoted(token: Any) -> str:
    return _ESCAPES.sub(r"\1", str(token)[1:-1])


def _regex(token: Any) -> re.Pattern[str]:
    text = str(token)[1:-1]
    if _REGEX_NOT_SERVED.search(text):
        raise InvalidPatternError("Invalid filter pattern: unsupported regular expression")
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidPatternError(f"Invalid filter pattern: {error}") from error
