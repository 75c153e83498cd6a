from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.publish.key import idempotency_key, payload_digest
from tests.unit.functions.builders import order

orders = st.fixed_dictionaries(
    {
        "orderId": st.text("abc123", min_size=1, max_size=5),
        "amount": st.decimals(min_value=1, max_value=1000, places=2),
    },
    optional={"currency": st.sampled_from(["EUR", "USD"]), "customerId": st.text("xyz", min_size=1)},
)


@given(orders, st.randoms())
def test_the_key_depends_on_the_content_of_the_order_alone(document: dict[str, Any], rng: Any) -> None:
    """Property: neither the order of fields nor the spelling of numbers changes the key."""
    names = list(document)
    rng.shuffle(names)
    same = {name: document[name] for name in names} | {"amount": Decimal(f"{document['amount']}0")}
    assert idempotency_key(same) == idempotency_key(document)


@given(orders, orders)
def test_different_orders_have_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Property: orders share a key only if they are equal."""
    assert (idempotency_key(one) == idempotency_key(other)) == (one == other)


def test_an_explicit_key_wins() -> None:
    assert idempotency_key(order(idempotencyKey="mine")) == "mine"


def test_the_digest_ignores_the_key_itself() -> None:
    assert payload_digest(order(idempotencyKey="mine")) == payload_digest(order())
