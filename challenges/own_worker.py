"""The project's own worker as a handler of every challenge: its settings are made from those of the challenge."""

import os

SETTINGS = {
    "ENV_NAME": "challenge",
    "CODE_VERSION": "challenge",
    "POWERTOOLS_SERVICE_NAME": "worker",
    "POWERTOOLS_METRICS_NAMESPACE": "Ingestion/challenge",
    "ORDERS_TABLE": os.environ["TABLE_NAME"],
    "IDEMPOTENCY_TABLE": os.environ["KEYS_TABLE_NAME"],
    "CIRCUITS_TABLE": os.environ["KEYS_TABLE_NAME"],
    "RETRY_BASE_SECONDS": os.environ.get("RETRY_BASE_SECONDS", "1"),
    "RETRY_CAP_SECONDS": "64",
    "ALARM_PERIOD_SECONDS": "10",
    "TTL_DAYS": "1",
    "BREAKER_STRATEGY": "defer",
    "IDEMPOTENCY_IN_PROGRESS_SECONDS": os.environ["TIMEOUT_SECONDS"],
}
os.environ.update(SETTINGS)

from functions.worker.handler import lambda_handler  # noqa: E402  it reads the settings that are made above


def handler(event, context):
    """A FIFO queue's batch goes through message by message: the worker itself runs a batch side by side."""
    records = event["Records"]
    if not records[0]["eventSourceARN"].endswith(".fifo"):
        return lambda_handler(event, context)
    stopped, failed = set(), []
    for record in records:
        group = record["attributes"]["MessageGroupId"]
        if group in stopped or lambda_handler({"Records": [record]}, context)["batchItemFailures"]:
            stopped.add(group)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
