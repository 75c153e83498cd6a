"""Attribute values that DynamoDB refuses and moto stores.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

DIGITS = 38
EXPONENTS = range(-130, 126)
"""Of the first digit: numbers from 1E-130 to below 1E+126."""
SETS = {"SS": "string", "NS": "number", "BS": "binary"}
ONE_TYPE = "must contain exactly one of the supported datatypes"


def fault(request: Mapping[str, Any]) -> str | None:
    """What is wrong with the values of a request or of a part of one; None if they can be kept."""
    for name, value in (request.get("ExpressionAttributeValues") or {}).items():
        if found := _fault_of(value) or _empty_set(value):
            return f"ExpressionAttributeValues contains invalid value: {found} for key {name}"
    values = (value for name in ("Item", "Key") for value in (request.get(name) or {}).values())
    return next(filter(None, map(_fault_of, values)), None)


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
    return next(filter(None, map(_number_fault, _numbers(value))), None) or next(
        filter(None, map(_fault_of, _inside(value))), None
    )


def _numbers(value: Mapping[str, Any]) -> Iterator[str]:
    if "N" in value:
        yield value["N"]
    yield from value.get("NS") or ()


def _inside(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from value.get("L") or ()
    yield from (value.get("M") or {}).values()


def _number_fault(text: str) -> str | None:
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
    for kind, name in SETS.items():
        if kind in value and not value[kind]:
            return f"One or more parameter values were invalid: An {name} set  may not be empty"
    return None
