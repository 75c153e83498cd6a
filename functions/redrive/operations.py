"""Redrive operations as rows: the plan, who asked for it, how far it got."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from functions.redrive.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND = "operation"


class Status(StrEnum):
    """The life of an operation; the last three are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


@dataclass
class Counts:
    """What happened to the messages an operation saw: skipped by reason, moved also by category."""

    moved: int = 0
    not_sent: int = 0
    not_deleted: int = 0
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    by_category: dict[str, int] = field(default_factory=dict[str, int])


class Operations:
    """The table of operations. Times are epoch milliseconds."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def create(self, operation_id: str, plan: Plan, requested_by: str) -> dict[str, Any]:
        """Record an operation before it begins."""
        row: dict[str, Any] = {
            "id": operation_id,
            "kind": KIND,
            "status": Status.PENDING.value,
            "plan": plan.as_json(),
            "planDigest": plan.digest,
            "requestedBy": requested_by,
            "requestedAt": _now(),
            "cancelRequested": False,
            **_as_row(Counts()),
        }
        self._dynamodb.put_item(TableName=self._table, Item=_serialized(row))
        return row

    def get(self, operation_id: str) -> dict[str, Any] | None:
        """An operation, if there is one with this id."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key={"id": {"S": operation_id}}, ConsistentRead=True
        )
        row = _deserialized(answer["Item"]) if "Item" in answer else {}
        return row if row.get("kind") == KIND else None

    def claim(self, operation_id: str, lease_ms: int) -> dict[str, Any] | None:
        """Take an operation that waits, or whose executor's lease ran out; None if somebody has it."""
        return self._update(
            operation_id,
            {"status": Status.RUNNING.value, "leaseUntil": _now() + lease_ms, "startedAt": _now()},
            condition="#status = :pending OR (#status = :running AND #leaseUntil < :now)",
            values={":pending": Status.PENDING.value, ":running": Status.RUNNING.value, ":now": _now()},
        )

    def progress(self, operation_id: str, counts: Counts) -> dict[str, Any]:
        """Record how far it got. The answer is the row, which says whether to stop."""
        return self._update(operation_id, _as_row(counts)) or {}

    def pass_on(self, operation_id: str, counts: Counts) -> None:
        """Leave the operation to the next invocation."""
        self._update(operation_id, {**_as_row(counts), "status": Status.PENDING.value})

    def finish(self, operation_id: str, status: Status, counts: Counts, failure: str | None = None) -> None:
        """Record the end."""
        ending = {"status": status.value, "finishedAt": _now(), **_as_row(counts)}
        self._update(operation_id, ending | ({"failure": failure} if failure else {}))

    def fail(self, operation_id: str, failure: str) -> None:
        """Record that it could not go on; the counts stay as last recorded."""
        self._update(operation_id, {"status": Status.FAILED.value, "finishedAt": _now(), "failure": failure})

    def cancel(self, operation_id: str) -> dict[str, Any] | None:
        """Ask a running operation to stop; None if it does not run."""
        return self._update(
            operation_id,
            {"cancelRequested": True},
            condition="#status = :pending OR #status = :running",
            values={":pending": Status.PENDING.value, ":running": Status.RUNNING.value},
        )

    def _update(
        self,
        operation_id: str,
        changes: dict[str, Any],
        condition: str = "attribute_exists(#id)",
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        assignments = ", ".join(f"#{name} = :new_{name}" for name in changes)
        used = {name for name in ("id", "status", "leaseUntil") if f"#{name}" in condition}
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": operation_id}},
                UpdateExpression=f"SET {assignments}",
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in (*changes, *used)},
                ExpressionAttributeValues=_serialized(
                    {f":new_{name}": value for name, value in changes.items()} | (values or {})
                ),
                ReturnValues="ALL_NEW",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return _deserialized(answer.get("Attributes", {}))


def public(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the API shows it."""
    shown = {name: value for name, value in row.items() if name not in ("id", "kind", "leaseUntil")}
    return {"operationId": row["id"], **shown}


def _as_row(counts: Counts) -> dict[str, Any]:
    return {
        "moved": counts.moved,
        "notSent": counts.not_sent,
        "notDeleted": counts.not_deleted,
        "skipped": dict(counts.skipped),
        "byCategory": dict(counts.by_category),
    }


def counts_of(row: dict[str, Any]) -> Counts:
    """The counts of a row, to go on from."""
    return Counts(
        moved=int(row["moved"]),
        not_sent=int(row["notSent"]),
        not_deleted=int(row["notDeleted"]),
        skipped={},
        by_category={name: int(value) for name, value in row["byCategory"].items()},
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _serialized(values: dict[str, Any]) -> dict[str, Any]:
    serializer: Any = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in values.items()}


def _deserialized(item: Any) -> dict[str, Any]:
    deserializer: Any = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}
