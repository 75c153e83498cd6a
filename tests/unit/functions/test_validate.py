from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import SchemaViolationError
from functions.validate import fast_path, require_order, violations
from functions.validate import order as orders
from tests.unit.functions.builders import order, order_v2

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def pointers(document: Any) -> list[str]:
    return [violation.pointer for violation in violations(document)]


@pytest.mark.parametrize(
    "document", [order(), order_v2(), order(schemaVersion=1)], ids=["v1", "v2", "v1 said"]
)
def test_a_valid_order_has_no_violations(document: dict[str, Any]) -> None:
    assert violations(document) == []
    assert require_order(document) is document


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, ["/amount", "/orderId"]),
        (order(amount=0), ["/amount"]),
        (order(amount=codec.loads("1.005")), ["/amount"]),
        (order(amount=codec.loads("1e400")), ["/amount"]),
        (order(amount=True), ["/amount"]),
        (order(orderId="a" * 65), ["/orderId"]),
        (order(orderId="newline\n"), ["/orderId"]),
        (order(currency="XYZ"), ["/currency"]),
        (order(items=[{"sku": "s", "quantity": 1}]), ["/items/0/unitPrice"]),
        (order(**{"a/b~c": 1}), ["/a~1b~0c"]),
        (order(schemaVersion=3), ["/schemaVersion"]),
        (order(schemaVersion=2), ["/amount", "/currency", "/customerId", "/total"]),
        (order_v2(total={"amount": 1}), ["/total/currency"]),
        ([], [""]),
        (None, [""]),
    ],
)
def test_every_violation_is_pointed_to(document: Any, expected: list[str]) -> None:
    assert pointers(document) == expected


def test_reasons_repeat_nothing_of_the_document() -> None:
    found = violations(order(orderId="<script>", amount=codec.loads("-1.234")))
    assert [violation.reason for violation in found] == [
        "must be greater than 0",
        "must have at most 2 decimals",
        "must be 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen",
    ]


@given(st.dictionaries(st.sampled_from([*order(), "items", "schemaVersion", "total", "x"]), json_values))
def test_no_json_makes_the_validator_fail(document: dict[str, Any]) -> None:
    """Property: any JSON object is either valid or has violations; nothing is raised."""
    violations(document)


lines = st.fixed_dictionaries(
    {"sku": st.text(max_size=2) | json_values, "quantity": st.integers(-1, 3) | json_values},
    optional={
        "unitPrice": st.decimals(-1, 3, places=2) | st.decimals(-1, 3, places=3) | json_values,
        "x": json_values,
    },
)
nearly_orders = st.fixed_dictionaries(
    {"orderId": st.from_regex(r"[a-z.]{1,3}", fullmatch=True) | json_values},
    optional={
        "amount": st.decimals(-1, 10, places=2)
        | st.decimals(-1, 10, places=3)
        | st.integers(-1, 3)
        | json_values,
        "total": st.fixed_dictionaries({"amount": st.integers(0, 3), "currency": st.just("EUR")})
        | json_values,
        "currency": st.sampled_from(["EUR", "XYZ"]) | json_values,
        "customerId": st.sampled_from(["c", "c c"]) | json_values,
        "items": st.lists(lines, max_size=2) | json_values,
        "schemaVersion": st.sampled_from([1, 2, True]) | json_values,
        "idempotencyKey": st.sampled_from(["k", "k\n", ""]) | json_values,
    },
)


@pytest.mark.parametrize("version", orders.SCHEMA_VERSIONS)
@given(document=nearly_orders)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_quick_check_accepts_no_order_that_jsonschema_refuses(
    version: int, document: dict[str, Any]
) -> None:
    """Property: the fast path never accepts what jsonschema refuses; and, without floats, refuses nothing else."""
    schema: Any = orders._schema(version)  # pyright: ignore[reportPrivateUsage]
    validator = orders._validator(version)  # pyright: ignore[reportPrivateUsage]
    assert fast_path.compiled(schema)(document) == (not list(validator.iter_errors(document)))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "additionalProperties": False},
        {"type": "string", "format": "email"},
        {"maximum": 3},
    ],
    ids=["other properties", "none named", "unknown keyword", "no type"],
)
def test_a_schema_that_the_quick_check_does_not_understand_is_an_error(
    schema: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="not understood"):
        fast_path.compiled(schema)


def test_an_invalid_order_is_refused_with_its_first_violations() -> None:
    with pytest.raises(SchemaViolationError, match="/amount is missing; /orderId is missing"):
        require_order({})
