"""The events about orders. Delivery is at least once: a repeated event has the same eventId."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from functions.common import codec

SOURCE = "ingestion.orders"
PROCESSED = "OrderProcessed"
FAILED = "OrderFailed"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, SOURCE)


@dataclass(frozen=True)
class OrderEvent:
    """An event ready to be put on the bus."""

    detail_type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes as PutEvents counts them: source, detail-type and detail (EventBridge guide, entry size)."""
        return len(SOURCE) + len(self.detail_type) + len(self.detail.encode())


def event_id(idempotency_key: str, detail_type: str, death: int = 0) -> str:
    """The stable id of an event: one for a key's success, one for each of its deaths.

    >>> event_id("key", PROCESSED)
    'cef0aea4-dfbe-591b-ae52-c511c6bff2a3'
    >>> event_id("key", FAILED, death=1) == event_id("key", FAILED, death=0)
    False
    """
    return str(uuid.uuid5(_NAMESPACE, f"{idempotency_key}/{detail_type}/{death}"))


def processed_event(response: Mapping[str, Any], *, idempotency_key: str, correlation_id: str) -> OrderEvent:
    """OrderProcessed, from what is remembered with the idempotency key."""
    return _event(
        PROCESSED,
        {
            "eventId": event_id(idempotency_key, PROCESSED),
            "correlationId": correlation_id,
            "idempotencyKey": idempotency_key,
            **response,
            "amount": Decimal(response["amount"]),
            "total": Decimal(response["total"]),
        },
    )


def failed_event(
    *,
    order_id: str | None,
    idempotency_key: str,
    correlation_id: str,
    error_type: str,
    error_category: str,
    receive_count: int,
    redrive_count: int,
) -> OrderEvent:
    """OrderFailed: the order's message went to the DLQ."""
    return _event(
        FAILED,
        {
            "eventId": event_id(idempotency_key, FAILED, redrive_count),
            "orderId": order_id,
            "correlationId": correlation_id,
            "idempotencyKey": idempotency_key,
            "errorType": error_type,
            "errorCategory": error_category,
            "receiveCount": receive_count,
            "redriveCount": redrive_count,
        },
    )


def _event(detail_type: str, detail: Mapping[str, Any]) -> OrderEvent:
    known = {name: value for name, value in detail.items() if value is not None}
    return OrderEvent(detail_type, codec.dumps(known))
