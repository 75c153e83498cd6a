from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from functions.common import codec
from functions.common.errors import Category, category_of, type_of
from functions.events.order_events import event_id
from functions.idempotency import Effect, Result
from functions.processor.downstream import DeliveryId, PriceService, healthy
from functions.processor.order import Order
from functions.publish.key import idempotency_key
from functions.validate import require_order
from functions.worker.faults import poisoned, require_unwritten_version
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.process import MessageProcessor
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
    once: Remembering,
    service: PriceService = healthy,
    require: Callable[[Any], dict[str, Any]] = require_order,
) -> MessageProcessor:
    return MessageProcessor(once, "orders", service, require, now=lambda: 5_000)


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


@pytest.mark.parametrize(
    ("document", "amount", "wrong"),
    [
        (order(), '"amount":"12,50"', "/amount must be of type number"),
        (order_v2(), '"amount":"7,10"', "/total/amount must be of type number"),
    ],
)
def test_a_poisoned_message_dies_with_the_body_that_killed_it(
    document: dict[str, Any], amount: str, wrong: str
) -> None:
    once = Remembering()
    message = poisoned(envelope(body=codec.dumps(document), idempotencyKey="key"))
    outcome = processor(once).process(message)
    assert failed(outcome) == ("SchemaViolation", "VALIDATION")
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == wrong
    assert amount in outcome.envelope.body
    assert outcome.envelope.order_id == document["orderId"]
    assert failed(processor(once).process(outcome.envelope)) == ("SchemaViolation", "VALIDATION")
    assert once.effects == []


@pytest.mark.parametrize("body", ["no json", '"no object"', "{}", '{"amount": "five"}'])
def test_what_is_no_order_is_poisoned_without_a_change_of_meaning(body: str) -> None:
    changed = poisoned(envelope(body=body))
    assert changed.body == body if body == "no json" else codec.loads(changed.body) == codec.loads(body)


@pytest.mark.parametrize("document", [order(), order_v2()])
def test_a_worker_ahead_of_its_producers_kills_with_a_true_cause_and_leaves_the_body_alone(
    document: dict[str, Any],
) -> None:
    once = Remembering()
    message = envelope(body=codec.dumps(document), idempotencyKey="key")
    outcome = processor(once, require=require_unwritten_version).process(message)
    assert failed(outcome) == ("SchemaViolation", "VALIDATION")
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "/schemaVersion must be 3"
    assert outcome.envelope.body == message.body
    assert isinstance(processor(once).process(message), Done)


def test_a_message_that_is_wrong_anyway_dies_of_its_own_fault_before_a_worker_ahead() -> None:
    outcome = processor(Remembering(), require=require_unwritten_version).process(envelope(body="{}"))
    assert isinstance(outcome, Failed)
    assert "/schemaVersion" not in str(outcome.error)
