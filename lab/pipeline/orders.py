"""Orders to send: different sizes, reproducible, every id unique to its run."""

import random
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

CURRENCIES = ("EUR", "USD", "GBP")


def orders(count: int, *, label: str, seed: int = 1) -> Iterator[dict[str, Any]]:
    """`count` valid orders of one to twelve items; ids are `LABEL-RUN-0001`, ..."""
    rng = random.Random(seed)  # noqa: S311  test data, not secrets
    run = uuid.uuid4().hex[:8]
    for number in range(1, count + 1):
        yield order(f"{label}-{run}-{number:04d}", rng)


def healed(order: dict[str, Any]) -> dict[str, Any]:
    """An order that the failure mode poison_payload corrupted, as its sender meant it: `"12,50"` is 12.50."""
    return order | {"amount": Decimal(order["amount"].replace(",", "."))}


def order(order_id: str, rng: random.Random) -> dict[str, Any]:
    """One valid order (schema version 1) whose amount is the sum of its items."""
    lines = [
        (f"sku-{rng.randrange(1000):03d}", rng.randint(1, 5), rng.randint(99, 99_99))
        for _ in range(rng.randint(1, 12))
    ]
    return {
        "orderId": order_id,
        "amount": sum(quantity * cents for _, quantity, cents in lines) / 100,
        "currency": rng.choice(CURRENCIES),
        "customerId": f"customer-{rng.randrange(100):02d}",
        "items": [
            {"sku": sku, "quantity": quantity, "unitPrice": cents / 100} for sku, quantity, cents in lines
        ],
    }
