"""TransactWriteItems: all or nothing, with a cancellation reason for every item, idempotent by token.

Moto's own copies whole tables before every transaction; this one remembers only the rows it writes.
"""

import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.dynamodb import (
    CancellationReason,
    IdempotentParameterMismatchException,
    ResourceNotFoundException,
    TransactionCanceledException,
)
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.responses import validate_put_has_empty_attrs, validate_put_has_empty_keys

from lab_localstack.dynamodb.capacity import consumed, write_units
from lab_localstack.dynamodb.errors import ValidationError
from lab_localstack.dynamodb.models import LOCK, Row, attributes
from lab_localstack.dynamodb.validation import ONLY_THE_ITEM_SHOWS

MAX_ITEMS = 100
EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
    "string value. Key: {}"
)
TOKEN_SECONDS = 600
MAX_TOKENS = 10_000
_KINDS = ("ConditionCheck", "Put", "Delete", "Update")
_tokens: OrderedDict[tuple[str, str, str], tuple[float, bytes]] = OrderedDict()


@dataclass(frozen=True)
class _Action:
    """One item of the transaction: what is done to which row on which condition."""

    kind: str
    request: dict[str, Any]
    row: Row
    condition: Any


def transact_write_items(context: RequestContext, request: Any) -> dict[str, Any]:
    """Handle TransactWriteItems. Raises TransactionCanceledException with one reason for each item."""
    token, items = request.get("ClientRequestToken"), request["TransactItems"]
    if not 1 <= len(items) <= MAX_ITEMS:
        raise ValidationError(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member "
            f"must have length less than or equal to {MAX_ITEMS}, Member must have length greater than or "
            "equal to 1"
        )
    with LOCK:
        if token and _seen(context, token, items):
            return _result(request, [])
        backend = dynamodb_backends[context.account_id][context.region]
        actions = [_action(backend, item) for item in items]
        _require_distinct(actions)
        reasons = [_check(action) for action in actions]
        if not any(reasons):
            reasons = _apply(backend, actions)
        if any(reasons):
            raise _canceled(reasons)
        if token:
            _remember(context, token, items)
        return _result(request, actions)


def _action(backend: DynamoDBBackend, item: dict[str, Any]) -> _Action:
    if len(item) != 1 or next(iter(item)) not in _KINDS:
        raise ValidationError("TransactItems can only contain one of Check, Put, Update or Delete")
    kind, request = next(iter(item.items()))
    request = request | {"TableName": request["TableName"].rpartition("table/")[2]}  # from a name or an ARN
    if request["TableName"] not in backend.tables:
        raise ResourceNotFoundException("Requested resource not found")
    given = request["Item"] if kind == "Put" else request["Key"]
    row = Row.of(backend, request)
    if row is None or (kind != "Put" and given.keys() != row.key.keys()):
        raise ValidationError("The provided key element does not match the schema")
    if request.get("ExpressionAttributeValues") == {}:
        raise ValidationError("ExpressionAttributeValues must not be empty")
    try:
        validate_put_has_empty_keys(given, row.table, EMPTY_KEY)
        if kind == "Put":
            validate_put_has_empty_attrs(given, row.table)
        if kind == "Update":
            UpdateExpressionParser.make(request["UpdateExpression"])
        condition = create_condition_expression_parser(
            request.get("ConditionExpression"),
            request.get("ExpressionAttributeNames") or {},
            request.get("ExpressionAttributeValues") or {},
        ).parse()
    except MockValidationException as error:
        raise ValidationError(error.message) from error
    return _Action(kind, request, row, condition)


def _require_distinct(actions: list[_Action]) -> None:
    rows = {
        (action.row.table.name, json.dumps(action.row.key, sort_keys=True, default=repr))
        for action in actions
    }
    if len(rows) < len(actions):
        raise ValidationError("Transaction request cannot include multiple operations on one item")


def _check(action: _Action) -> CancellationReason | None:
    current = action.row.item
    if action.condition.expr(current):
        return None
    reason = CancellationReason(Code="ConditionalCheckFailed", Message="The conditional request failed")
    if current and action.request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        reason["Item"] = attributes(current)
    return reason


def _apply(backend: DynamoDBBackend, actions: list[_Action]) -> list[CancellationReason | None]:
    """Write everything; on the first error put back what was written and return that error's reason."""
    reasons: list[CancellationReason | None] = [None] * len(actions)
    undo: list[tuple[Row, Any]] = []
    for number, action in enumerate(actions):
        undo.append((action.row, action.row.copy()))
        try:
            _write(backend, action)
        except (JsonRESTError, ValueError, TypeError) as error:
            for row, before in reversed(undo):
                row.restore(before)
            message = getattr(error, "message", None) or str(error)
            if not ONLY_THE_ITEM_SHOWS.match(message):
                raise ValidationError(message) from error
            reasons[number] = CancellationReason(Code="ValidationError", Message=message)
            return reasons
    return reasons


def _write(backend: DynamoDBBackend, action: _Action) -> None:
    request, table = action.request, action.request["TableName"]
    if action.kind == "Put":
        backend.put_item(table, request["Item"], overwrite=True)
    elif action.kind == "Delete":
        backend.delete_item(table, action.row.key)
    elif action.kind == "Update":
        backend.update_item(
            table,
            action.row.key,
            request["UpdateExpression"],
            request.get("ExpressionAttributeNames") or {},
            request.get("ExpressionAttributeValues") or {},
        )


def _canceled(reasons: list[CancellationReason | None]) -> TransactionCanceledException:
    codes = ", ".join(str(reason.get("Code")) if reason else "None" for reason in reasons)
    error = TransactionCanceledException(
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    )
    error.CancellationReasons = [reason or CancellationReason(Code="None") for reason in reasons]
    return error


def _result(request: Any, actions: list[_Action]) -> dict[str, Any]:
    """The response; a transaction consumes twice the units of its writes."""
    detail = request.get("ReturnConsumedCapacity", "NONE")
    if detail == "NONE":
        return {}
    units: dict[str, float] = {}
    for action in actions:
        table = action.row.table.name
        units[table] = units.get(table, 0) + 2 * write_units(attributes(action.row.item))
    return {"ConsumedCapacity": [consumed(table, used, detail) for table, used in units.items()]}


def _seen(context: RequestContext, token: str, items: Any) -> bool:
    """Whether this very request succeeded within the last ten minutes; it is then not done again."""
    while _tokens and next(iter(_tokens.values()))[0] < time.time() - TOKEN_SECONDS:
        _tokens.popitem(last=False)
    known = _tokens.get((context.account_id, context.region, token))
    if known is None:
        return False
    if known[1] != _fingerprint(items):
        raise IdempotentParameterMismatchException(
            "Request rejected because it was retried with the same token but different parameters."
        )
    return True


def _remember(context: RequestContext, token: str, items: Any) -> None:
    _tokens[context.account_id, context.region, token] = time.time(), _fingerprint(items)
    if len(_tokens) > MAX_TOKENS:
        _tokens.popitem(last=False)


def _fingerprint(items: Any) -> bytes:
    return hashlib.sha256(json.dumps(items, sort_keys=True, default=repr).encode()).digest()
