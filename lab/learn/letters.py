"""Dead letters for the module that needs many: few causes, and everything else about them different."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from functions.common.errors import (
    DependencyUnavailableError,
    LinesExceedAmountError,
    PipelineError,
    SchemaViolationError,
)
from lab.dlq.seed import bury
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders

SHARES = {"outage": 0.5, "comma": 0.3, "lines": 0.15, "partner": 0.05}
"""How many of the letters die of what: see `_letters`."""
AT_ONCE = 50
OLDEST_SECONDS = 3000


def prepare(pipeline: Pipeline, count: int, seed: int = 1) -> None:
    """Put so many dead letters into the DLQ, which died of four things within the last hour. Raises LabError."""
    rng = random.Random(seed)  # noqa: S311  test data, not secrets
    for cause, share in SHARES.items():
        made = list(orders(max(1, round(count * share)), label=cause))
        for start in range(0, len(made), AT_ONCE):
            some = made[start : start + AT_ONCE]
            error, bodies = _died_of(cause, some, rng)
            bury(pipeline, bodies, error=error, age_seconds=rng.randrange(60, OLDEST_SECONDS))


def _died_of(
    cause: str, some: Sequence[dict[str, Any]], rng: random.Random
) -> tuple[PipelineError, Iterator[dict[str, Any]]]:
    """The error of some letters, with ids and figures of its own, and their bodies as they died."""
    number, first = rng.randrange(100, 9999), some[0]["orderId"]
    match cause:
        case "outage":
            return DependencyUnavailableError(f"price-service refused {first} after {number} ms"), iter(some)
        case "comma":
            commas = ({**order, "amount": f"{order['amount']}".replace(".", ",")} for order in some)
            return SchemaViolationError("/amount must be of type number"), commas
        case "lines":
            dear = ({**order, "items": [{"sku": "a", "quantity": 1, "unitPrice": 10**6}]} for order in some)
            return LinesExceedAmountError(f"lines of {number} exceed the amount of {number // 2}"), dear
        case _:
            return DependencyUnavailableError(
                f"stock of partner-{number} did not answer at 10:0{number % 10}"
            ), iter(some)
