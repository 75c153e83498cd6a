"""Scans and queries of large tables: moto copies, sorts and passes over rows in ways that take a millisecond for each.

A scan in pages begins every page with all rows; that stays, and each of its steps is cheap now.
"""

from collections.abc import Iterator
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

_SCALARS = frozenset(("S", "N", "B", "BOOL", "NULL"))


def copied_item(item: Item, _: Any) -> Item:
    """For `copy.deepcopy` of an item: its scalar attributes are shared, as they are replaced and never changed."""
    copied = object.__new__(Item)
    copied.hash_key, copied.range_key = item.hash_key, item.range_key
    copied.attrs = LimitedSizeDict()
    dict.update(copied.attrs, {name: _copied(value) for name, value in item.attrs.items()})
    return copied


def _copied(value: Any) -> Any:
    if not isinstance(value, DynamoType) or value.type in _SCALARS:
        return value
    copied = object.__new__(DynamoType)
    copied.type = value.type
    inner: Any = value.value
    copied.value = (
        {name: _copied(one) for name, one in inner.items()}
        if isinstance(inner, dict)
        else [_copied(one) for one in inner]
    )
    return copied


def copied_value(value: DynamoType, _: Any) -> DynamoType:
    """For `copy.deepcopy` of one attribute's value."""
    return _copied(value)


def all_items(table: Table) -> list[Item]:
    """In place of `Table.all_items`: the values that it sorts by are computed once for each row."""
    stored: Any = table.items.values()
    rows: Iterator[Item] = (
        (item for rows in stored for item in rows.values()) if table.range_key_attr else iter(stored)
    )
    return sorted(rows, key=_key)


def _key(item: Item) -> tuple[Any, ...]:
    if item.range_key:
        return (item.hash_key.cast_value, item.range_key.cast_value)
    return (item.hash_key.cast_value,)


def sorted_items(
    table: Any, hash_keys: list[str], range_keys: list[str | None], items: list[Item]
) -> list[Item]:
    """In place of `Table.sorted_items`."""
    names = table._generate_attr_to_sort_by(hash_keys, range_keys)
    items.sort(key=lambda item: tuple(item.attrs[name].cast_value for name in names))
    return items


def comes_before(  # noqa: PLR0917  moto's
    table: Any,
    item: Item,
    key: dict[str, Any],
    hash_keys: list[str],
    range_keys: list[str | None],
    forward: bool,
) -> bool:
    """In place of `Table._item_comes_before_dct`: the key that a page begins after is taken apart once for the page."""
    known = table.__dict__.get("_start")
    if known is None or known[0] is not key:
        names = table._generate_attr_to_sort_by(hash_keys, range_keys)
        known = table._start = (key, [(name, DynamoType(key[name])) for name in names if name in key])
    for name, value in known[1]:
        own = item.attrs.get(name)
        if own is not None and own != value:
            return (own < value) == forward
    return True


def size(item: Item) -> int:
    """In place of `Item.size`, in bytes."""
    return sum(_bytes(name) + _size(value) for name, value in item.attrs.items())


def _size(value: DynamoType) -> int:
    return _bytes(value.value) if value.type in ("S", "N") else value.size()


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
