"""Powertools' DynamoDB persistence layer, completing a key and writing its effect in one transaction.

Powertools writes COMPLETED after the effect: a crash in between leaves an effect that a retry repeats. Here
both are in one TransactWriteItems, on the condition that this delivery still holds the key. The claim's expiry
(milliseconds) tells holders apart: a key can only be claimed again after the old claim's expiry.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord
from botocore.exceptions import ClientError

from functions.common.errors import (
    AWS_ERRORS,
    ContentionError,
    LockLostError,
    OrderIdTakenError,
    PipelineError,
    type_of,
)
from functions.common.observability import log_problem
from functions.idempotency.group_commit import GroupCommit, Member

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

_COMPLETED = STATUS_CONSTANTS["COMPLETED"]
_IN_PROGRESS = STATUS_CONSTANTS["INPROGRESS"]


class _Attempt(threading.local):
    """What this thread has claimed, and the effect it wants committed."""

    member: Member
    claim_expiry: int | None = None
    effect: "UpdateTypeDef | None" = None


class TransactionalStore(DynamoDBPersistenceLayer):
    """Used by many threads at once; each processes one key at a time."""

    def __init__(self, table_name: str, client: "DynamoDBClient") -> None:
        super().__init__(table_name=table_name, boto3_client=client)
        self._attempt = _Attempt()
        self._commits = GroupCommit(client)

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Everything that this thread does for one key happens within."""
        with self._commits.member() as member:
            self._attempt.member = member
            yield

    def stage(self, effect: "UpdateTypeDef") -> None:
        """Set the write that completes together with the key this thread holds."""
        self._attempt.effect = effect

    def _put_record(self, data_record: DataRecord) -> None:
        super()._put_record(data_record)
        self._attempt.claim_expiry = data_record.in_progress_expiry_timestamp
        self._attempt.effect = None

    def _update_record(self, data_record: DataRecord) -> None:
        try:
            self._commits.commit(self._attempt.member, self._transaction(data_record))
        except AWS_ERRORS as error:
            # With no answer the transaction may have happened: a completed key keeps its record.
            self._delete_record(data_record)
            raise _cause(error) from error

    def _delete_record(self, data_record: DataRecord) -> None:
        """Give the key up, if this thread still holds it. A key that stays claimed expires by itself."""
        try:
            self.client.delete_item(
                TableName=self.table_name,
                Key=self._key(data_record),
                ConditionExpression="#status = :in_progress AND #claim = :ours",
                ExpressionAttributeNames=self._names(),
                ExpressionAttributeValues=self._held(),
            )
        except AWS_ERRORS as error:
            if type_of(error) != "ConditionalCheckFailedException":
                log_problem("idempotency.claim_left", errorType=type_of(error))

    def _transaction(self, record: DataRecord) -> "list[TransactWriteItemTypeDef]":
        completion: UpdateTypeDef = {
            "TableName": self.table_name,
            "Key": self._key(record),
            "UpdateExpression": "SET #status = :completed, #expiry = :expiry, #data = :data",
            "ConditionExpression": "#status = :in_progress AND #claim = :ours",
            "ExpressionAttributeNames": {
                **self._names(),
                "#expiry": self.expiry_attr,
                "#data": self.data_attr,
            },
            "ExpressionAttributeValues": {
                **self._held(),
                ":completed": {"S": _COMPLETED},
                ":expiry": {"N": str(record.expiry_timestamp)},
                ":data": {"S": record.response_data},
            },
        }
        if self._attempt.effect is None:
            raise PipelineError("there is no effect to commit")
        return [{"Update": completion}, {"Update": self._attempt.effect}]

    def _key(self, record: DataRecord) -> dict[str, dict[str, str]]:
        return {self.key_attr: {"S": record.idempotency_key}}

    def _names(self) -> dict[str, str]:
        return {"#status": self.status_attr, "#claim": self.in_progress_expiry_attr}

    def _held(self) -> dict[str, dict[str, str]]:
        return {":in_progress": {"S": _IN_PROGRESS}, ":ours": {"N": str(self._attempt.claim_expiry or 0)}}


def _cause(error: Exception) -> Exception:
    """What a failed transaction means: its reasons are in the order of its items."""
    if not isinstance(error, ClientError) or type_of(error) != "TransactionCanceledException":
        return error
    codes = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
    match codes:
        case ["ConditionalCheckFailed", *_]:
            return LockLostError("the claim on the idempotency key expired before the commit")
        case [_, "ConditionalCheckFailed"]:
            return OrderIdTakenError("this order id was processed before with another content or key")
        case _:
            return ContentionError(f"the transaction was cancelled: {', '.join(codes)}")
