"""AWS as the worker sees it, in memory and with a switch for faults at every single call."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError

type Mode = Literal["crash before", "crash after", "error before", "error after"]
MODES: tuple[Mode, ...] = ("crash before", "crash after", "error before", "error after")


class Crash(BaseException):
    """The end of the worker's process: nothing in it can catch this."""


@dataclass
class Faults:
    """Lets the call with a number (from 0) go wrong: before or after it took effect."""

    at: int | None = None
    mode: Mode = "crash before"
    calls: int = 0

    def call[T](self, operation: str, effect: Callable[[], T]) -> T:
        number, self.calls = self.calls, self.calls + 1
        if number != self.at:
            return effect()
        if self.mode.endswith("after"):
            effect()
        if self.mode.startswith("crash"):
            raise Crash(operation)
        raise failure(operation, "InternalServerError", 500)


def failure(operation: str, code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, operation)


@dataclass
class Claimed:
    """An idempotency record, and how far the model's clock was ahead when it was claimed."""

    item: dict[str, Any]
    ahead_ms: int


@dataclass
class Aws:
    """Tables, bus and queues, which survive crashes. `ahead_ms` is how far time is ahead of the real clock."""

    faults: Faults = field(default_factory=Faults)
    ahead_ms: int = 0
    claims: dict[str, Claimed] = field(default_factory=dict[str, Claimed])
    executions: dict[str, int] = field(default_factory=dict[str, int])
    rows: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    published: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    dlq: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requeued: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    # DynamoDB

    def put_item(
        self,
        *,
        Item: dict[str, Any],  # noqa: N803  boto3's names
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        **condition: Any,
    ) -> Any:
        def effect() -> None:
            key = Item["id"]["S"]
            now_ms = int(ExpressionAttributeValues[":now_in_millis"]["N"]) + self.ahead_ms
            found = self.claims.get(key)
            if "ConditionExpression" in condition and found and not _expired(found, now_ms):
                raise failure("PutItem", "ConditionalCheckFailedException", Item=found.item)
            self.claims[key] = Claimed(dict(Item), self.ahead_ms)

        return self.faults.call("PutItem", effect)

    def transact_write_items(self, *, TransactItems: Sequence[Any]) -> Any:  # noqa: N803
        def effect() -> None:
            completion, row = (item["Update"] for item in TransactItems)
            key = completion["Key"]["id"]["S"]
            values = completion["ExpressionAttributeValues"]
            if "ConditionExpression" in completion and not self._holds(key, values):
                reasons = [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
                raise failure(
                    "TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons
                )
            order_id = row["Key"]["orderId"]["S"]
            if order_id in self.rows and row["ConditionExpression"] == "attribute_not_exists(#orderId)":
                reasons = [
                    {"Code": "None"},
                    {"Code": "ConditionalCheckFailed", "Item": self.rows[order_id]},
                ]
                raise failure(
                    "TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons
                )
            self.rows[order_id] = row["Key"] | {
                name.removeprefix(":"): value
                for name, value in row.get("ExpressionAttributeValues", {}).items()
            }
            self.claims.setdefault(key, Claimed({}, self.ahead_ms)).item |= {
                "status": values[":completed"],
                "expiration": values[":expiry"],
                "data": values[":data"],
            }
            self.executions[order_id] = self.executions.get(order_id, 0) + 1

        return self.faults.call("TransactWriteItems", effect)

    def delete_item(self, *, Key: Any, ExpressionAttributeValues: Any, **condition: Any) -> Any:  # noqa: N803
        def effect() -> None:
            key = Key["id"]["S"]
            if "ConditionExpression" in condition and not self._holds(key, ExpressionAttributeValues):
                raise failure("DeleteItem", "ConditionalCheckFailedException")
            self.claims.pop(key, None)

        return self.faults.call("DeleteItem", effect)

    def _holds(self, key: str, values: Mapping[str, Any]) -> bool:
        found = self.claims.get(key)
        return (
            found is not None
            and found.item["status"] == values[":in_progress"]
            and found.item["in_progress_expiration"] == values[":ours"]
        )

    # EventBridge

    def put_events(self, *, Entries: Sequence[Any]) -> Any:  # noqa: N803
        def effect() -> Any:
            self.published += [json.loads(entry["Detail"]) for entry in Entries]
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}

        return self.faults.call("PutEvents", effect)

    # SQS

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        def effect() -> Any:
            taken = {"dlq": self.dlq, "queue": self.requeued}[QueueUrl]
            taken += Entries
            return {"Successful": [{"Id": entry["Id"], "MessageId": "new"} for entry in Entries]}

        return self.faults.call("SendMessageBatch", effect)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        return self.faults.call("ChangeMessageVisibilityBatch", lambda: {"Successful": list(Entries)})


def _expired(claimed: Claimed, now_ms: int) -> bool:
    if claimed.item["status"] == {"S": "COMPLETED"}:
        return False
    return int(claimed.item["in_progress_expiration"]["N"]) + claimed.ahead_ms < now_ms


class Inline(Executor):
    """Runs what it is given at once, so that a crash ends the batch where it happens."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
