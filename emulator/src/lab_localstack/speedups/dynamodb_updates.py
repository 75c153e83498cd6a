"""Updates of whole attributes, which nearly all are, carried out directly.

For every update moto copies the expression's syntax tree and walks it ten times: measured, nine tenths of the time of a
DynamoDB call. What is not understood here, and whatever might be wrong, is left to moto, which knows the errors.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ConditionalCheckFailed, ExpressionAttributeNameNotDefined
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from lab_localstack.dynamodb.models import Row
from lab_localstack.speedups.dynamodb_rows import stored

_TOKEN = re.compile(r"\s*(#[A-Za-z0-9_]+|:[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|[=,()+-])")
_CLAUSES = ("SET", "REMOVE", "ADD")
_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,37})?")
_SCALARS = ("S", "N", "B", "BOOL", "NULL")
SIZE_LIMIT = 350_000
"""Bytes of an item up to which nobody has to count exactly; DynamoDB's limit is 400 KB."""

_moto_update_item = DynamoDBBackend.update_item


class _NotPlain(Exception):  # noqa: N818  no error: moto's turn
    """The update is not one for this module."""


@dataclass(frozen=True)
class Operand:
    """A placeholder of a value, an attribute, or (`default`) an attribute with what stands in for it."""

    token: str
    default: "Operand | None" = None


@dataclass(frozen=True)
class Action:
    """What happens to one attribute. SET: `left`, or `left sign right`; ADD: `left`; REMOVE: nothing more."""

    clause: str
    target: str
    left: Operand | None = None
    sign: str = ""
    right: Operand | None = None


def update_item(  # noqa: PLR0917  moto's signature
    backend: DynamoDBBackend,
    table_name: str,
    key: dict[str, dict[str, Any]],
    update_expression: str,
    expression_attribute_names: dict[str, Any],
    expression_attribute_values: dict[str, Any],
    attribute_updates: dict[str, Any] | None = None,
    expected: dict[str, Any] | None = None,
    condition_expression: str | None = None,
    return_values_on_condition_check_failure: str | None = None,
) -> Item:
    """In place of `DynamoDBBackend.update_item`. Raises what that raises; then nothing is changed."""
    names, values = expression_attribute_names or {}, expression_attribute_values or {}
    row = Row.of(backend, {"TableName": table_name, "Key": key})
    plan = _plan(update_expression) if update_expression else None
    if row and plan and not attribute_updates and not expected and row.table.stream_shard is None:
        item = row.item
        condition = ConditionExpressionParser(condition_expression, names, values).parse()
        if not condition.expr(item):
            shown = return_values_on_condition_check_failure == "ALL_OLD" and item is not None
            raise ConditionalCheckFailed(item=item.to_json()["Attributes"] if shown and item else None)
        try:
            changes = _changes(plan, row.table, item, names, values)
        except _NotPlain:
            pass
        else:
            return _changed(row, item, changes)
    try:
        return _moto_update_item(
            backend,
            table_name,
            key,
            update_expression,
            expression_attribute_names,
            expression_attribute_values,
            attribute_updates,
            expected,
            condition_expression,
            return_values_on_condition_check_failure,
        )
    except KeyError as missing:  # moto forgets to check the names of targets
        raise ExpressionAttributeNameNotDefined(missing.args[0]) from missing


def _changed(row: Row, item: Item | None, changes: Mapping[str, DynamoType | None]) -> Item:
    if item is None:
        item = row.table.put_item(dict(row.key))
    for name, value in changes.items():
        if value is None:
            item.attrs.pop(name, None)
        else:
            # its own would measure the whole item each time
            dict.__setitem__(item.attrs, sys.intern(name), value)
    return item


def _changes(
    plan: tuple[Action, ...],
    table: Table,
    item: Item | None,
    names: Mapping[str, str],
    values: Mapping[str, dict[str, Any]],
) -> dict[str, DynamoType | None]:
    """New values by attribute, None for those that go. Raises _NotPlain."""
    before: Mapping[str, DynamoType] = item.attrs if item else {}
    defined = {definition["AttributeName"] for definition in table.attr}  # keys, also of indexes
    changes: dict[str, DynamoType | None] = {}

    def value_of(operand: Operand) -> DynamoType:
        if operand.token.startswith(":"):
            return _given(values.get(operand.token))
        found = before.get(_name(operand.token, names))
        if found is None and operand.default:
            return value_of(operand.default)
        if found is None or found.type not in _SCALARS:
            raise _NotPlain
        return found

    for action in plan:
        target = _name(action.target, names)
        if target in defined or target in changes:
            raise _NotPlain
        if action.left is None:
            changes[target] = None
        elif action.clause == "ADD":
            changes[target] = _sum(before.get(target), "+", value_of(action.left))
        elif action.right is None:
            changes[target] = value_of(action.left)
        else:
            changes[target] = _sum(value_of(action.left), action.sign, value_of(action.right))
    size = item.size() if item else 0
    size += sum(len(name) * 4 + value.size() for name, value in changes.items() if value)
    if size > SIZE_LIMIT:
        raise _NotPlain
    return changes


def _name(token: str, names: Mapping[str, str]) -> str:
    name = names.get(token) if token.startswith("#") else token
    if not name or (name == token and name.upper() in ReservedKeywords.get_reserved_keywords()):
        raise _NotPlain
    return name


def _given(value: dict[str, Any] | None) -> DynamoType:
    if not value or len(value) != 1:
        raise _NotPlain
    kind, content = next(iter(value.items()))
    if kind == "N" and not (isinstance(content, str) and _NUMBER.fullmatch(content)):
        raise _NotPlain
    if kind == "S" and not isinstance(content, str):
        raise _NotPlain
    return stored(value)


def _sum(left: DynamoType | None, sign: str, right: DynamoType) -> DynamoType:
    """left + right or left - right; what is not there counts as zero."""
    if right.type != "N" or (left and left.type != "N"):
        raise _NotPlain
    first, second = Decimal(left.value if left else 0), Decimal(right.value)
    total = first + second if sign == "+" else first - second
    text = format(total, "f")
    if not _NUMBER.fullmatch(text):
        raise _NotPlain
    return stored({"N": text})


@lru_cache(maxsize=1024)
def _plan(text: str) -> tuple[Action, ...] | None:
    """The actions of an update expression; None for one that is not plain."""
    tokens: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            return None
        tokens.append(found[1])
        position = found.end()
    try:
        return tuple(_Reader(tokens).actions())
    except (_NotPlain, IndexError):
        return None


class _Reader:
    """Reads actions from the tokens of an expression. Raises _NotPlain or IndexError."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def actions(self) -> Iterator[Action]:
        seen: set[str] = set()
        while self._next < len(self._tokens):
            clause = self._take().upper()
            if clause not in _CLAUSES or clause in seen:
                raise _NotPlain
            seen.add(clause)
            yield self._action(clause)
            while self._take_if(","):
                yield self._action(clause)

    def _action(self, clause: str) -> Action:
        target = self._path()
        if clause == "REMOVE":
            return Action(clause, target)
        if clause == "ADD":
            value = self._take()
            if not value.startswith(":"):
                raise _NotPlain
            return Action(clause, target, Operand(value))
        if not self._take_if("="):
            raise _NotPlain
        left = self._operand()
        for sign in ("+", "-"):
            if self._take_if(sign):
                return Action(clause, target, left, sign, self._operand())
        return Action(clause, target, left)

    def _operand(self) -> Operand:
        if self._peek().startswith(":"):
            return Operand(self._take())
        if self._peek() != "if_not_exists":
            return Operand(self._path())
        self._take()
        if not self._take_if("("):
            raise _NotPlain
        path = self._path()
        if not self._take_if(","):
            raise _NotPlain
        default = self._operand()
        if not self._take_if(")"):
            raise _NotPlain
        return Operand(path, default)

    def _path(self) -> str:
        token = self._take()
        if not (token.startswith("#") or token.isidentifier()) or self._peek() == "(":
            raise _NotPlain
        return token

    def _take_if(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._next += 1
        return True

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1]

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""
