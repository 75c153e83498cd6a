"""Redrive operations as rows: the plan, who asked for it, how far it got."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.audit import audit_row
from functions.redrive.kinds import EDIT_KIND
from functions.redrive.moved import Moved
from functions.redrive.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND = "operation"
MOVED_KIND = "moved"
PART = 100
"""The identities of what was moved are rows beside the operation's: one for about so many, far below 400 KB each."""


MAX_FAILURES = 3
"""Lambda invokes a function three times for an asynchronous event whose handler fails."""

LONGEST_CATEGORY = 64
"""Characters; a row holds up to a thousand of them within 400 KB."""

START_MS = 10_000
"""How long an operation may wait for its first invocation before somebody starts another one."""

RESTART_MS = 10_000

SHOWN_REFUSALS = 10
"""Of the letters that could not be sent, so many are shown with the reason; all are in the log."""

_INTERNAL = frozenset(
    {
        "id",
        "kind",
        "leaseOwner",
        "leaseUntil",
        "hiddenUntil",
        "awaitUntil",
        "nudgedAt",
        "canaryDeadline",
        "inDoubt",
        "unsentIds",
        "idleInvocations",
        "diedAgainIds",
        "lookedAt",
    }
)


class Status(StrEnum):
    """The life of an operation; all but the first two are final.

    SUCCEEDED: everything that the plan selects was moved; what became of it is in the outcome. INCOMPLETE: the search
    could not see every letter.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    INCOMPLETE = "INCOMPLETE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    HALTED = "HALTED"

    @property
    def final(self) -> bool:
        """Whether nothing more happens."""
        return self not in (Status.PENDING, Status.RUNNING)


class Phase(StrEnum):
    """How far a running operation is: before its canaries, waiting for them, moving the others."""

    CANARY = "canary"
    WATCHING = "watching"
    RAMP = "ramp"


@dataclass
class Counts:
    """What happened to the messages an operation saw: skipped by reason, moved also by category.

    `in_doubt` are the ids of those that were sent and are not known to be deleted. Who finds one of them in the
    DLQ deletes it, and sends it no second time. `unsent` are the ids of those that SQS did not take: an operation
    tries each once. `refusals` say of the first of them why.
    """

    moved: int = 0
    not_deleted: int = 0
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    by_category: dict[str, int] = field(default_factory=dict[str, int])
    in_doubt: set[str] = field(default_factory=set[str])
    unsent: set[str] = field(default_factory=set[str])
    refusals: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def not_sent(self) -> int:
        """How many SQS did not take."""
        return len(self.unsent)

    def add_unsent(self, message_id: str, order_id: str, reason: str) -> None:
        """Count one message that stays in the DLQ, since SQS did not take its copy."""
        self.unsent.add(message_id)
        if len(self.refusals) < SHOWN_REFUSALS:
            self.refusals.append({"messageId": message_id, "orderId": order_id, "reason": reason})

    def add_moved(self, category: str) -> None:
        """Count one message that was moved. A category that a stranger made up may be longer than the row can be."""
        self.moved += 1
        category = category[:LONGEST_CATEGORY]
        self.by_category[category] = self.by_category.get(category, 0) + 1


class Operations:
    """The table of operations. Times are epoch milliseconds."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def create(
        self, operation_id: str, plan: Plan, requested_by: str, requested_from: str, letters_at_start: int
    ) -> dict[str, Any]:
        """Record an operation before it begins: who asked for it, and from where."""
        row: dict[str, Any] = {
            "id": operation_id,
            "kind": KIND,
            "status": Status.PENDING.value,
            "plan": plan.as_json(),
            "planDigest": plan.digest,
            "requestedBy": requested_by,
            "requestedFrom": requested_from,
            "requestedAt": _now(),
            "cancelRequested": False,
            "phase": Phase.CANARY.value,
            "leaseOwner": "",
            "leaseUntil": _now() + START_MS,
            "invocations": 0,
            "lettersAtStart": letters_at_start,
            "seen": 0,
            "complete": False,
            **as_row(Counts()),
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

    def claim(
        self, row: dict[str, Any], owner: str, lease_seconds: int, hidden_until: float
    ) -> dict[str, Any] | None:
        """Take an operation as it was read, for an invocation; None if somebody was faster.

        `hidden_until` (epoch seconds) is when messages that this invocation receives are visible again if it
        dies. Where it takes over from a dead one, `awaitUntil` says when that one's are.
        """
        died = row["status"] == Status.RUNNING
        awaited = max(int(row.get("awaitUntil", 0)), int(row.get("hiddenUntil", 0)) if died else 0)
        return self._update(
            row["id"],
            {
                "status": Status.RUNNING.value,
                "leaseOwner": owner,
                "leaseUntil": _now() + lease_seconds * 1000,
                "startedAt": int(row.get("startedAt", 0)) or _now(),
                "hiddenUntil": round(hidden_until * 1000),
                "awaitUntil": awaited,
                "invocations": int(row["invocations"]) + 1,
            },
            condition="#leaseOwner = :previous AND #status = :status",
            values={":previous": row["leaseOwner"], ":status": row["status"]},
        )

    def progress(
        self, operation_id: str, owner: str, counts: Counts, *, lease_seconds: int, **more: Any
    ) -> dict[str, Any] | None:
        """Record how far it got and renew the lease.

        The answer is the row, which says whether to stop; None if the lease is somebody else's.
        """
        changes = {**as_row(counts), **more, "leaseUntil": _now() + lease_seconds * 1000}
        return self._update_as(owner, operation_id, changes)

    def hand_over(
        self, operation_id: str, owner: str, counts: Counts, *, await_until: int | None, idle: int
    ) -> None:
        """Leave the operation to the next invocation, which waits for letters that are hidden until then."""
        changes = {**as_row(counts), "status": Status.PENDING.value, "idleInvocations": idle}
        if await_until is not None:
            changes["awaitUntil"] = await_until
        self._update_as(owner, operation_id, changes)

    def finish(self, operation_id: str, owner: str, status: Status, counts: Counts, **why: Any) -> None:
        """Record the end, and why it is one."""
        ending = {"status": status.value, "finishedAt": _now(), **as_row(counts), **why}
        self._update_as(owner, operation_id, ending)

    def record_failure(
        self, operation_id: str, owner: str, counts: Counts, failure: str, **more: Any
    ) -> None:
        """Record that an invocation failed, and how far it got. After MAX_FAILURES of them the operation has failed."""
        row = self.get(operation_id) or {}
        failures = int(row.get("failures", 0)) + 1
        changes: dict[str, Any] = {
            **as_row(counts),
            **more,
            "failures": failures,
            "failure": failure,
            # A receive that failed may have hidden messages all the same.
            "awaitUntil": int(row.get("hiddenUntil", 0)),
        }
        if failures < MAX_FAILURES:
            changes["status"] = Status.PENDING.value
        else:
            changes |= {"status": Status.FAILED.value, "finishedAt": _now()}
        self._update_as(owner, operation_id, changes)

    def record_moved(self, operation_id: str, already: int, moved: Iterable[Moved]) -> None:
        """Record the identities of messages that were sent, after so many others of the operation.

        A step that is repeated records its messages again; `moved` knows them by their letters.
        """
        letters = codec.dumps([message.as_row() for message in moved])
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"id": {"S": _part(operation_id, already)}},
            UpdateExpression="SET kind = :kind, steps = list_append(if_not_exists(steps, :none), :step)",
            ExpressionAttributeValues=_serialized({":kind": MOVED_KIND, ":none": [], ":step": [letters]}),
        )

    def record_edit(self, operation_id: str, by: str, letter: Envelope, sent: Moved) -> None:
        """Keep a dead letter as it was before it was edited, under its id and that of the message in its place."""
        row = audit_row(
            letter,
            id=f"{EDIT_KIND}#{letter.message_id}#{sent.message_id}",
            kind=EDIT_KIND,
            operationId=operation_id,
            newMessageId=sent.message_id,
            newIdempotencyKey=sent.idempotency_key or "",
            editedBy=by,
        )
        self._dynamodb.put_item(TableName=self._table, Item=_serialized({**row, "editedAt": _now()}))

    def moved(self, row: dict[str, Any]) -> list[Moved]:
        """The messages that an operation has sent, each letter's latest one."""
        found: dict[str, Moved] = {}
        for already in range(0, int(row["moved"]), PART):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"id": {"S": _part(row["id"], already)}}, ConsistentRead=True
            )
            for step in _deserialized(answer.get("Item", {})).get("steps", []):
                messages = map(Moved.from_row, codec.loads(step))
                found |= {message.letter_id: message for message in messages}
        return list(found.values())

    def record_died_again(self, operation_id: str, letter_ids: Iterable[str]) -> None:
        """Record which of the moved letters were found in the DLQ again, and that somebody looked."""
        changes = {"diedAgainIds": " ".join(sorted(letter_ids)), "lookedAt": _now()}
        self._update(operation_id, changes)

    def fail(self, operation_id: str, failure: str) -> None:
        """Record that it could not begin."""
        self._update(operation_id, {"status": Status.FAILED.value, "finishedAt": _now(), "failure": failure})

    def restart_if_stalled(self, row: dict[str, Any]) -> bool:
        """Whether an operation has nobody who works on it and the asker, alone, should start an invocation."""
        abandoned_at = max(int(row.get("leaseUntil", 0)), int(row.get("nudgedAt", 0)) + RESTART_MS)
        if Status(row["status"]).final or _now() < abandoned_at:
            return False
        condition, values = "attribute_not_exists(#nudgedAt)", dict[str, Any]()
        if "nudgedAt" in row:
            condition, values = "#nudgedAt = :seen", {":seen": row["nudgedAt"]}
        return self._update(row["id"], {"nudgedAt": _now()}, condition, values) is not None

    def cancel(self, operation_id: str) -> dict[str, Any] | None:
        """Ask a running operation to stop; None if it does not run."""
        return self._update(
            operation_id,
            {"cancelRequested": True},
            condition="#status = :pending OR #status = :running",
            values={":pending": Status.PENDING.value, ":running": Status.RUNNING.value},
        )

    def _update_as(self, owner: str, operation_id: str, changes: dict[str, Any]) -> dict[str, Any] | None:
        return self._update(operation_id, changes, "#leaseOwner = :owner", {":owner": owner})

    def _update(
        self,
        operation_id: str,
        changes: dict[str, Any],
        condition: str = "attribute_exists(#id)",
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        assignments = ", ".join(f"#{name} = :new_{name}" for name in changes)
        used = {name for name in ("id", "status", "leaseOwner", "nudgedAt") if f"#{name}" in condition}
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


def _part(operation_id: str, already: int) -> str:
    return f"{operation_id}#moved#{already // PART}"


def public(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the API shows it."""
    shown = {name: value for name, value in row.items() if name not in _INTERNAL}
    return {"operationId": row["id"], **shown}


def as_row(counts: Counts) -> dict[str, Any]:
    """Counts as a row has them."""
    return {
        "moved": counts.moved,
        "notSent": counts.not_sent,
        "unsent": list(counts.refusals),
        "unsentIds": " ".join(sorted(counts.unsent)),
        "notDeleted": counts.not_deleted,
        "skipped": dict(counts.skipped),
        "byCategory": dict(counts.by_category),
        "inDoubt": " ".join(sorted(counts.in_doubt)),  # one text: a list of hundreds is slow to write
    }


def counts_of(row: dict[str, Any]) -> Counts:
    """The counts of a row, to go on from."""
    return Counts(
        moved=int(row["moved"]),
        not_deleted=int(row["notDeleted"]),
        skipped={name: int(value) for name, value in row["skipped"].items()},
        by_category={name: int(value) for name, value in row["byCategory"].items()},
        in_doubt=set(row.get("inDoubt", "").split()),
        unsent=set(row.get("unsentIds", "").split()),
        refusals=list(row.get("unsent", [])),
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _serialized(values: dict[str, Any]) -> dict[str, Any]:
    serializer: Any = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in values.items()}


def _deserialized(item: Any) -> dict[str, Any]:
    deserializer: Any = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}
