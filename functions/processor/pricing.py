"""The business rule: what an order costs, and when its own numbers contradict each other."""

from dataclasses import dataclass
from decimal import Decimal

from functions.common.errors import LinesExceedAmountError
from functions.processor.order import Order


@dataclass(frozen=True)
class Price:
    """An order's cost: its lines, and the charges (delivery, taxes) that make up the rest of its total."""

    lines_total: Decimal
    charges: Decimal
    total: Decimal


def lines_total(order: Order) -> Decimal:
    """The sum of all lines."""
    return sum((line.quantity * line.unit_price for line in order.lines), Decimal(0))


def price(order: Order, lines: Decimal) -> Price:
    """Price an order whose lines cost `lines`.

    Raises LinesExceedAmountError if that is more than the agreed amount: no retry can make it pass. An order
    without lines is its amount.

    >>> price(Order("o-1", Decimal("12.50"), "EUR", None, lines=()), Decimal(0)).total
    Decimal('12.50')
    """
    if not order.lines:
        return Price(order.amount, Decimal(0), order.amount)
    if lines > order.amount:
        raise LinesExceedAmountError(f"lines of {lines} exceed the amount of {order.amount}")
    return Price(lines, order.amount - lines, order.amount)
