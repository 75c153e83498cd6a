"""What would become of idempotency keys now, told without a write."""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from functions.common import codec
from functions.common.rows import Row, rows
from functions.idempotency.group_commit import Member
from functions.idempotency.store import IN_PROGRESS, EffectExistsError, TransactionalStore, record_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef


class ReadingStore(TransactionalStore):
    """Answers ExactlyOnce as the store of a worker would, by the rows that were loaded, and writes nothing."""

    def __init__(self, table_name: str, client: "DynamoDBClient") -> None:
        super().__init__(table_name, client)
        self._found: dict[tuple[str, str], Row] = {}

    def load(self, keys: Iterable[str], effects: Iterable[tuple[str, Row]]) -> None:
        """Read the records of these keys, and the rows of effects: each a table and a key. Raises AWS's error."""
        records = ((self.table_name, {self.key_attr: {"S": record_id(key)}}) for key in keys)
        wanted = {_name(table, key): (table, key) for table, key in (*records, *effects)}
        parts = {table: tuple(key) for table, key in wanted.values()}
        self._found = {
            _name(table, {part: row[part] for part in parts[table]}): row
            for table, row in rows(self.client, wanted.values())
        }

    def member(self) -> AbstractContextManager[Member]:
        """Nobody waits for anybody where nothing is committed."""
        return nullcontext(Member())

    def _put_record(self, data_record: DataRecord) -> None:
        """Raise what the conditional write of a claim would raise."""
        item = self._found.get(_name(self.table_name, {self.key_attr: {"S": data_record.idempotency_key}}))
        if item is None:
            return
        known = self._item_to_data_record(cast(dict[str, Any], item))
        if known.is_expired or (known.status == IN_PROGRESS and _is_over(known)):
            return
        self._validate_payload(data_payload=data_record, stored_data_record=known)
        raise IdempotencyItemAlreadyExistsError(old_data_record=known)

    def complete(
        self,
        member: Member,
        claim: DataRecord,
        effect: "UpdateTypeDef",
        response: Mapping[str, Any],
        ttl_seconds: int,
    ) -> None:
        """Raise EffectExistsError where there is a row in the effect's place."""
        del member, claim, response, ttl_seconds
        if row := self._found.get(_name(effect["TableName"], cast(Row, effect["Key"]))):
            raise EffectExistsError(row)

    def release(self, claim: DataRecord) -> None:
        """Nothing is held."""


def _is_over(record: DataRecord) -> bool:
    """Whether a claim has run out; one without an end never does."""
    until = record.in_progress_expiry_timestamp
    return until is not None and until < time.time() * 1000


def _name(table: str, key: Row) -> tuple[str, str]:
    return table, codec.canonical(key)
