"""The idempotency key of an order: what makes two submissions the same one."""

import hashlib
from collections.abc import Mapping
from typing import Any

from functions.common import codec


def idempotency_key(order: Mapping[str, Any]) -> str:
    """The key the order brings along, else the hash of its content.

    >>> idempotency_key({"orderId": "o-1", "amount": 5, "idempotencyKey": "mine"})
    'mine'
    >>> idempotency_key({"orderId": "o-1", "amount": 5}) == idempotency_key({"amount": 5, "orderId": "o-1"})
    True
    """
    return order.get("idempotencyKey") or payload_digest(order)


def payload_digest(order: Mapping[str, Any]) -> str:
    """SHA-256 of what the order says. Layout, the spelling of numbers and the key itself do not count."""
    content = {name: value for name, value in order.items() if name != "idempotencyKey"}
    return hashlib.sha256(codec.canonical(content).encode()).hexdigest()
