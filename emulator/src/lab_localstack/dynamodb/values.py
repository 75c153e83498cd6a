"""Attribute values that DynamoDB refuses and moto stores.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

DIGITS = 38
EXPONENTS = range(-130, 126)
"""Of the first digit: numbers from 1E-130 to below 1E+126."""
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
SETS = {"SS": "string", "NS": "number", "BS": "binary"}
ONE_TYPE = "must contain exactly one of the supported datatypes"


def fault(request: Mapping[str, Any]) -> str | None:
    """What is wrong with the values of a request or of a part of one; None if they can be kept."""
    for name, value in (request.get("ExpressionAttributeValues") or {}).items():
        if found := _fault_of(value) or _empty_set(value):
            return f"ExpressionAttributeValues contains invalid value: {found} for key {name}"
    values = (value for name in ("Item", "Key") for value in (request.get(name) or {}).values())
    return _first(map(_fault_of, values))


def same_key(key: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A key that is equal to another one's if both name the same item: 1 and 1.0 are one number."""
    return tuple(sorted((name, _comparable(value)) for name, value in key.items()))


def _comparable(value: Mapping[str, Any]) -> Any:
    return str(Decimal(value["N"]).normalize()) if "N" in value else str(value)


def _fault_of(value: Mapping[str, Any]) -> str | None:
    if not value:
        return f"Supplied AttributeValue is empty, {ONE_TYPE}"
    if len(value) > 1:
        return f"Supplied AttributeValue has more than one datatypes set, {ONE_TYPE}"
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return _number_fault(content)
        case "NS":
            return _first(map(_number_fault, content))
        case "L":
            return _first(map(_fault_of, content))
        case "M":
            return _first(map(_fault_of, content.values()))
        case _:
            return None


def _first(faults: Iterable[str | None]) -> str | None:
    return next(filter(None, faults), None)


def _number_fault(text: str) -> str | None:
    if len(text) <= DIGITS and PLAIN.fullmatch(text):
        return None  # nearly all numbers: to count digits takes ten times as long
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return f"The parameter cannot be converted to a numeric value: {text}"
    if len("".join(map(str, number.as_tuple().digits)).strip("0")) > DIGITS:
        return "Attempting to store more than 38 significant digits in a Number"
    if number and number.adjusted() not in EXPONENTS:
        over = number.adjusted() > 0
        return (
            f"Number {'overflow' if over else 'underflow'}. Attempting to store a number with magnitude "
            f"{'larger' if over else 'smaller'} than supported range"
        )
    return None


def _empty_set(value: Mapping[str, Any]) -> str | None:
    ((kind, content),) = value.items()
    if kind not in SETS or content:
        return None
    return f"One or more parameter values were invalid: An {SETS[kind]} set  may not be empty"
