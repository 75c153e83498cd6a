from collections.abc import Callable
from decimal import Decimal
from typing import Any

from functions.common import codec
from functions.common.errors import Category, category_of, type_of
from functions.events.order_events import event_id
from functions.idempotency import Effect, Result
from functions.processor.downstream import DeliveryId, PriceService, healthy
from functions.processor.order import Order
from functions.publish.key import idempotency_key
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.process import MessageProcessor, poisoned, untouched
from tests.unit.functions.builders import envelope, order, order_v2


class Remembering:
    """Runs work once per key, and remembers its response the way DynamoDB does: as JSON."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self._responses: dict[str, str] = {}

    def run(self, key: str, payload: str, work: Callable[[], Effect]) -> Result:
        if key in self._responses:
            return Result(codec.loads(self._responses[key]), replayed=True)
        effect = work()
        self.effects.append(effect)
        self._responses[key] = codec.dumps(effect.response)
        return Result(effect.response, replayed=False)


def processor(
    once: Remembering, service: PriceService = healthy, corrupt: Callable[[Any], Any] = untouched
) -> MessageProcessor:
    return MessageProcessor(once, "orders", service, corrupt, now=lambda: 5_000)


def failed(outcome: Outcome) -> tuple[str, Category]:
    assert isinstance(outcome, Failed)
    return type_of(outcome.error), category_of(outcome.error)


def test_an_order_has_its_effect_and_its_event() -> None:
    once = Remembering()
    outcome = processor(once).process(envelope(idempotencyKey="key", correlationId="c", sent_at=1_000))
    assert isinstance(outcome, Done)
    assert not outcome.duplicate
    assert outcome.latency_ms == 4_000
    assert len(once.effects) == 1
    detail = codec.loads(outcome.event.detail)
    assert detail["eventId"] == event_id("key", "OrderProcessed")
    assert detail["correlationId"] == "c"
    assert detail["amount"] == Decimal("12.50")


def test_a_duplicate_has_no_second_effect_and_the_same_event() -> None:
    once = Remembering()
    first, second = (processor(once).process(envelope(idempotencyKey="key", correlationId="c")) for _ in "12")
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert second.duplicate
    assert second.event == first.event
    assert len(once.effects) == 1


def test_a_message_without_attributes_gets_its_key_from_its_content() -> None:
    outcome = processor(Remembering()).process(envelope(body=codec.dumps(order_v2())))
    assert isinstance(outcome, Done)
    assert outcome.key == idempotency_key(order_v2())


def test_every_kind_of_bad_message_is_its_own_failure() -> None:
    once = Remembering()
    assert failed(processor(once).process(envelope(body="no json"))) == ("MalformedJson", "VALIDATION")
    assert failed(processor(once).process(envelope(body="{}"))) == ("SchemaViolation", "VALIDATION")
    expensive = order(items=[{"sku": "s", "quantity": 2, "unitPrice": 12}])
    body = codec.dumps(expensive)
    assert failed(processor(once).process(envelope(body=body))) == ("LinesExceedAmount", "PERMANENT")
    assert once.effects == []


def test_an_unexpected_error_is_a_processing_failure() -> None:
    def broken(_order: Order, _delivery: DeliveryId) -> Decimal:
        raise ZeroDivisionError

    outcome = processor(Remembering(), broken).process(envelope())
    assert failed(outcome) == ("ZeroDivisionError", "PROCESSING")


def test_a_poisoned_payload_fails_the_real_validator_and_leaves_the_message_alone() -> None:
    once = Remembering()
    message = envelope(idempotencyKey="key")
    assert failed(processor(once, corrupt=poisoned).process(message)) == ("SchemaViolation", "VALIDATION")
    assert isinstance(processor(once).process(message), Done)
    assert poisoned(order_v2())["orderId"] == 0
    assert poisoned("no object") == "no object"
