"""Letters that others wrote: whatever SQS took from them can be redriven, and nothing of it is lost."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from functions.common.settings import SQS_MAX_BYTES
from lab.dlq.browser import DlqBrowser
from lab.dlq.repair import send_repaired
from lab.dlq.seed import bury
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.redrives import dlq_messages, executions, finished, settled, supply

FOREIGN: Mapping[str, Any] = {
    "tenant": {"DataType": "String", "StringValue": "café ☕"},
    "trace.id": {"DataType": "String.uuid", "StringValue": "2f1c"},
    "attempt": {"DataType": "Number", "StringValue": "-1.50"},
    "weight": {"DataType": "Number.int", "StringValue": "7"},
    "digest": {"DataType": "Binary", "BinaryValue": b"\x00\xff\x10"},
    "logo": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG\r\n"},
    "large": {"DataType": "String", "StringValue": "x" * 5_000},
    "errorType": {"DataType": "Binary", "BinaryValue": b"not the pipeline's"},
    "x-1": {"DataType": "String", "StringValue": "1"},
    "x_2": {"DataType": "String", "StringValue": "2"},
}
HOPELESS = 0.01


def foreign(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message's foreign attributes, as it has them or as its lineage keeps them."""
    attributes = message["MessageAttributes"]
    kept = json.loads(attributes["lineage"]["StringValue"]).get("foreign", {})
    for given in kept.values():
        if "BinaryValue" in given:
            given["BinaryValue"] = base64.b64decode(given["BinaryValue"])
    there = {name: attributes[name] for name in FOREIGN if attributes.get(name) == FOREIGN[name]}
    return kept | there


def only_letter(pipeline: Pipeline, redrive_count: int) -> dict[str, Any]:
    """The one letter in the DLQ, once it is the one that was redriven so often."""

    def died() -> dict[str, Any]:
        found = dlq_messages(pipeline)
        assert len(found) == 1
        assert found[0]["MessageAttributes"]["redriveCount"]["StringValue"] == str(redrive_count)
        return found[0]

    return eventually(died, within=30)


def send(pipeline: Pipeline, queue_url: str, body: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
    pipeline.aws.client("sqs").send_message(
        QueueUrl=queue_url, MessageBody=json.dumps(body), MessageAttributes=attributes
    )
    return body["orderId"]


def test_an_order_with_ten_attributes_of_its_sender_keeps_them_through_death_redrive_and_edit(
    pipeline: Pipeline, api: Api
) -> None:
    (good,) = supply(1)
    order_id = send(pipeline, pipeline.stack.queue_url, good | {"amount": HOPELESS}, FOREIGN)
    letter = only_letter(pipeline, redrive_count=0)
    assert letter["MessageAttributes"]["errorType"]["StringValue"] == "LinesExceedAmount"
    assert foreign(letter) == FOREIGN
    row = finished(api, api.start_redrive(minAgeSeconds=0))
    assert (row["status"], row["moved"], row["notSent"]) == ("HALTED", 1, 0)
    assert row["haltReason"].startswith(f"a canary died again: order {order_id}")
    assert foreign(only_letter(pipeline, redrive_count=1)) == FOREIGN
    browser = DlqBrowser(pipeline)
    with browser.take(order_id) as envelope:
        send_repaired(pipeline, browser, envelope, json.dumps(good))
    settled(pipeline, [order_id], succeeded=1, in_dlq=0)
    assert executions(pipeline, [order_id]) == {order_id: 1}


@pytest.mark.parametrize("canaries", [0, 3])
def test_letters_with_many_foreign_attributes_are_redriven_like_any_other(
    pipeline: Pipeline, api: Api, canaries: int
) -> None:
    ids = bury(pipeline, supply(5))
    for count, order in zip((7, 8, 10), supply(3), strict=True):
        attributes = {f"x{number}": {"DataType": "String", "StringValue": "v"} for number in range(count)}
        ids.append(send(pipeline, pipeline.stack.dlq_url, order, attributes))
    row = finished(api, api.start_redrive(minAgeSeconds=0, canaryMessages=canaries))
    assert (row["status"], row["moved"], row["notSent"]) == ("SUCCEEDED", 8, 0)
    settled(pipeline, ids, succeeded=8, in_dlq=0)


def test_a_canary_that_sqs_does_not_take_is_named_and_stays_and_the_others_are_moved(
    pipeline: Pipeline, api: Api
) -> None:
    (order,) = supply(1)
    name, kind = "x", "Binary"
    size = SQS_MAX_BYTES - len(json.dumps(order)) - len(name) - len(kind)
    full = {name: {"DataType": kind, "BinaryValue": b"x" * size}}
    too_large = send(pipeline, pipeline.stack.dlq_url, order, full)
    ids = bury(pipeline, supply(12))
    row = finished(api, api.start_redrive(minAgeSeconds=0, canaryMessages=2))
    assert (row["status"], row["moved"], row["notSent"]) == ("SUCCEEDED", 12, 1)
    (unsent,) = row["unsent"]
    assert unsent["orderId"] == too_large
    assert unsent["reason"].startswith("MessageTooLong")
    settled(pipeline, [*ids, too_large], succeeded=12, in_dlq=1)


def test_letters_of_clocks_that_are_wrong_are_redriven(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(2), age_seconds=-86_400)
    for failed_at, order in zip(
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"), supply(2), strict=True
    ):
        cause = {"errorType": "X", "failedAt": failed_at}
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in cause.items()}
        ids.append(send(pipeline, pipeline.stack.dlq_url, order, attributes))
    ages = [letter["ageSeconds"] for letter in api.preview(minAgeSeconds=0)["messages"]]
    assert min(ages) >= 0
    assert max(ages) <= 14 * 86_400 + 60
    row = finished(api, api.start_redrive(minAgeSeconds=0))
    assert (row["status"], row["moved"], row["skipped"]) == ("SUCCEEDED", 4, {})
    settled(pipeline, ids, succeeded=4, in_dlq=0)
