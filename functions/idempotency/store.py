"""Idempotency records in DynamoDB, where completing a key and writing its effect are one transaction.

Powertools' persistence layer writes COMPLETED after the effect: a crash in between leaves an effect that a retry
repeats. Its records and its conditional claim are used as they are; completing and giving up are conditional here, on
this delivery still holding the key. The claim's expiry (milliseconds) tells holders apart: a key can only be claimed
again after the old claim's expiry.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord
from botocore.exceptions import ClientError

from functions.common.errors import AWS_ERRORS, ContentionError, LockLostError, type_of
from functions.common.observability import log_problem
from functions.common.rows import Row
from functions.idempotency.group_commit import GroupCommit, Member

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

COMPLETED = STATUS_CONSTANTS["COMPLETED"]
IN_PROGRESS = STATUS_CONSTANTS["INPROGRESS"]
_NOTHING: Mapping[str, Any] = {}


class EffectExistsError(Exception):
    """There is a row where the effect was to be written."""

    def __init__(self, row: Row) -> None:
        super().__init__("the effect exists")
        self.row = row


class TransactionalStore(DynamoDBPersistenceLayer):
    """Used by many threads at once; each processes one key at a time, as a member of the group commit."""

    def __init__(self, table_name: str, client: "DynamoDBClient") -> None:
        super().__init__(table_name=table_name, boto3_client=client)
        self.payload_validation_enabled = True
        self._commits = GroupCommit(client)

    def member(self) -> AbstractContextManager[Member]:
        """Everything that a thread does for one key happens within."""
        return self._commits.member()

    def claim(self, key: str, payload: str, *, seconds: int, ttl_seconds: int) -> DataRecord:
        """Claim a key for so many seconds. Returns the claim, which completes the key or gives it up.

        Raises Powertools' IdempotencyValidationError (the key has a record with another payload),
        IdempotencyItemAlreadyExistsError (with that record), or AWS's error.
        """
        now = time.time()
        claim = DataRecord(
            record_id(key),
            IN_PROGRESS,
            expiry_timestamp=int(now + ttl_seconds),
            in_progress_expiry_timestamp=int((now + seconds) * 1000),
            payload_hash=_hash(payload),
        )
        self._put_record(claim)
        return claim

    def complete(
        self,
        member: Member,
        claim: DataRecord,
        effect: "UpdateTypeDef",
        response: Mapping[str, Any],
        ttl_seconds: int,
    ) -> None:
        """Write the effect and complete the key, or neither. The response is kept for so many seconds.

        `effect` returns the row that it finds instead (ReturnValuesOnConditionCheckFailure). Raises LockLostError,
        EffectExistsError, ContentionError or AWS's error.
        """
        completion: Any = {
            **self._while_held(
                claim,
                {"#expiry": self.expiry_attr, "#data": self.data_attr},
                {
                    ":completed": {"S": COMPLETED},
                    ":expiry": {"N": str(int(time.time() + ttl_seconds))},
                    ":data": {"S": json.dumps(response, sort_keys=True)},
                },
            ),
            "UpdateExpression": "SET #status = :completed, #expiry = :expiry, #data = :data",
        }
        try:
            self._commits.commit(member, [{"Update": completion}, {"Update": effect}])
        except AWS_ERRORS as error:
            raise _cause(error) from error

    def release(self, claim: DataRecord) -> None:
        """Give the key up, if it is still held. A key that stays claimed expires by itself.

        A commit that got no answer may have happened: a completed key keeps its record.
        """
        try:
            self.client.delete_item(**self._while_held(claim))
        except AWS_ERRORS as error:
            if type_of(error) != "ConditionalCheckFailedException":
                log_problem("idempotency.claim_left", errorType=type_of(error))

    def _while_held(
        self, claim: DataRecord, names: Mapping[str, str] = _NOTHING, values: Mapping[str, Any] = _NOTHING
    ) -> Any:
        """A write's table and key, and the condition that the claim still holds the key."""
        held = {"#status": self.status_attr, "#claim": self.in_progress_expiry_attr}
        ours = {"N": str(claim.in_progress_expiry_timestamp)}
        return {
            "TableName": self.table_name,
            "Key": {self.key_attr: {"S": claim.idempotency_key}},
            "ConditionExpression": "#status = :in_progress AND #claim = :ours",
            "ExpressionAttributeNames": {**held, **names},
            "ExpressionAttributeValues": {":in_progress": {"S": IN_PROGRESS}, ":ours": ours, **values},
        }


def record_id(key: str) -> str:
    """The id of a key's record."""
    return f"order#{_hash(key)}"


def _hash(text: str) -> str:
    """SHA-256 of the JSON of a text, as Powertools hashes keys and payloads."""
    return hashlib.sha256(json.dumps(text).encode()).hexdigest()


def _cause(error: Exception) -> Exception:
    """What a failed transaction means: its reasons are in the order of its items."""
    if not isinstance(error, ClientError) or type_of(error) != "TransactionCanceledException":
        return error
    reasons = error.response.get("CancellationReasons", [])
    codes = [str(reason.get("Code")) for reason in reasons]
    match codes:
        case ["ConditionalCheckFailed", *_]:
            return LockLostError("the claim on the idempotency key expired before the commit")
        case [_, "ConditionalCheckFailed"]:
            return EffectExistsError(reasons[1].get("Item", {}))
        case _:
            return ContentionError(f"the transaction was cancelled: {', '.join(codes)}")
