from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import DependencyTimeoutError, DependencyUnavailableError, LinesExceedAmountError
from functions.processor.downstream import DeliveryId, flaky, healthy, slow
from functions.processor.effect import Provenance, earlier_response, order_row, response
from functions.processor.order import order_from
from functions.processor.pricing import lines_total, price
from tests.unit.functions.builders import order, order_v2

DELIVERY = DeliveryId("key", 0, 1)
ORIGIN = Provenance("key", "correlation", accepted_at=1, processed_at=2, payload="digest")
cents = st.decimals(min_value=0, max_value=10_000, places=2)


def with_lines(amount: str, *lines: tuple[int, str]) -> dict[str, Any]:
    items = [{"sku": "s", "quantity": quantity, "unitPrice": Decimal(unit)} for quantity, unit in lines]
    return order(amount=Decimal(amount), items=items)


def test_both_schema_versions_are_the_same_kind_of_order() -> None:
    assert order_from(order()).amount == Decimal("12.50")
    assert order_from(order_v2()).amount == Decimal("7.10")
    assert order_from(order_v2()).currency == "USD"


def test_the_rest_of_the_amount_is_charges() -> None:
    document = order_from(with_lines("10.00", (2, "3.10"), (1, "1.80")))
    priced = price(document, lines_total(document))
    assert (priced.lines_total, priced.charges, priced.total) == (
        Decimal("8.00"),
        Decimal("2.00"),
        Decimal("10.00"),
    )


def test_an_order_without_lines_costs_its_amount() -> None:
    assert price(order_from(order()), Decimal(0)).charges == 0


def test_lines_above_the_amount_can_never_pass() -> None:
    document = order_from(with_lines("10.00", (3, "3.34")))
    with pytest.raises(LinesExceedAmountError, match=r"10\.02 exceed the amount of 10\.00"):
        price(document, lines_total(document))


@given(st.lists(st.tuples(st.integers(min_value=1, max_value=99), cents), min_size=1, max_size=5), cents)
def test_lines_and_charges_always_make_up_the_total(lines: list[tuple[int, Decimal]], extra: Decimal) -> None:
    """Property: no cent is lost."""
    amount = sum((quantity * unit for quantity, unit in lines), extra)
    document = order_from(with_lines(str(amount), *[(quantity, str(unit)) for quantity, unit in lines]))
    priced = price(document, lines_total(document))
    assert priced.lines_total + priced.charges == priced.total == amount
    assert priced.charges == extra


def test_a_slow_service_costs_its_caller_the_deadline_and_no_more() -> None:
    naps: list[float] = []
    with pytest.raises(DependencyTimeoutError):
        slow(0.5, naps.append)(order_from(order()), DELIVERY)
    assert naps == [0.5]


def test_a_flaky_service_fails_only_its_share() -> None:
    document = order_from(order())
    assert flaky("seed", share=0.0)(document, DELIVERY) == healthy(document, DELIVERY)
    with pytest.raises(DependencyUnavailableError):
        flaky("seed", share=1.0)(document, DELIVERY)


def test_the_row_counts_executions_and_is_written_once() -> None:
    document = order_from(order())
    write = order_row("orders", document, price(document, Decimal(0)), ORIGIN)
    assert write["UpdateExpression"].endswith("ADD #executions :one")
    assert write["ConditionExpression"] == "attribute_not_exists(#orderId)"
    assert write["ExpressionAttributeValues"][":amount"] == {"N": "12.50"}
    assert ":customerId" not in write["ExpressionAttributeValues"]


def test_every_name_of_the_write_is_used_and_defined() -> None:
    document = order_from(order_v2())
    write = order_row("orders", document, price(document, Decimal(0)), ORIGIN)
    expressions = write["UpdateExpression"] + " " + write["ConditionExpression"]
    for placeholder in [*write["ExpressionAttributeNames"], *write["ExpressionAttributeValues"]]:
        assert placeholder in expressions


def test_a_row_tells_the_response_that_was_forgotten_with_its_key() -> None:
    """As DynamoDB returns it: without the zeros at the end of 12.50."""
    document = order_from(order(customerId="c-1"))
    priced = price(document, Decimal(0))
    values = order_row("orders", document, priced, ORIGIN)["ExpressionAttributeValues"]
    row: dict[str, Any] = {"orderId": {"S": "order-1"}, **{name[1:]: value for name, value in values.items()}}
    row["amount"] = {"N": "12.5"}
    assert earlier_response(row, ORIGIN) == response(document, priced, ORIGIN)
    del row["payload"]  # of a row that is older than this attribute
    assert earlier_response(row, ORIGIN) == response(document, priced, ORIGIN)


def test_the_remembered_response_is_json_without_loss() -> None:
    document = order_from(order())
    remembered = response(document, price(document, Decimal(0)), ORIGIN)
    assert codec.loads(codec.dumps(remembered)) == remembered
    assert remembered["amount"] == "12.50"
