"""The rules of SQS as an event source: what a function is given and how its answer is understood.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from lab_localstack import documents

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of an invocation's event."""


class BatchFailedError(Exception):
    """The answer makes the whole batch a failure."""


def record(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    """The record of the function's event for one message as ReceiveMessage returns it."""
    made = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in (message.get("MessageAttributes") or {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
    }
    if md5 := message.get("MD5OfMessageAttributes"):
        made["md5OfMessageAttributes"] = md5
    region = queue_arn.split(":")[3]
    return made | {"eventSource": "aws:sqs", "eventSourceARN": queue_arn, "awsRegion": region}


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if "StringValue" in value:
        made["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        made["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return made | {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def as_filtered(made: dict[str, Any]) -> dict[str, Any]:
    """The record as filter patterns see it: a body that is JSON is looked into."""
    try:
        return made | {"body": documents.loads(made["body"])}
    except ValueError:
        return made


def batches(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Split records, in their order, so that no event exceeds the payload limit."""
    batch: list[dict[str, Any]] = []
    size = 0
    for made in records:
        bytes_of_record = len(json.dumps(made)) + 2
        if batch and size + bytes_of_record > PAYLOAD_LIMIT - 64:
            yield batch
            batch, size = [], 0
        batch.append(made)
        size += bytes_of_record
    if batch:
        yield batch


def failed_message_ids(answer: bytes | None, message_ids: set[str]) -> set[str]:
    """Which messages a function with ReportBatchItemFailures could not process.

    None of them when the answer or its batchItemFailures are empty or null. Raises BatchFailedError for an answer
    that is not JSON or not an object, and for an identifier that is missing, empty, null or not in the batch.
    """
    try:
        said = documents.loads(answer or b"null")
    except ValueError as error:
        raise BatchFailedError("the response is not JSON") from error
    if said is None or said == "":
        return set()
    if not isinstance(said, dict):
        raise BatchFailedError("the response is not an object")
    items = said.get("batchItemFailures")
    if items is None:
        return set()
    if not isinstance(items, list):
        raise BatchFailedError("batchItemFailures is not a list")
    failed: set[str] = set()
    for item in items:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or identifier not in message_ids:
            raise BatchFailedError(f"no message of the batch: {item!r}")
        failed.add(identifier)
    return failed
