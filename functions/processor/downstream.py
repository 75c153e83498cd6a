"""The dependency that adds up an order's lines, and the ways it can fail.

The lab's price service is a function in this process; faults wrap it the way a remote service fails its
caller: no answer before the deadline, or a refusal.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from functions.common.errors import DependencyTimeoutError, DependencyUnavailableError
from functions.processor.order import Order
from functions.processor.pricing import lines_total

RANDOM_FAILURE_SHARE = 0.30


@dataclass(frozen=True)
class DeliveryId:
    """What tells one delivery of a message from all others, the same way in every run.

    SQS's message id would not do: it differs between runs and changes with a redrive.
    """

    key: str
    redrive_count: int
    receive_count: int


type PriceService = Callable[[Order, DeliveryId], Decimal]
"""Adds up an order's lines. Raises DependencyTimeoutError or DependencyUnavailableError."""


def healthy(order: Order, _delivery: DeliveryId) -> Decimal:
    """The service when all is well."""
    return lines_total(order)


def slow(deadline_seconds: float, sleep: Callable[[float], None] = time.sleep) -> PriceService:
    """A service that answers too late: the caller waits until its deadline, and no longer."""

    def call(_order: Order, _delivery: DeliveryId) -> Decimal:
        sleep(deadline_seconds)
        raise DependencyTimeoutError(f"the price service did not answer within {deadline_seconds:g} s")

    return call


def flaky(seed: str, share: float = RANDOM_FAILURE_SHARE) -> PriceService:
    """A service that refuses a share of all deliveries, each independently of the others."""

    def call(order: Order, delivery: DeliveryId) -> Decimal:
        if draw(seed, delivery) < share:
            raise DependencyUnavailableError("the price service refused the call")
        return lines_total(order)

    return call


def draw(seed: str, delivery: DeliveryId) -> float:
    """A number in [0, 1), evenly spread over deliveries; the same for the same seed and delivery."""
    text = f"{seed}/{delivery.key}/{delivery.redrive_count}/{delivery.receive_count}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
