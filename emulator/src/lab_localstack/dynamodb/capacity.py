"""Capacity units as DynamoDB counts them: a write for each started KB, a read for each started 4 KB."""

from typing import Any

KB = 1024


def size(item: dict[str, Any]) -> int:
    """Bytes of an item in DynamoDB's JSON, by the documented rules for names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(*items: dict[str, Any]) -> int:
    """Units of one write; of the item before and after it the larger counts."""
    return max(1, -(-max(map(size, items)) // KB))


def read_units(read: int, *, consistent: bool) -> float:
    """Units for reading that many bytes; eventually consistent reads cost half."""
    return max(1, -(-read // (4 * KB))) * (1.0 if consistent else 0.5)


def consumed(table: str, units: float, detail: str) -> dict[str, Any]:
    """The ConsumedCapacity entry of a table, as ReturnConsumedCapacity (TOTAL or INDEXES) asks for it."""
    entry: dict[str, Any] = {"TableName": table, "CapacityUnits": float(units)}
    return entry | ({"Table": {"CapacityUnits": float(units)}} if detail == "INDEXES" else {})


def _value_size(value: dict[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            found = len(content.encode())
        case "N":
            found = len(content.strip("+-0.")) // 2 + 1
        case "B":
            found = len(content) if isinstance(content, bytes) else len(content) * 3 // 4
        case "M":
            found = 3 + sum(1 + len(name.encode()) + _value_size(child) for name, child in content.items())
        case "L":
            found = 3 + sum(1 + _value_size(child) for child in content)
        case "SS" | "NS" | "BS":
            found = sum(_value_size({kind[0]: member}) for member in content)
        case _:
            found = 1
    return found
