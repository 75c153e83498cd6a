"""JSON Schema 2020-12 as orders need it: exact on Decimal, with pointers to what is missing or too much.

jsonschema's own `multipleOf` raises on numbers beyond Decimal's precision, and its `required` and
`additionalProperties` point to the object instead of to the property.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from functions.validate.fast_path import is_integer, is_multiple


def _multiple_of(_validator: Any, divisor: Decimal, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, bool) or not isinstance(instance, int | Decimal):
        return
    # Too large for Decimal's precision? Then its last digit alone says it.
    if not is_multiple(instance, divisor) and _exponent(Decimal(instance)) < _exponent(divisor):
        yield ValidationError(f"must have at most {-_exponent(divisor)} decimals")


def _enum(_validator: Any, words: Sequence[str], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str) or instance not in words:
        yield ValidationError("is none of the words allowed here")


def _required(
    _validator: Any, names: Sequence[str], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield ValidationError("is missing", path=(name,))


def _additional_properties(
    _validator: Any, _allowed: bool, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in instance.keys() - schema["properties"].keys():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            yield ValidationError("is not known in this schema version", path=(name,))  # pyright: ignore[reportUnknownArgumentType]


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _is_integer(_checker: Any, instance: Any) -> bool:
    return is_integer(instance)


_draft: Any = Draft202012Validator
_extend: Any = validators.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

OrderValidator: Any = _extend(
    Draft202012Validator,
    {
        "multipleOf": _multiple_of,
        "required": _required,
        "additionalProperties": _additional_properties,
        "enum": _enum,
    },
    type_checker=_draft.TYPE_CHECKER.redefine("integer", _is_integer),
)

_REASONS: Mapping[str, Callable[[Any], str]] = {
    "type": lambda name: f"must be of type {name}",
    "const": lambda value: f"must be {value}",
    "exclusiveMinimum": lambda bound: f"must be greater than {bound}",
    "minimum": lambda bound: f"must be at least {bound}",
    "maximum": lambda bound: f"must be at most {bound}",
    "minLength": lambda bound: f"must have at least {bound} characters",
    "maxLength": lambda bound: f"must have at most {bound} characters",
    "maxItems": lambda bound: f"must have at most {bound} items",
}
_DESCRIBED = frozenset({"pattern", "enum"})
"""Keywords whose bound says nothing to a reader: the schema's description does."""


def reason(error: ValidationError) -> str:
    """What is wrong, in words that repeat nothing of the document."""
    keyword = str(error.validator)
    schema: Any = error.schema
    if keyword in _DESCRIBED and "description" in schema:
        return schema["description"]
    if keyword in _REASONS:
        return _REASONS[keyword](error.validator_value)
    return error.message
