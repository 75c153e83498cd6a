"""Orders against the JSON Schema of their version."""

from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import ValidationError
from referencing import Registry, Resource

from functions.common import codec
from functions.common.errors import SchemaViolationError
from functions.common.problem import Violation
from functions.validate.keywords import OrderValidator, reason

SCHEMA_VERSIONS = (1, 2)
"""The versions that are accepted; an order without `schemaVersion` is of the first."""

_SCHEMAS = Path(__file__).parent / "schemas"


def violations(order: Any) -> list[Violation]:
    """Everything that is wrong with an order, in the order of the pointers; nothing if it is valid."""
    if not isinstance(order, dict):
        return [Violation("", "must be of type object")]
    version = cast(dict[str, Any], order).get("schemaVersion", SCHEMA_VERSIONS[0])
    if isinstance(version, bool) or version not in SCHEMA_VERSIONS:
        known = " or ".join(str(number) for number in SCHEMA_VERSIONS)
        return [Violation("/schemaVersion", f"must be {known}")]
    errors = _validator(int(version)).iter_errors(order)
    return sorted((_violation(error) for error in errors), key=lambda found: (found.pointer, found.reason))


def require_order(order: Any) -> dict[str, Any]:
    """The order, if it is valid. Raises SchemaViolationError, which names the first violations."""
    found = violations(order)
    if found:
        raise SchemaViolationError("; ".join(f"{one.pointer or '(root)'} {one.reason}" for one in found[:3]))
    return order


def _violation(error: ValidationError) -> Violation:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    return Violation("".join(f"/{step}" for step in steps), reason(error))


@cache
def _validator(version: int) -> Any:
    """The compiled schema of a version, made once."""
    empty: Any = Registry
    definitions: Any = Resource.from_contents(_schema("definitions.json"))
    registry = empty().with_resource("definitions.json", definitions)
    schema = _schema(f"order.v{version}.json")
    OrderValidator.check_schema(schema)
    return OrderValidator(schema, registry=registry)


def _schema(name: str) -> Any:
    return codec.loads((_SCHEMAS / name).read_text())
