"""An order as the business sees it, whatever schema version it came in."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """So many pieces of an article at a price each."""

    sku: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True)
class Order:
    """A valid order. `amount` is what the customer agreed to pay. Money has two decimals, however it was written."""

    order_id: str
    amount: Decimal
    currency: str | None
    customer_id: str | None
    lines: tuple[Line, ...]


def order_from(document: Mapping[str, Any]) -> Order:
    """The order of a document that its schema version accepts.

    >>> order_from({"orderId": "o-1", "amount": 12}).amount
    Decimal('12.00')
    """
    money: Mapping[str, Any] = document.get("total", document)
    return Order(
        order_id=document["orderId"],
        amount=_money(money["amount"]),
        currency=money.get("currency"),
        customer_id=document.get("customerId"),
        lines=tuple(
            Line(line["sku"], int(line["quantity"]), _money(line["unitPrice"]))
            for line in document.get("items", [])
        ),
    )


def _money(number: int | Decimal) -> Decimal:
    """The schema's bound keeps it to 14 digits: this is exact, as are the sums of prices, and DynamoDB takes 38."""
    return Decimal(number).quantize(CENT)
