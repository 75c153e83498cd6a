import random
from http import HTTPStatus
from typing import Any

from functions.common import codec
from functions.common.problem import ProblemError
from functions.ingest.acceptance import Acceptance, Accepted
from functions.publish.key import idempotency_key
from functions.publish.publisher import Publisher
from tests.unit.functions.builders import FakeSqs, order


def acceptance(sqs: FakeSqs, limit: int = 10_000) -> Acceptance:
    publisher = Publisher(sqs, "q", max_bytes=limit, sleep=lambda _seconds: None, rng=random.Random(1))
    return Acceptance(publisher, max_message_bytes=limit, now=lambda: 42)


def accept(sqs: FakeSqs, *orders: Any, limit: int = 10_000, **more: Any) -> list[Accepted | ProblemError]:
    return acceptance(sqs, limit).accept(orders, correlation_id="c", **more)


def test_an_accepted_order_is_published_as_it_came_with_its_attributes() -> None:
    sqs = FakeSqs()
    [verdict] = accept(sqs, order())
    assert isinstance(verdict, Accepted)
    assert verdict.idempotency_key == idempotency_key(order())
    [entry] = sqs.taken
    assert codec.loads(entry["MessageBody"]) == order()
    assert {name: value["StringValue"] for name, value in entry["MessageAttributes"].items()} == {
        "correlationId": "c",
        "idempotencyKey": verdict.idempotency_key,
        "lineage": '{"acceptedAt":42,"history":[]}',
    }


def test_an_order_is_in_its_customer_s_group_where_queues_are_fair() -> None:
    sqs = FakeSqs()
    publisher = Publisher(sqs, "q", max_bytes=10_000)
    orders = [order(orderId="a", customerId="c-1"), order(orderId="b")]
    Acceptance(publisher, max_message_bytes=10_000, fair=True).accept(orders, correlation_id="c")
    assert [entry["MessageGroupId"] for entry in sqs.taken] == ["c-1", "b"]
    accept(sqs, order(orderId="d", customerId="c-1"))
    assert "MessageGroupId" not in sqs.taken[-1]


def test_good_orders_are_published_even_if_others_are_refused() -> None:
    sqs = FakeSqs()
    verdicts = accept(sqs, order(orderId="a"), {"orderId": "b"}, "c", order(orderId="d"))
    assert [isinstance(verdict, Accepted) for verdict in verdicts] == [True, False, False, True]
    refusal = verdicts[1]
    assert isinstance(refusal, ProblemError)
    assert refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [violation.pointer for violation in refusal.violations] == ["/amount"]
    assert len(sqs.taken) == 2


def test_an_order_that_cannot_be_queued_is_reported_and_never_dropped() -> None:
    sqs = FakeSqs(lambda entry, _attempt: ("InternalError", False) if '"b"' in entry["MessageBody"] else None)
    verdicts = accept(sqs, order(orderId="a"), order(orderId="b"))
    assert isinstance(verdicts[0], Accepted)
    assert isinstance(verdicts[1], ProblemError)
    assert verdicts[1].status == HTTPStatus.SERVICE_UNAVAILABLE
    assert verdicts[1].cause.startswith("InternalError: ")
    assert "InternalError" not in verdicts[1].detail


def test_an_order_above_the_message_limit_is_too_large() -> None:
    items = [{"sku": "s" * 100, "quantity": 1, "unitPrice": 0}] * 20
    [verdict] = accept(FakeSqs(), order(items=items), limit=1024)
    assert isinstance(verdict, ProblemError)
    assert verdict.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_the_header_gives_the_key_where_the_order_has_none() -> None:
    [verdict] = accept(FakeSqs(), order(), key="from-header")
    assert isinstance(verdict, Accepted)
    assert verdict.idempotency_key == "from-header"


def test_a_key_in_the_order_must_not_contradict_the_header() -> None:
    [same] = accept(FakeSqs(), order(idempotencyKey="k"), key="k")
    [other] = accept(FakeSqs(), order(idempotencyKey="k"), key="other")
    [blank] = accept(FakeSqs(), order(), key="two words")
    assert isinstance(same, Accepted)
    for refused in (other, blank):
        assert isinstance(refused, ProblemError)
        assert [violation.pointer for violation in refused.violations] == ["/idempotencyKey"]


def test_duplicate_submit_publishes_twice_and_accepts_once() -> None:
    sqs = FakeSqs()
    verdicts = accept(sqs, order(orderId="a"), order(orderId="b"), copies=2)
    assert len(verdicts) == 2
    keys = [entry["MessageAttributes"]["idempotencyKey"]["StringValue"] for entry in sqs.taken]
    assert keys[0] == keys[1] != keys[2] == keys[3]
