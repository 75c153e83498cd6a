"""Single rows of moto's tables, looked up, copied and put back, and the lock of all tables."""

import copy
import json
import threading
import uuid
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

LOCK = threading.RLock()
"""The one lock of DynamoDB: moto checks a condition and writes in separate steps, and threads interleave."""


def table_of(backend: DynamoDBBackend, name: str) -> Table | None:
    """The table of a name or an ARN."""
    return backend.tables.get(name.rpartition("/")[2])


class Row:
    """Where one item is, or would be, in a table. Attributes beside those of its key are ignored."""

    def __init__(self, table: Table, key: dict[str, Any]) -> None:
        self.table = table
        self.key = {name: key[name] for name in (table.hash_key_attr, table.range_key_attr) if name}
        self._hash = DynamoType(key[table.hash_key_attr])
        self._range = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None

    @classmethod
    def of(cls, backend: DynamoDBBackend, request: dict[str, Any]) -> "Row | None":
        """The row that a request with TableName and Key or Item is about; None if there can be none."""
        table = table_of(backend, request["TableName"])
        try:
            return cls(table, request.get("Key") or request["Item"]) if table else None
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def item(self) -> Item | None:
        """The item that is there now."""
        return self.table.get_item(self._hash, self._range)

    def copy(self) -> Item | None:
        """A copy of the item that later writes do not change."""
        return copy.deepcopy(self.item)

    def restore(self, item: Item | None) -> None:
        """Put that item back, or remove what is there if it is None."""
        stored: Any = self.table.items
        if item is None:
            self.table.delete_item(self._hash, self._range)  # pyright: ignore[reportArgumentType]
        elif self._range is not None:
            stored[self._hash][self._range] = item
        else:
            stored[self._hash] = item


def described(shown: dict[str, Any], backend: DynamoDBBackend) -> dict[str, Any]:
    """A table's description with what moto leaves out: ids, and what is in its indexes."""
    table = backend.tables.get(shown["TableName"])
    items = list(table.all_items()) if table else []
    for index in shown.get("GlobalSecondaryIndexes") or ():
        keys = {key["AttributeName"] for key in index["KeySchema"]}
        inside = sum(keys <= item.attrs.keys() for item in items)
        arn = f"{shown['TableArn']}/index/{index['IndexName']}"
        index.update(IndexArn=arn, ItemCount=inside, IndexSizeBytes=0)
    identity = f"{shown['TableArn']} {shown['CreationDateTime']}"
    full = shown | {"TableId": str(uuid.uuid5(uuid.NAMESPACE_URL, identity))}
    return {name: value for name, value in full.items() if name != "LocalSecondaryIndexes" or value}


def attributes(item: Item | None) -> dict[str, Any]:
    """An item's attributes in DynamoDB's JSON; empty for none."""
    if item is None:
        return {}
    return json.loads(json.dumps(item.to_json()["Attributes"], default=_plain))


def _plain(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value.to_json()
