"""One message from its body to its committed effect. Safe to run for different idempotency keys at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from functions.common.errors import Category, category_of
from functions.common.observability import log_event, logger
from functions.events.order_events import processed_event
from functions.idempotency import Effect, Result
from functions.processor import effect
from functions.processor.downstream import DeliveryId, PriceService
from functions.processor.order import Order, order_from
from functions.processor.pricing import price
from functions.publish.envelope import Envelope
from functions.publish.key import payload_digest
from functions.validate import require_order
from functions.worker.outcome import Done, Failed, Outcome


class Once(Protocol):
    """Runs work at most once per key."""

    def run(self, key: str, payload: str, work: Callable[[], Effect]) -> Result: ...


@dataclass(frozen=True)
class MessageProcessor:
    """Processes messages. `require` is what turns a parsed body into a valid order, or raises."""

    once: Once
    orders_table: str
    price_service: PriceService
    require: Callable[[Any], dict[str, Any]] = require_order
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def process(self, envelope: Envelope) -> Outcome:
        """Process one message; whatever goes wrong is its outcome alone."""
        key = envelope.idempotency_key()
        try:
            document = self.require(envelope.document)
            key = envelope.idempotency_key(document)
            payload = payload_digest(document)
            result = self.once.run(
                key, payload, lambda: self._effect(envelope, order_from(document), key, payload)
            )
        except Exception as error:  # noqa: BLE001  one message's failure must not become the batch's
            _log_unexpected(error, envelope)
            return Failed(envelope, key, error)
        return self._done(envelope, key, result)

    def _effect(self, envelope: Envelope, order: Order, key: str, payload: str) -> Effect:
        delivery = DeliveryId(key, envelope.redrive_count, envelope.receive_count)
        priced = price(order, self.price_service(order, delivery))
        origin = effect.Provenance(key, envelope.correlation_id, envelope.accepted_at, self.now(), payload)
        return Effect(
            effect.order_row(self.orders_table, order, priced, origin),
            effect.response(order, priced, origin),
            lambda row: effect.earlier_response(row, origin),
        )

    def _done(self, envelope: Envelope, key: str, result: Result) -> Done:
        response = result.response
        log_event(
            "order.duplicate" if result.replayed else "order.processed",
            correlation_id=envelope.correlation_id,
            order_id=response["orderId"],
            idempotencyKey=key,
            messageId=envelope.message_id,
            receiveCount=envelope.receive_count,
        )
        # A duplicate is published again: the delivery that committed it may have died before its event was
        # out. The event's id is the same, so whoever got both can tell.
        return Done(
            envelope=envelope,
            key=key,
            event=processed_event(response, idempotency_key=key, correlation_id=envelope.correlation_id),
            duplicate=result.replayed,
            latency_ms=response["processedAt"] - envelope.accepted_at,
        )


def _log_unexpected(error: Exception, envelope: Envelope) -> None:
    """The stack of an error nobody foresaw; what is foreseen is logged where its disposition is decided."""
    if category_of(error) is Category.PROCESSING:
        fields = {"event": "order.error", "correlation_id": envelope.correlation_id}
        logger.error("order.error", exc_info=error, extra=fields)
