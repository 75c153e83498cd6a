"""The whole worker against a model of SQS: at least once, in any order, with a crash or an error at any call."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from functions.common import codec
from functions.common.errors import CircuitOpenError, DependencyTimeoutError
from functions.events.event_publisher import EventPublisher
from functions.idempotency import ExactlyOnce, TransactionalStore
from functions.processor import downstream
from functions.processor.order import Order
from functions.publish.envelope import Envelope
from functions.publish.message import text
from functions.publish.publisher import Publisher
from functions.worker.batch import BatchRunner
from functions.worker.circuit_outcome import reconsidered
from functions.worker.policy import RetryPolicy
from functions.worker.process import MessageProcessor
from functions.worker.settlement import Settlement
from tests.unit.functions.memory import MODES, Aws, Crash, Faults, Inline, Mode

MAX_RECEIVES = 5
CLAIM_SECONDS = 30


@dataclass
class Message:
    """A message of the model queue."""

    number: int
    order_id: str
    body: str
    attributes: dict[str, Any]
    receives: int = 0

    def envelope(self) -> Envelope:
        return Envelope(
            str(self.number), f"r-{self.number}", self.body, self.attributes, self.receives, 1_000
        )


def attributes(key: str) -> dict[str, Any]:
    return {"idempotencyKey": text(key), "correlationId": text(f"c-{key}")}


def open_circuit(_order: Order, _delivery: downstream.DeliveryId) -> Decimal:
    raise CircuitOpenError("the circuit is open")


def opening_circuit(_order: Order, _delivery: downstream.DeliveryId) -> Decimal:
    raise DependencyTimeoutError("late")


OUTAGE = (open_circuit, opening_circuit)


class Worker:
    """One execution environment: it shares nothing with another one but AWS."""

    def __init__(self, aws: Aws, price_service: downstream.PriceService = downstream.healthy) -> None:
        client: Any = aws
        store = TransactionalStore("idempotency", client)
        once = ExactlyOnce(store, ttl_days=7, in_progress_seconds=CLAIM_SECONDS)
        self._circuit_is_open = price_service in OUTAGE
        self._processor = MessageProcessor(once, "orders", price_service, now=lambda: 5_000)
        policy = RetryPolicy(MAX_RECEIVES, 1, 8, 5, "defer", random.Random(1))
        self._settlement = Settlement(
            EventPublisher(client, "bus", sleep=lambda _s: None).publish,
            Publisher(client, "dlq", max_bytes=100_000, sleep=lambda _s: None),
            Publisher(client, "queue", max_bytes=100_000, sleep=lambda _s: None),
            client,
            "queue",
            policy,
            "v1",
        )

    def handle(self, messages: Iterable[Message]) -> set[str]:
        runner = BatchRunner(self._processor.process, Inline(), claim_seconds=CLAIM_SECONDS)
        outcomes = runner.run([m.envelope() for m in messages], lambda: 10.0)
        return self._settlement.settle(reconsidered(outcomes, lambda: self._circuit_is_open))


class WorkerAndQueue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.aws = Aws()
        self.queue: list[Message] = []
        self.accepted: dict[str, str] = {}
        self.moved_by_sqs: list[Message] = []
        self.sent = 0

    def _send(self, order_id: str, body: str, attributes: dict[str, Any]) -> None:
        self.sent += 1
        self.queue.append(Message(self.sent, order_id, body, attributes))

    def _take_what_was_requeued(self) -> None:
        for entry in self.aws.requeued:
            body = entry["MessageBody"]
            self._send(codec.loads(body)["orderId"], body, entry["MessageAttributes"])
        self.aws.requeued.clear()

    @rule(hopeless=st.booleans())
    def submit(self, hopeless: bool) -> None:
        order_id = f"o-{len(self.accepted)}"
        lines = '[{"sku":"s","quantity":9,"unitPrice":99}]' if hopeless else "[]"
        self.accepted[order_id] = f'{{"orderId":"{order_id}","amount":5.10,"items":{lines}}}'
        self._send(order_id, self.accepted[order_id], attributes(f"k-{order_id}"))

    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        if self.accepted:
            order_id = data.draw(st.sampled_from(sorted(self.accepted)))
            self._send(order_id, self.accepted[order_id], attributes(f"k-{order_id}"))

    @rule(
        data=st.data(),
        at=st.integers(0, 8),
        mode=st.sampled_from(MODES),
        faulty=st.booleans(),
        service=st.sampled_from([downstream.healthy, *OUTAGE]),
    )
    def deliver(
        self, data: st.DataObject, at: int, mode: Mode, faulty: bool, service: downstream.PriceService
    ) -> None:
        batch = self._receive(data)
        self.aws.faults = Faults(at if faulty else None, mode)
        try:
            kept = Worker(self.aws, service).handle(batch)
        except Crash:
            return
        finally:
            self.aws.faults = Faults()
            self._take_what_was_requeued()
        if not data.draw(st.booleans(), "the acknowledgement is lost"):
            self._acknowledge(batch, kept)

    @rule(data=st.data())
    def a_slow_worker_is_overtaken(self, data: st.DataObject) -> None:
        """Its claim expires while it waits for its dependency, and another worker does the whole batch."""
        batch = self._receive(data)
        overtaken: list[set[str]] = []

        def slow(order: Order, delivery: downstream.DeliveryId) -> Decimal:
            if not overtaken:
                overtaken.append(set())
                self._time_passes()
                for message in batch:
                    message.receives += 1
                overtaken[0] = Worker(self.aws).handle(batch)
            return downstream.healthy(order, delivery)

        kept = Worker(self.aws, slow).handle(batch)
        self._acknowledge(batch, kept & overtaken[0] if overtaken else kept)

    @rule()
    def time_passes(self) -> None:
        self._time_passes()

    @rule()
    def keys_are_forgotten(self) -> None:
        """Days pass: DynamoDB deletes the records, and messages come back later."""
        self._time_passes()
        self.aws.claims.clear()

    def _time_passes(self) -> None:
        self.aws.ahead_ms += (CLAIM_SECONDS + 1) * 1000

    def _receive(self, data: st.DataObject) -> list[Message]:
        """Any messages in any order. Those beyond their last receive are in the DLQ instead."""
        if not self.queue:
            return []
        numbers = [message.number for message in self.queue]
        chosen = data.draw(
            st.lists(st.sampled_from(numbers), unique=True, min_size=1, max_size=10), "received"
        )
        by_number = {message.number: message for message in self.queue}
        batch: list[Message] = []
        for number in chosen:
            message = by_number[number]
            message.receives += 1
            if message.receives > MAX_RECEIVES:
                self.queue.remove(message)
                self.moved_by_sqs.append(message)
            else:
                batch.append(message)
        return batch

    def _acknowledge(self, batch: list[Message], kept: set[str]) -> None:
        gone = {message.number for message in batch if str(message.number) not in kept}
        self.queue = [message for message in self.queue if message.number not in gone]

    def _dead(self) -> set[str]:
        dead_lettered = {codec.loads(letter["MessageBody"])["orderId"] for letter in self.aws.dlq}
        return dead_lettered | {message.order_id for message in self.moved_by_sqs}

    @invariant()
    def no_effect_happens_twice(self) -> None:
        assert all(count == 1 for count in self.aws.executions.values()), self.aws.executions

    @invariant()
    def every_accepted_order_is_somewhere(self) -> None:
        waiting = {message.order_id for message in self.queue}
        lost = self.accepted.keys() - self.aws.executions.keys() - waiting - self._dead()
        assert not lost

    @invariant()
    def an_effect_whose_messages_are_gone_is_announced_or_in_the_dlq(self) -> None:
        waiting = {message.order_id for message in self.queue}
        published = {event["orderId"] for event in self.aws.published if "total" in event}
        silent = self.aws.executions.keys() - published - waiting - self._dead()
        assert not silent

    @invariant()
    def events_of_one_outcome_have_one_id(self) -> None:
        ids: dict[tuple[str, bool], set[str]] = {}
        for event in self.aws.published:
            ids.setdefault((event["orderId"], "total" in event), set()).add(event["eventId"])
        assert all(len(found) == 1 for found in ids.values())

    @invariant()
    def an_open_circuit_kills_nobody(self) -> None:
        causes = [letter["MessageAttributes"]["errorType"]["StringValue"] for letter in self.aws.dlq]
        assert "CircuitOpen" not in causes
        assert "DependencyTimeout" not in causes

    def teardown(self) -> None:
        """Once nothing fails any more, the queue empties, and every order has its effect or is dead."""
        for _ in range(MAX_RECEIVES + 1):
            self._time_passes()
            batch = list(self.queue)
            for message in batch:
                message.receives += 1
            self._acknowledge(batch, Worker(self.aws).handle(batch))
        assert not self.queue
        self.no_effect_happens_twice()
        assert self.accepted.keys() == self.aws.executions.keys() | self._dead()


TestWorkerAndQueue = WorkerAndQueue.TestCase
TestWorkerAndQueue.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)


def test_when_nothing_fails_every_order_is_processed_and_announced_at_its_first_receive() -> None:
    aws = Aws()
    batch = [
        Message(
            number,
            f"o-{number}",
            f'{{"orderId":"o-{number}","amount":5.10}}',
            attributes(f"k-{number}"),
            receives=1,
        )
        for number in range(10)
    ]
    assert Worker(aws).handle(batch) == set()
    assert aws.executions == {message.order_id: 1 for message in batch}
    assert sorted(event["orderId"] for event in aws.published) == sorted(aws.executions)
    assert aws.dlq == []


def test_a_copy_that_comes_after_its_key_is_forgotten_is_a_duplicate_with_the_same_event() -> None:
    aws = Aws()
    message = Message(1, "o-1", '{"orderId":"o-1","amount":5.10}', attributes("k-1"), receives=1)
    assert Worker(aws).handle([message]) == set()
    aws.claims.clear()
    assert Worker(aws).handle([message]) == set()
    assert aws.executions == {"o-1": 1}
    first, second = aws.published
    assert first == second
    assert aws.claims == {}


@pytest.mark.parametrize(
    ("key", "amount", "cause"),
    [("k-2", "5.10", "OrderIdTaken"), ("k-1", "6.10", "IdempotencyKeyReused")],
    ids=["another key", "another payload"],
)
def test_an_order_id_that_has_its_effect_takes_no_other_after_the_key_is_forgotten(
    key: str, amount: str, cause: str
) -> None:
    aws = Aws()
    first = Message(1, "o-1", '{"orderId":"o-1","amount":5.10}', attributes("k-1"), receives=1)
    other = Message(2, "o-1", f'{{"orderId":"o-1","amount":{amount}}}', attributes(key), receives=1)
    Worker(aws).handle([first])
    aws.claims.clear()
    assert Worker(aws).handle([other]) == set()
    assert aws.executions == {"o-1": 1}
    assert [letter["MessageAttributes"]["errorType"]["StringValue"] for letter in aws.dlq] == [cause]


def test_a_commit_that_failed_gives_the_key_up_for_the_next_delivery() -> None:
    """Only a crash leaves a claim behind, which then has to expire."""
    aws = Aws(faults=Faults(at=1, mode="error before"))
    message = Message(1, "o-1", '{"orderId":"o-1","amount":5.10}', attributes("k-1"), receives=1)
    assert Worker(aws).handle([message]) == {"1"}
    assert aws.claims == {}
    assert Worker(aws).handle([message]) == set()
    assert aws.executions == {"o-1": 1}
