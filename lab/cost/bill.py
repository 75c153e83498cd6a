"""Usage times prices, for what was measured and for a month of it."""

from dataclasses import dataclass

from lab.cost.prices import Prices
from lab.cost.usage import UNKNOWN, Usage


@dataclass(frozen=True)
class Line:
    """One line of a bill. `quantity` and `dollars` are None where the usage cannot be known here."""

    unit: str
    quantity: float | None
    dollars: float | None
    note: str = ""


@dataclass(frozen=True)
class Bill:
    """So many orders and what they cost. `standing` lines are by the month, whatever happens."""

    orders: float
    usage: tuple[Line, ...]
    standing: tuple[Line, ...] = ()

    @property
    def variable(self) -> float:
        """Dollars for the orders, as far as known."""
        return sum(line.dollars or 0.0 for line in self.usage)

    @property
    def fixed(self) -> float:
        """Dollars a month beside them."""
        return sum(line.dollars or 0.0 for line in self.standing)

    @property
    def complete(self) -> bool:
        """Whether all usage is known."""
        return all(line.dollars is not None for line in self.usage)


def bill(usage: Usage, prices: Prices, *, orders: float, standing: dict[str, float] | None = None) -> Bill:
    """The measured usage scaled to `orders` orders."""
    factor = orders / usage.orders
    return Bill(
        orders,
        tuple(_line(prices, name, quantity, factor) for name, quantity in usage.quantities.items()),
        tuple(_line(prices, name, quantity, 1) for name, quantity in (standing or {}).items() if quantity),
    )


def _line(prices: Prices, name: str, quantity: float | None, factor: float) -> Line:
    price = prices[name]
    if quantity is None:
        return Line(price.unit, None, None, UNKNOWN)
    scaled = quantity * factor
    return Line(price.unit, scaled, price.of(scaled))
