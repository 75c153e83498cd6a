"""One order's way through the deployed pipeline, on parts that really run."""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from lab.common.results import Verdict
from lab.deployment.smoke_checks import probe
from lab.engines.direct import DIRECT
from lab.pipeline.api import Api
from lab.pipeline.observe import Effect, Pipeline
from lab.pipeline.orders import order, orders
from lab.pipeline.tap import tap
from support.eventually import eventually
from tests.support.cure import cure


def new_order(**changes: Any) -> dict[str, Any]:
    return order(f"test-{uuid.uuid4().hex[:12]}", random.Random(7)) | changes


def effect_of(pipeline: Pipeline, order_id: str) -> Effect | None:
    return next((effect for effect in pipeline.effects() if effect.order_id == order_id), None)


def processed(pipeline: Pipeline, order_id: str, within: float = 40) -> Effect:
    effect = eventually(lambda: effect_of(pipeline, order_id), within=within)
    assert effect is not None
    return effect


def dead_letters(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Look into the DLQ without hiding anything from anybody else."""
    return (
        pipeline.aws.client("sqs")
        .receive_message(
            QueueUrl=pipeline.stack.dlq_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        .get("Messages", [])
    )


def dead_letter_of(pipeline: Pipeline, order_id: str) -> dict[str, Any] | None:
    return next((m for m in dead_letters(pipeline) if order_id in m["Body"]), None)


def attribute(message: dict[str, Any], name: str) -> str:
    return message["MessageAttributes"][name]["StringValue"]


def test_every_smoke_check_of_the_deployment_passes(pipeline: Pipeline) -> None:
    found = probe(pipeline.aws, pipeline.stack)
    assert [check for check in found if check.verdict is not Verdict.PROVED] == []


def test_an_accepted_order_has_its_effect_exactly_once(pipeline: Pipeline, api: Api) -> None:
    accepted = api.submit(new_order())
    assert processed(pipeline, accepted.order_id).executions == 1


def test_money_arrives_in_the_table_to_the_cent(pipeline: Pipeline, api: Api) -> None:
    accepted = api.submit({"orderId": f"money-{uuid.uuid4().hex[:8]}", "amount": 1234567.89})
    processed(pipeline, accepted.order_id)
    row = pipeline.aws.client("dynamodb").get_item(
        TableName=pipeline.stack.orders_table_name, Key={"orderId": {"S": accepted.order_id}}
    )["Item"]
    assert Decimal(row["amount"]["N"]) == Decimal("1234567.89")


def test_a_processed_order_is_announced_on_the_bus_with_its_correlation_id(
    pipeline: Pipeline, api: Api
) -> None:
    with tap(pipeline.aws, pipeline.stack.order_events_topic_arn) as events:
        accepted = api.submit(new_order())
        event = eventually(
            lambda: next(
                (n for n in events.notifications() if n["detail"].get("orderId") == accepted.order_id), None
            ),
            within=20,
        )
    assert event is not None
    assert event["detail-type"] == "OrderProcessed"
    assert event["detail"]["correlationId"] == accepted.correlation_id


def test_a_schema_violation_is_refused_with_its_pointer_and_nothing_is_queued(api: Api) -> None:
    answer = api.post_order(new_order(amount=-1))
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert [violation["pointer"] for violation in problem["violations"]] == ["/amount"]
    assert problem["correlationId"]


def test_a_poisoned_order_goes_straight_to_the_dlq_with_its_cause_of_death(
    pipeline: Pipeline, api: Api
) -> None:
    pipeline.set_failure_mode("poison_payload")
    ids: list[str] = []

    def submit_until_one_died() -> dict[str, Any] | None:
        ids.append(api.submit(new_order()).order_id)
        return next(iter(dead_letters(pipeline)), None)

    message = eventually(submit_until_one_died, within=30, every=0.5)
    assert message is not None
    assert attribute(message, "errorCategory") == "VALIDATION"
    assert attribute(message, "receiveCount") == "1"
    assert attribute(message, "errorMessage") == "/amount must be of type number"
    body = json.loads(message["Body"])
    assert isinstance(body["amount"], str)
    assert body["orderId"] in ids
    assert len(message["MessageAttributes"]) <= 10


def test_a_message_that_is_not_an_order_dies_without_delaying_its_neighbours(
    pipeline: Pipeline, api: Api
) -> None:
    marker = uuid.uuid4().hex
    pipeline.aws.client("sqs").send_message(
        QueueUrl=pipeline.stack.queue_url, MessageBody=f"not json {marker}"
    )
    accepted = api.submit(new_order())
    assert processed(pipeline, accepted.order_id).executions == 1
    message = eventually(lambda: dead_letter_of(pipeline, marker), within=20)
    assert message is not None
    assert attribute(message, "errorCategory") == "VALIDATION"


@pytest.fixture
def paused(pipeline: Pipeline) -> Iterator[Callable[[], None]]:
    """The worker receives nothing until this is called: what is sent meanwhile comes to it in one batch."""
    client = pipeline.aws.client("lambda")
    mapping: Any = {"UUID": pipeline.stack.worker_event_source_mapping_id}

    def enable(*, enabled: bool) -> None:
        client.update_event_source_mapping(**mapping, Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        eventually(lambda: client.get_event_source_mapping(**mapping)["State"] == state, within=20)

    enable(enabled=False)
    yield lambda: enable(enabled=True)
    enable(enabled=True)


HOSTILE = {
    "nested lists": '{"orderId":"MARK","x":' + "[" * 50_000 + "]" * 50_000 + "}",
    "nested objects": '{"orderId":"MARK","x":' + '{"x":' * 50_000 + "1" + "}" * 50_001,
    "5,000 digits": '{"orderId":"MARK","amount":' + "9" * 5000 + "}",
    "a tiny amount": '{"orderId":"MARK","amount":1e-2000000}',
    "half a surrogate pair": '{"orderId":"MARK\\ud800","amount":1}',
    "twice the same name": '{"orderId":"MARK","amount":1,"amount":[]}',
}


def test_bodies_that_no_parser_likes_die_of_their_own_cause_and_cost_no_order_of_their_batch(
    pipeline: Pipeline, paused: Callable[[], None]
) -> None:
    run = uuid.uuid4().hex[:8]
    orders_of_run = [new_order(orderId=f"beside-{run}-{number}") for number in range(10 - len(HOSTILE))]
    bodies = [*map(json.dumps, orders_of_run), *(text.replace("MARK", run) for text in HOSTILE.values())]
    sent = pipeline.aws.client("sqs").send_message_batch(
        QueueUrl=pipeline.stack.queue_url,
        Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)],
    )
    assert "Failed" not in sent
    paused()

    for order_of_run in orders_of_run:
        assert processed(pipeline, order_of_run["orderId"]).executions == 1
    letters: dict[str, dict[str, Any]] = {}

    def all_dead() -> bool:
        letters.update({m["MessageId"]: m for m in dead_letters(pipeline) if run in m["Body"]})
        return len(letters) == len(HOSTILE)

    eventually(all_dead, within=20)
    assert {attribute(message, "errorCategory") for message in letters.values()} == {"VALIDATION"}
    assert {attribute(message, "receiveCount") for message in letters.values()} == {"1"}
    eventually(lambda: pipeline.queue().total == 0, within=20)


def test_the_same_order_submitted_twice_has_one_effect(pipeline: Pipeline, api: Api) -> None:
    again = new_order()
    first, second = api.submit(again), api.submit(again)
    assert first.idempotency_key == second.idempotency_key
    processed(pipeline, first.order_id)
    eventually(lambda: pipeline.queue().total == 0, within=20)
    effect = effect_of(pipeline, first.order_id)
    assert effect is not None
    assert effect.executions == 1


def test_duplicate_submit_mode_has_one_effect_per_order(pipeline: Pipeline, api: Api) -> None:
    pipeline.set_failure_mode("duplicate_submit")
    ids = [api.submit(sent).order_id for sent in orders(5, label="duplicate")]
    for order_id in ids:
        processed(pipeline, order_id)
    eventually(lambda: pipeline.queue().total == 0, within=20)
    executions = {effect.order_id: effect.executions for effect in pipeline.effects()}
    assert [executions[order_id] for order_id in ids] == [1] * len(ids)


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic dGVzdA=="])
def test_redrive_is_closed_without_the_token(pipeline: Pipeline, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = httpx.get(f"{pipeline.stack.api_url}/redrive/preview", headers=headers, **DIRECT, timeout=15)
    assert answer.status_code == (403 if authorization else 401)


def test_a_redriven_message_is_processed_and_remembers_its_death(pipeline: Pipeline, api: Api) -> None:
    body = new_order()
    pipeline.set_failure_mode("schema_mismatch")

    def submit_until_one_died() -> dict[str, Any] | None:
        body["orderId"] = f"redriven-{uuid.uuid4().hex[:12]}"
        api.submit(body)
        return next(iter(dead_letters(pipeline)), None)

    message = eventually(submit_until_one_died, within=30, every=0.5)
    assert message is not None
    order_id = json.loads(message["Body"])["orderId"]
    cure(pipeline, api)
    operation = api.start_redrive(minAgeSeconds=0, maxMessages=100)
    row = eventually(
        lambda: (r := api.redrive(operation))["status"] not in ("PENDING", "RUNNING") and r, within=60
    )
    assert row
    assert row["status"] == "SUCCEEDED"
    assert processed(pipeline, order_id, within=40).executions == 1
