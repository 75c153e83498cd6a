from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import SchemaViolationError
from functions.validate import require_order, violations
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
    assert [one.reason for one in found] == [
        "must be greater than 0",
        "must have at most 2 decimals",
        "must be 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen",
    ]


@given(st.dictionaries(st.sampled_from([*order(), "items", "schemaVersion", "total", "x"]), json_values))
def test_no_json_makes_the_validator_fail(document: dict[str, Any]) -> None:
    """Property: any JSON object is either valid or has violations; nothing is raised."""
    violations(document)


def test_an_invalid_order_is_refused_with_its_first_violations() -> None:
    with pytest.raises(SchemaViolationError, match="/amount is missing; /orderId is missing"):
        require_order({})
