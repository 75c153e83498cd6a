"""Is a document surely valid? A schema compiled to functions, for the orders that nothing is wrong with.

jsonschema finds every violation, and takes fifty times as long to say that there is none. A document that passes here
would pass there (a property test compares the two); what does not pass is for jsonschema to judge.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, cast

type Check = Callable[[Any], bool]

_EXACT = Context(traps=[Inexact, InvalidOperation])
"""Raises where the usual context rounds: a remainder of 1e-2000000 is 0 there."""

ANNOTATIONS = frozenset({"$schema", "$id", "title", "description"})


def compiled(schema: Mapping[str, Any]) -> Check:
    """The check of a schema without references. Raises ValueError for a schema that is not understood here."""
    keywords = [keyword for keyword in schema if keyword not in ANNOTATIONS]
    if unknown := [keyword for keyword in keywords if keyword not in _KEYWORDS]:
        raise ValueError(f"the keyword {unknown[0]} is not understood here")
    # what the others are asked about has the right type then
    keywords.sort(key=lambda keyword: keyword not in _OF_ANY_TYPE)
    if keywords[0] not in _OF_ANY_TYPE:
        raise ValueError(f"a schema with {keywords[0]} and without a type is not understood here")
    return _all([_KEYWORDS[keyword](schema[keyword], schema) for keyword in keywords])


def _all(checks: list[Check]) -> Check:
    def check(instance: Any) -> bool:
        for keyword_check in checks:  # noqa: SIM110  all() with a generator takes twice as long
            if not keyword_check(instance):
                return False
        return True

    return checks[0] if len(checks) == 1 else check


def is_integer(value: Any) -> bool:
    """Whether JSON Schema calls it an integer: 2.0 and 1e2 are integers, too."""
    return type(value) is int or (type(value) is Decimal and value == value.to_integral_value())


def _type(name: str, _schema: Mapping[str, Any]) -> Check:
    if name == "integer":
        return is_integer
    wanted = {"string": (str,), "object": (dict,), "array": (list,), "number": (int, Decimal)}
    exact = wanted[name]
    return lambda instance: type(instance) in exact


def _properties(properties: Mapping[str, Any], schema: Mapping[str, Any]) -> Check:
    """The properties, and that there are no others."""
    if schema.get("additionalProperties") is not False:
        raise ValueError("an object that may have other properties is not understood here")
    checks = {name: compiled(schema) for name, schema in properties.items()}

    def check(instance: Any) -> bool:
        for name, value in instance.items():
            property_check = checks.get(name)
            if property_check is None or not property_check(value):
                return False
        return True

    return check


def _items(schema: Mapping[str, Any], _schema: Mapping[str, Any]) -> Check:
    item_check = compiled(schema)

    def check(instance: Any) -> bool:
        for item in instance:  # noqa: SIM110
            if not item_check(item):
                return False
        return True

    return check


def is_multiple(number: int | Decimal, divisor: Decimal) -> bool:
    """Whether a number is surely a multiple of a divisor; False also where that takes more than 28 digits to tell."""
    try:
        return _EXACT.remainder(Decimal(number), divisor) == 0
    except DecimalException:
        return False


def _pattern(pattern: str, _schema: Mapping[str, Any]) -> Check:
    search = re.compile(pattern).search
    return lambda instance: search(instance) is not None


def _enum(words: list[str], _schema: Mapping[str, Any]) -> Check:
    allowed = frozenset(words)
    return lambda instance: type(instance) is str and instance in allowed


def _required(names: list[str], _schema: Mapping[str, Any]) -> Check:
    wanted = frozenset(names)
    return lambda instance: wanted <= instance.keys()


def _const(value: Any, _schema: Mapping[str, Any]) -> Check:
    return lambda instance: type(instance) is not bool and instance == value


def _additional_properties(_value: Any, schema: Mapping[str, Any]) -> Check:
    if "properties" not in schema:
        raise ValueError("additionalProperties without properties is not understood here")
    return lambda _instance: True


_OF_ANY_TYPE = ("type", "const", "enum", "allOf")
_KEYWORDS: Mapping[str, Callable[[Any, Mapping[str, Any]], Check]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": lambda bound, _: lambda instance: len(instance) >= bound,
    "maxLength": lambda bound, _: lambda instance: len(instance) <= bound,
    "minimum": lambda bound, _: lambda instance: instance >= bound,
    "maximum": lambda bound, _: lambda instance: instance <= bound,
    "exclusiveMinimum": lambda bound, _: lambda instance: instance > bound,
    "multipleOf": lambda divisor, _: lambda instance: is_multiple(instance, divisor),
    "maxItems": lambda bound, _: lambda instance: len(instance) <= bound,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "allOf": lambda schemas, _: _all([compiled(cast(Mapping[str, Any], schema)) for schema in schemas]),
}
