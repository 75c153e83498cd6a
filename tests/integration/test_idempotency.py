"""Real races for one order on the engine: whatever happens around it, its effect happens once."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from functions.common.errors import IdempotencyKeyReusedError, InProgressElsewhereError, LockLostError
from functions.idempotency import Effect, ExactlyOnce, Result, TransactionalStore
from functions.processor.effect import Provenance, earlier_response, order_row
from functions.processor.effect import response as response_of
from functions.processor.order import Order, order_from
from functions.processor.pricing import price
from functions.publish.key import payload_digest
from lab.common.clock import now_ms
from lab.dlq.browser import DlqBrowser
from lab.dlq.native import MoveTask
from lab.dlq.repair import send_repaired
from lab.dlq.seed import bury
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.redrives import dlq_messages, executions, finished, supply

CLAIM_SECONDS = 1


class Attempts:
    """Workers as far as idempotency goes, each with a store of its own, on the deployed tables."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.document: dict[str, Any] = {"orderId": f"race-{uuid.uuid4().hex[:12]}", "amount": 5}
        self.key = f"key-{uuid.uuid4().hex}"

    @property
    def order(self) -> Order:
        return order_from(self.document)

    def once(self) -> ExactlyOnce:
        store = TransactionalStore(
            self.pipeline.stack.idempotency_table_name, self.pipeline.aws.client("dynamodb")
        )
        return ExactlyOnce(store, ttl_days=7, in_progress_seconds=CLAIM_SECONDS)

    def effect(self, order: Order | None = None, payload: str = "") -> Effect:
        order = order or self.order
        origin = Provenance(self.key, "c", 1, 2, payload or payload_digest(self.document))
        priced = price(order, order.amount)
        table = self.pipeline.stack.orders_table_name
        return Effect(
            order_row(table, order, priced, origin),
            response_of(order, priced, origin),
            lambda row: earlier_response(row, origin),
        )

    def run(self, work: Any = None, **changes: Any) -> Result:
        digest = payload_digest(self.document | changes)
        return self.once().run(self.key, digest, work or self.effect)

    @property
    def executions(self) -> int:
        found = self.pipeline.aws.client("dynamodb").get_item(
            TableName=self.pipeline.stack.orders_table_name,
            Key={"orderId": {"S": self.document["orderId"]}},
            ConsistentRead=True,
        )
        return int(found.get("Item", {}).get("executions", {"N": "0"})["N"])

    def records(self) -> list[dict[str, Any]]:
        """The key's idempotency record, if there is one."""
        rows = self.pipeline.aws.client("dynamodb").scan(
            TableName=self.pipeline.stack.idempotency_table_name, ConsistentRead=True
        )["Items"]
        return [row for row in rows if row["id"]["S"] == self.record_id]

    @property
    def record_id(self) -> str:
        hashed = hashlib.sha256(json.dumps(self.key).encode()).hexdigest()
        return f"order#{hashed}"

    def age(self, status: str) -> None:
        """Let the record's TTL be over, as if days had passed."""
        self.pipeline.aws.client("dynamodb").put_item(
            TableName=self.pipeline.stack.idempotency_table_name,
            Item={
                "id": {"S": self.record_id},
                "status": {"S": status},
                "expiration": {"N": str(int(time.time()) - 1)},
                "in_progress_expiration": {"N": str(int((time.time() + 3600) * 1000))},
                "validation": {"S": "another payload"},
                "data": {"S": "{}"},
            },
        )


class Killed(BaseException):
    """The end of a worker's process."""


@pytest.fixture
def attempts(pipeline: Pipeline) -> Attempts:
    return Attempts(pipeline)


def test_of_many_workers_on_one_message_one_has_the_effect(attempts: Attempts) -> None:
    """The others find the claim, or the response of the one that won."""
    start = Barrier(8)

    def attempt(_: int) -> Result | Exception:
        start.wait()
        try:
            return attempts.run()
        except InProgressElsewhereError as error:
            return error

    with ThreadPoolExecutor(8) as workers:
        results = list(workers.map(attempt, range(8)))
    fresh = [result for result in results if isinstance(result, Result) and not result.replayed]
    assert len(fresh) == 1
    assert attempts.executions == 1


def test_two_deliveries_of_one_message_to_the_deployed_worker_have_one_effect(
    pipeline: Pipeline, attempts: Attempts
) -> None:
    """The same record in two invocations at once, as when the visibility timeout ran out too early."""
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "gone",
        "body": json.dumps(attempts.document),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
        "messageAttributes": {"idempotencyKey": {"dataType": "String", "stringValue": attempts.key}},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
    }
    client = pipeline.aws.client("lambda")

    def invoke(_: int) -> Any:
        answer = client.invoke(
            FunctionName=pipeline.stack.worker_function_name, Payload=json.dumps({"Records": [record]})
        )
        return json.loads(answer["Payload"].read())

    with ThreadPoolExecutor(4) as workers:
        answers = list(workers.map(invoke, range(4)))
    assert any(answer["batchItemFailures"] == [] for answer in answers)
    assert attempts.executions == 1


def test_a_worker_killed_before_the_commit_leaves_nothing_but_a_claim_that_expires(
    attempts: Attempts,
) -> None:
    def killed() -> Effect:
        raise Killed

    with pytest.raises(Killed):
        attempts.run(killed)
    assert attempts.executions == 0
    with pytest.raises(InProgressElsewhereError):
        attempts.run()
    assert not eventually(lambda: _unless_held(attempts), within=CLAIM_SECONDS + 3).replayed
    assert attempts.executions == 1


def test_a_worker_killed_after_the_commit_has_its_response_replayed(attempts: Attempts) -> None:
    """Effect and completion are one transaction: there is no moment between them to be killed in."""
    attempts.run()
    assert attempts.run().replayed
    assert attempts.executions == 1


def test_a_slow_worker_that_was_overtaken_cannot_commit_any_more(attempts: Attempts) -> None:
    def overtaken() -> Effect:
        eventually(lambda: _unless_held(attempts), within=CLAIM_SECONDS + 3)
        return attempts.effect()

    with pytest.raises(LockLostError):
        attempts.run(overtaken)
    assert attempts.executions == 1


@pytest.mark.parametrize("status", ["COMPLETED", "INPROGRESS"])
def test_an_expired_record_that_is_still_there_counts_as_absent(attempts: Attempts, status: str) -> None:
    """DynamoDB deletes expired rows within days; until then they are read."""
    attempts.age(status)
    assert not attempts.run().replayed
    assert attempts.executions == 1
    (record,) = attempts.records()
    assert record["status"] == {"S": "COMPLETED"}
    assert int(record["expiration"]["N"]) > time.time()


def test_an_expired_record_that_was_deleted_counts_as_absent(attempts: Attempts) -> None:
    attempts.age("COMPLETED")
    eventually(lambda: not attempts.records(), within=30, every=0.5)
    assert not attempts.run().replayed
    assert attempts.executions == 1
    assert len(attempts.records()) == 1


def test_a_key_with_another_payload_is_rejected_and_changes_nothing(attempts: Attempts) -> None:
    attempts.run()
    other = replace(attempts.order, amount=attempts.order.amount * 2)
    with pytest.raises(IdempotencyKeyReusedError):
        attempts.run(lambda: attempts.effect(other), amount=10)
    assert attempts.executions == 1


def test_a_delivery_after_its_key_was_forgotten_finds_the_row_and_is_a_duplicate(attempts: Attempts) -> None:
    first = attempts.run()
    attempts.age("COMPLETED")
    again = attempts.run()
    assert again.replayed
    assert again.response == first.response
    assert attempts.executions == 1


def test_a_forgotten_key_that_stood_for_another_payload_is_still_rejected(attempts: Attempts) -> None:
    attempts.run()
    attempts.age("COMPLETED")
    with pytest.raises(IdempotencyKeyReusedError):
        attempts.run(lambda: attempts.effect(payload="another"))
    assert attempts.executions == 1


def redrive(pipeline: Pipeline, api: Api, _order: dict[str, Any]) -> None:
    finished(api, api.start_redrive(minAgeSeconds=0))


def move_task(pipeline: Pipeline, _api: Api, _order: dict[str, Any]) -> None:
    MoveTask(pipeline)


def edit(pipeline: Pipeline, _api: Api, order: dict[str, Any]) -> None:
    browser = DlqBrowser(pipeline)
    with browser.take(order["orderId"]) as envelope:
        send_repaired(pipeline, browser, envelope, json.dumps(order | {"amount": 9_999}))


def submission(_pipeline: Pipeline, api: Api, order: dict[str, Any]) -> None:
    api.submit(order)


@pytest.mark.parametrize("come_back", [redrive, move_task, edit, submission])
def test_a_copy_that_comes_back_after_its_key_was_forgotten_has_no_second_effect(
    pipeline: Pipeline, api: Api, come_back: Callable[[Pipeline, Api, dict[str, Any]], None]
) -> None:
    """Its order is processed, a letter of it lies in the DLQ, and days pass. An edited one is another order."""
    (order,) = supply(1)
    accepted = api.submit(order)
    eventually(lambda: executions(pipeline, [accepted.order_id]) == {accepted.order_id: 1}, within=30)
    hashed = hashlib.sha256(json.dumps(accepted.idempotency_key).encode()).hexdigest()
    pipeline.aws.client("dynamodb").delete_item(
        TableName=pipeline.stack.idempotency_table_name, Key={"id": {"S": f"order#{hashed}"}}
    )
    if come_back is not submission:
        bury(pipeline, [order])
    since = now_ms()
    come_back(pipeline, api, order)
    seen = eventually(lambda: said_of(pipeline, accepted.order_id, since), within=60)
    assert seen == ({"order.failed"} if come_back is edit else {"order.duplicate"})
    eventually(lambda: pipeline.queue().total == 0, within=30)
    assert executions(pipeline, [accepted.order_id]) == {accepted.order_id: 1}
    assert causes(pipeline) == (["OrderIdTaken"] if come_back is edit else [])


def said_of(pipeline: Pipeline, order_id: str, since_ms: int) -> set[str]:
    """What the worker logged of an order since a time."""
    pages = (
        pipeline.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{pipeline.stack.worker_function_name}",
            filterPattern=f'{{ $.event = "order.*" && $.orderId = "{order_id}" }}',
            startTime=since_ms,
        )
    )
    lines = [json.loads(event["message"])["event"] for page in pages for event in page["events"]]
    return set(lines) & {"order.processed", "order.duplicate", "order.failed"}


def causes(pipeline: Pipeline) -> list[str]:
    """The error types of all letters."""
    return [letter["MessageAttributes"]["errorType"]["StringValue"] for letter in dlq_messages(pipeline)]


def _unless_held(attempts: Attempts) -> Result | None:
    try:
        return attempts.run()
    except InProgressElsewhereError:
        return None
