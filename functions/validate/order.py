"""Orders against the JSON Schema of their version."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from functions.common import codec
from functions.common.errors import SchemaViolationError
from functions.common.problem import Violation
from functions.validate import fast_path

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMA_VERSIONS = (1, 2)
"""The versions that are accepted; an order without `schemaVersion` is of the first."""

_SCHEMAS = Path(__file__).parent / "schemas"


def violations(order: Any) -> list[Violation]:
    """Everything that is wrong with an order, in the order of the pointers; nothing if it is valid.

    >>> violations({"orderId": "o-1", "amount": 12})
    []
    >>> violations({"orderId": "o-1", "amount": "12,50"})
    [Violation(pointer='/amount', reason='must be of type number')]
    """
    if not isinstance(order, dict):
        return [Violation("", "must be of type object")]
    version = cast(dict[str, Any], order).get("schemaVersion", SCHEMA_VERSIONS[0])
    if isinstance(version, bool) or version not in SCHEMA_VERSIONS:
        known = " or ".join(str(number) for number in SCHEMA_VERSIONS)
        return [Violation("/schemaVersion", f"must be {known}")]
    if _check(int(version))(order):
        return []
    errors = _validator(int(version)).iter_errors(order)
    return sorted((_violation(error) for error in errors), key=lambda found: (found.pointer, found.reason))


def require_order(order: Any) -> dict[str, Any]:
    """The order, if it is valid. Raises SchemaViolationError, which names the first violations.

    >>> require_order({"orderId": "o-1"})
    Traceback (most recent call last):
    functions.common.errors.SchemaViolationError: /amount is missing
    """
    found = violations(order)
    if found:
        raise SchemaViolationError(
            "; ".join(f"{violation.pointer or '(root)'} {violation.reason}" for violation in found[:3])
        )
    return order


def _violation(error: "ValidationError") -> Violation:
    from functions.validate.keywords import reason  # noqa: PLC0415

    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    return Violation("".join(f"/{step}" for step in steps), reason(error))


@cache
def _check(version: int) -> fast_path.Check:
    """Whether a document is surely valid."""
    return fast_path.compiled(_schema(version))


@cache
def _validator(version: int) -> Any:
    """The validator of a version, made once, and not before something is wrong: its import takes long."""
    from functions.validate.keywords import OrderValidator  # noqa: PLC0415

    schema = _schema(version)
    OrderValidator.check_schema(schema)
    return OrderValidator(schema)


@cache
def _schema(version: int) -> Any:
    """The schema of a version in one piece."""
    return _resolved(_file(f"order.v{version}.json"), _file("definitions.json")["$defs"])


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with every reference replaced by what it refers to. All are to definitions.json, none is recursive."""
    if isinstance(schema, list):
        return [_resolved(part, definitions) for part in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    whole = cast(dict[str, Any], schema)
    own = {name: _resolved(part, definitions) for name, part in whole.items() if name != "$ref"}
    if "$ref" not in whole:
        return own
    found = _resolved(definitions[whole["$ref"].rpartition("/")[2]], definitions)
    return found | own if found.keys().isdisjoint(own) else {"allOf": [found, own]}


def _file(name: str) -> Any:
    return codec.loads((_SCHEMAS / name).read_text())
