"""Bills as tables, on a terminal and as Markdown."""

from collections.abc import Mapping, Sequence

from lab.cost.bill import Bill, Line
from lab.cost.prices import Prices
from lab.cost.usage import UNKNOWN, Usage

UNKNOWN_SHORT = "not provable here"
type Rows = list[tuple[str, ...]]


def per_order(usage: Usage, prices: Prices) -> Rows:
    """What one order took, on average."""
    rows: Rows = [("measured", "in all", "an order")]
    for name, quantity in usage.quantities.items():
        unit = prices.table[name].unit
        if quantity is None:
            rows.append((unit, UNKNOWN_SHORT, UNKNOWN_SHORT))
        else:
            rows.append((unit, number(quantity), number(quantity / usage.orders)))
    return rows


def monthly(bill: Bill) -> Rows:
    """A month's bill, the largest share first."""
    rows: Rows = [("a month", "quantity", "$")]
    rows += [_row(line) for line in sorted(bill.usage, key=lambda line: -(line.dollars or 0))]
    rows.append((f"for {bill.orders:,.0f} orders", "", money(bill.variable, complete=bill.complete)))
    rows += [_row(line) for line in sorted(bill.standing, key=lambda line: -(line.dollars or 0))]
    rows.append(("whatever happens", "", money(bill.fixed)))
    rows.append(("together", "", money(bill.variable + bill.fixed, complete=bill.complete)))
    return rows


def failures(usages: Mapping[str, Usage], bills: Mapping[str, Bill], prices: Prices) -> Rows:
    """What a failure costs: each workload, in a column, beside the healthy one, which is the first."""
    plain = next(iter(bills.values())).variable
    rows: Rows = [("an order", *usages)]
    for name in next(iter(usages.values())).quantities:
        quantities = [(usage.quantities[name], usage.orders) for usage in usages.values()]
        told = ["?" if quantity is None else number(quantity / orders) for quantity, orders in quantities]
        rows.append((prices.table[name].unit, *told))
    sums = [money(total.variable, complete=total.complete) for total in bills.values()]
    rows.append(("$ a million orders", *sums))
    rows.append(("times healthy", *(f"{total.variable / plain:.2f}" for total in bills.values())))
    return rows


def hostile(bills: Mapping[str, Bill], rate: float) -> Rows:
    """What callers cost who use up the throttle of `rate` requests a second. A bill is that of one request."""
    rows: Rows = [("one caller sends", "$ a million requests", "$ an hour", "$ a day", "$ a month")]
    for name, one in bills.items():
        per_hour = one.variable * rate * 3600
        sums = (one.variable * 1_000_000, per_hour, 24 * per_hour, 730 * per_hour)
        rows.append((name, *(money(total, complete=one.complete) for total in sums)))
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table; all columns but the first are numbers."""
    head, *body = rows
    rule = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def number(quantity: float) -> str:
    """A quantity with as many digits as mean something."""
    return f"{quantity:,.0f}" if quantity >= 100 or quantity == round(quantity) else f"{quantity:.4g}"


def money(dollars: float, *, complete: bool = True) -> str:
    """Dollars; with a lower bound's sign where part of the usage is not known."""
    return f"{'' if complete else '>= '}{dollars:,.2f}"


def _row(line: Line) -> tuple[str, str, str]:
    if line.quantity is None or line.dollars is None:
        return line.unit, UNKNOWN_SHORT, "?"
    return line.unit, number(line.quantity), f"{line.dollars:.2f}"


__all__ = ["UNKNOWN", "failures", "markdown", "money", "monthly", "number", "per_order"]
