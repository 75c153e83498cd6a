"""Expressions that DynamoDB cannot read: moto fails on some of them, and the caller would try again for ever.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser

CONDITIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression")
EXPRESSIONS = (*CONDITIONS, "ProjectionExpression", "UpdateExpression")
FUNCTIONS = {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}
WORDS = {"AND", "OR", "NOT", "IN", "BETWEEN"}
CALL = re.compile(r"(?<![#:\w.-])([A-Za-z_]\w*)\s*\(")
TOKEN = re.compile(r"[#:][A-Za-z0-9_.-]+")
PATH = re.compile(r"[^,\[\]]*[^,\[\]\s]\s*(\[\s*\d+\s*\]\s*(\.[^,\[\]]+)?)*")
UNDEFINED = {
    "#": "An expression attribute name used in the document path is not defined; attribute name: ",
    ":": "An expression attribute value used in expression is not defined; attribute value: ",
}


def fault(part: Mapping[str, Any]) -> str | None:
    """What is wrong with the expressions of a request or of a part of one; None if they can be read."""
    given = {*(part.get("ExpressionAttributeNames") or ()), *(part.get("ExpressionAttributeValues") or ())}
    for kind in EXPRESSIONS:
        if kind in part and (found := _fault_of(kind, part[kind], given)):
            return f"Invalid {kind}: {found}"
    return None


def tokens(text: str) -> frozenset[str]:
    """The names and values that an expression uses; of #a.b both #a.b and #a."""
    return frozenset(part for token in _placeholders(text) for part in (token, token.partition(".")[0]))


def _fault_of(kind: str, text: str, given: set[str]) -> str | None:
    if not text.strip():
        return "The expression can not be empty;"
    if kind in SYNTAX and (wrong := SYNTAX[kind](text)):
        return wrong
    for token in _placeholders(text):
        if token not in given and token.partition(".")[0] not in given:
            return UNDEFINED[token[0]] + token.partition(".")[0]
    return None


@lru_cache(maxsize=1024)
def _placeholders(text: str) -> tuple[str, ...]:
    return tuple(TOKEN.findall(text))


@lru_cache(maxsize=1024)
def _condition_fault(text: str) -> str | None:
    for called in CALL.findall(text):
        if called not in FUNCTIONS and called.upper() not in WORDS:
            return f"Invalid function name; function: {called}"
    found = tokens(text)
    names = {token: "x" for token in found if token.startswith("#")}
    values = {token: {"S": "x"} for token in found if token.startswith(":")}
    try:
        ConditionExpressionParser(text, names, values).parse()
    except Exception as error:  # moto raises whatever its step meets
        return f"Syntax error; {error}"
    return None


@lru_cache(maxsize=1024)
def _paths_fault(text: str) -> str | None:
    wrong = next((path for path in text.split(",") if not PATH.fullmatch(path)), None)
    return None if wrong is None else f'Syntax error; token: "{wrong.strip() or "<EOF>"}", near: "{text}"'


SYNTAX = dict.fromkeys(CONDITIONS, _condition_fault) | {"ProjectionExpression": _paths_fault}
"""What finds a fault in an expression's syntax; those of updates moto finds itself."""
