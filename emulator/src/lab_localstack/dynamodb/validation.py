"""What DynamoDB refuses before it looks at any item, and moto does not, or with other words.

Recorded on AWS by moto's tests marked `aws_verified`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

from lab_localstack.dynamodb import expressions, values
from lab_localstack.dynamodb.errors import ValidationError
from lab_localstack.dynamodb.expressions import EXPRESSIONS, TOKEN, tokens
from lab_localstack.dynamodb.models import table_of

PREFIX = "1 validation error detected: "
PREFIXED = ("PutItem", "UpdateItem", "DeleteItem", "Query")
"""The operations whose refusals of a request's own text begin with the prefix."""
PREFIXED_REFUSALS = re.compile(
    r'Value provided in ExpressionAttribute|Invalid UpdateExpression: (The "|Two document paths|The expression can not)'
    r"|(ExpressionAttributeValues contains invalid value: )?One or more parameter values were invalid: An? \w+ set "
)
SELECTS = ("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
ONLY_THE_ITEM_SHOWS = re.compile(
    "An operand in the update expression has an incorrect data type|Item size|Number overflow|Incorrect operand type"
    "|The document path provided|The provided expression refers to an attribute"
)
"""Errors of an update that depend on the item: a transaction is cancelled for them, and refused for all others."""


def require_valid(operation: str, request: Any, backend: DynamoDBBackend) -> None:
    """Raise ValidationError for a request that DynamoDB refuses."""
    prefix = PREFIX if operation in PREFIXED else ""
    for part in _parts(request):
        require_all_used(part, "" if operation == "Query" else prefix)
        if wrong := expressions.fault(part) or values.fault(part):
            raise ValidationError(worded(operation, wrong))
    if operation in ("Query", "Scan"):
        _require_select(request, prefix, backend)
    if operation == "CreateTable":
        _require_single_keys(request.get("GlobalSecondaryIndexes") or [])
        _require_no_stream(request)
    if operation == "UpdateTable":
        changes = request.get("GlobalSecondaryIndexUpdates") or []
        _require_single_keys([change["Create"] for change in changes if "Create" in change])
        _require_no_stream(request)


def worded(operation: str, message: str) -> str:
    """A refusal of moto's as DynamoDB words it for the operation."""
    prefixed = operation in PREFIXED and PREFIXED_REFUSALS.match(message)
    return PREFIX + message if prefixed else message


def require_all_used(part: Mapping[str, Any], prefix: str = "") -> None:
    """Raise ValidationError for a name or a value that no expression uses.

    Without an expression, or with an empty one, something else is wrong first, and moto says what.
    """
    given_expressions = [part[name] for name in EXPRESSIONS if name in part]
    if not all(given_expressions):
        return
    if not given_expressions and part.get("ExpressionAttributeNames"):
        raise ValidationError("ExpressionAttributeNames can only be specified when using expressions")
    used = frozenset[str]().union(*map(tokens, given_expressions))
    for kind in ("Names", "Values") if given_expressions else ():
        given = part.get(f"ExpressionAttribute{kind}") or ()
        if not all(map(TOKEN.fullmatch, given)):
            return
        if unused := [token for token in given if token not in used]:
            keys = ", ".join(unused)
            raise ValidationError(
                f"{prefix}Value provided in ExpressionAttribute{kind} unused in expressions: keys: {{{keys}}}"
            )


def _parts(request: Any) -> Iterator[Mapping[str, Any]]:
    """The parts of a request that have expressions of their own."""
    yield request
    for item in request.get("TransactItems") or ():
        yield from (action for action in item.values() if isinstance(action, dict))
    for part in (request.get("RequestItems") or {}).values():
        yield from (write.get("PutRequest") or {} for write in part) if isinstance(part, list) else (part,)


def _require_select(request: Any, prefix: str, backend: DynamoDBBackend) -> None:
    select = request.get("Select")
    if select is None:
        return
    if select not in SELECTS:
        raise ValidationError(
            f"{PREFIX}Value '{select}' at 'select' failed to satisfy constraint: Member must satisfy enum value "
            f"set: [{', '.join(SELECTS)}]"
        )
    chosen = [name for name in ("AttributesToGet", "ProjectionExpression") if request.get(name)]
    if select == "SPECIFIC_ATTRIBUTES" and not chosen:
        raise ValidationError(
            f"{prefix}Must specify the AttributesToGet or ProjectionExpression when choosing to get "
            "SPECIFIC_ATTRIBUTES"
        )
    if select != "SPECIFIC_ATTRIBUTES" and chosen:
        what = "only the Count" if select == "COUNT" else select
        raise ValidationError(f"{prefix}Cannot specify the {chosen[0]} when choosing to get {what}")
    if select == "ALL_PROJECTED_ATTRIBUTES" and not request.get("IndexName"):
        raise ValidationError(f"{prefix}{select} can be used only when Querying using an IndexName")
    table = table_of(backend, request["TableName"])
    for index in table.global_indexes if table and select == "ALL_ATTRIBUTES" else ():
        if index.name == request.get("IndexName") and index.projection.get("ProjectionType") != "ALL":
            raise ValidationError(
                f"One or more parameter values were invalid: Select type {select} is not supported for global "
                f"secondary index {index.name} because its projection type is not ALL"
            )


def _require_single_keys(indexes: list[Any]) -> None:
    for index in indexes:
        kinds = [key["KeyType"] for key in index["KeySchema"]]
        if len(set(kinds)) < len(kinds):
            raise ValidationError(
                f"This engine has no keys of several attributes, as of the index {index['IndexName']}."
            )


def _require_no_stream(request: Any) -> None:
    if (request.get("StreamSpecification") or {}).get("StreamEnabled"):
        raise ValidationError("This engine has no streams of tables: leave StreamSpecification out.")
