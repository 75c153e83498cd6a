"""Rows of DynamoDB's tables by their keys, many at once."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import batched
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_KEYS = 100
"""The limit of BatchGetItem (DynamoDB API reference)."""

type Row = Mapping[str, Any]
"""A row, or its key, as DynamoDB returns it: each value in an object that says its type."""


def rows(dynamodb: "DynamoDBClient", keys: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, Row]]:
    """The rows that there are of these tables' keys, each with its table; read consistently. No key may come twice."""
    for some in batched(keys, MAX_KEYS, strict=False):
        wanted: Any = {}
        for table, key in some:
            wanted.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
        while wanted:
            answer = dynamodb.batch_get_item(RequestItems=wanted)
            for table, found in answer["Responses"].items():
                yield from ((table, row) for row in found)
            wanted = answer.get("UnprocessedKeys")
