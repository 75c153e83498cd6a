"""What the tests of redrive operations share: dead letters to order, the end of an operation, its ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.common.clock import now_ms
from lab.common.polling import wait_until_updated
from lab.history import account
from lab.pipeline.api import Api
from lab.pipeline.ledger import Ledger
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually

type Lab = Callable[..., tuple[int, list[Any]]]
"""Runs `lab dlq ...`: its exit code and the JSON of its output lines."""

TAKE_OVER_SECONDS = 60
"""Lease, hidden messages of the dead invocation, and a cold start."""

RECENT_MS = 300_000

CRASH_VARIABLE = "REDRIVE_CRASH_AT"
SHORT_TIMEOUT = 10


def supply(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [order | changes for order in orders(count, label="redrive")]


def finished(api: Api, operation: str, within: float = 60) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        row = api.redrive(operation)
        return None if row["status"] in ("PENDING", "RUNNING") else row

    row = eventually(ended, within=within, every=0.3)
    assert row is not None
    return row


def ledger_of(pipeline: Pipeline, ids: list[str]) -> Ledger:
    """Where these orders are, which were sent within the last minutes."""
    return account(pipeline, ids, since=now_ms() - RECENT_MS, alone=False).ledger


def settled(pipeline: Pipeline, ids: list[str], within: float = 40, **expected: int) -> Ledger:
    """The ledger once the queue is drained and its figures are the expected ones."""

    def whole() -> Ledger:
        found = ledger_of(pipeline, ids)
        assert pipeline.queue().total == 0, found
        assert pipeline.dlq().in_flight == 0, found
        assert {name: found.counts[name] for name in expected} == expected, found
        assert found.balanced, found
        assert not found.foreign, found
        return found

    return eventually(whole, within=within)


def executions(pipeline: Pipeline, ids: list[str]) -> dict[str, int]:
    """How often each of these orders had its effect."""
    return {effect.order_id: effect.executions for effect in pipeline.effects(ids)}


def dlq_messages(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Everything in the DLQ, released at once."""
    sqs = pipeline.aws.client("sqs")
    found: dict[str, dict[str, Any]] = {}
    while messages := sqs.receive_message(
        QueueUrl=pipeline.stack.dlq_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=30,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", []):
        found |= {message["MessageId"]: message for message in messages}
    for message in found.values():
        sqs.change_message_visibility(
            QueueUrl=pipeline.stack.dlq_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return list(found.values())


def receives(message: dict[str, Any]) -> int:
    return int(message["Attributes"]["ApproximateReceiveCount"])


@contextmanager
def dying_at(pipeline: Pipeline, place: str) -> Iterator[None]:
    """The redrive function dies at a place (functions.redrive.crash), in the first invocation of each operation."""
    lambda_ = pipeline.aws.client("lambda")
    name = pipeline.stack.redrive_function_name
    before = lambda_.get_function_configuration(FunctionName=name)
    variables = before["Environment"]["Variables"]

    def configure(changed: dict[str, str], timeout: int) -> None:
        lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": changed}, Timeout=timeout
        )
        wait_until_updated(lambda_, name)

    configure(variables | {CRASH_VARIABLE: place}, SHORT_TIMEOUT)
    try:
        yield
    finally:
        configure(variables, before["Timeout"])
