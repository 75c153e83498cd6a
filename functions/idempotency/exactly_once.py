"""Running work at most once per idempotency key, and knowing when an earlier run's result came back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyValidationError,
)

from functions.common.errors import ContentionError, IdempotencyKeyReusedError, InProgressElsewhereError
from functions.common.rows import Row
from functions.idempotency.group_commit import Member
from functions.idempotency.store import COMPLETED, IN_PROGRESS, EffectExistsError, TransactionalStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Effect:
    """A write to commit together with the key, and the JSON-able response that later duplicates get.

    `earlier` is that response, out of a row that the write found in its place: the key's record may be forgotten
    by then. It raises what says that the row is not this effect's.
    """

    write: "UpdateTypeDef"
    response: dict[str, Any]
    earlier: Callable[[Row], dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """The response of a key's one run; `replayed` if that run was an earlier one."""

    response: dict[str, Any]
    replayed: bool


class ExactlyOnce:
    """`run` may be called by many threads at once, for one key at a time.

    Powertools' `idempotent_function` is not used: it completes a key after the effect, and claims it for the time
    that the invocation has left, which would end just when a slow last record still writes.

    >>> store = TransactionalStore("idempotency", dynamodb)
    >>> once = ExactlyOnce(store, ttl_days=7, in_progress_seconds=30)
    >>> write = {"TableName": "orders", "Key": {"orderId": {"S": "o-1"}}}
    >>> effect = Effect(write, {"orderId": "o-1"}, lambda row: {"orderId": row["orderId"]["S"]})
    >>> once.run("key", "digest", lambda: effect)
    Result(response={'orderId': 'o-1'}, replayed=False)
    >>> once.run("key", "digest", lambda: effect)
    Result(response={'orderId': 'o-1'}, replayed=True)
    """

    def __init__(self, store: TransactionalStore, *, ttl_days: int, in_progress_seconds: int) -> None:
        self._store = store
        self._ttl_seconds = ttl_days * SECONDS_PER_DAY
        self._in_progress_seconds = in_progress_seconds

    def run(self, key: str, payload: str, work: Callable[[], Effect]) -> Result:
        """Do the work and commit its effect, or return the response of the run that did.

        `payload` is a digest of what the key stands for. Raises what `work` raises, and
        IdempotencyKeyReusedError (same key, other payload), InProgressElsewhereError, LockLostError,
        ContentionError, what `earlier` raises, or AWS's own error.
        """
        with self._store.member() as member:
            try:
                claim = self._store.claim(
                    key, payload, seconds=self._in_progress_seconds, ttl_seconds=self._ttl_seconds
                )
            except IdempotencyValidationError as error:
                raise IdempotencyKeyReusedError(
                    "the idempotency key came before with another payload"
                ) from error
            except IdempotencyItemAlreadyExistsError as error:
                return self._replay(error.old_data_record)
            try:
                return self._commit(member, claim, work())
            except Exception:
                self._store.release(claim)
                raise

    def _commit(self, member: Member, claim: "DataRecord", effect: Effect) -> Result:
        """Commit the effect; where its row is there already, the key has been forgotten meanwhile."""
        try:
            self._store.complete(member, claim, effect.write, effect.response, self._ttl_seconds)
        except EffectExistsError as found:
            response = effect.earlier(found.row)
            self._store.release(claim)
            return Result(response, replayed=True)
        return Result(effect.response, replayed=False)

    def _replay(self, found: "DataRecord | None") -> Result:
        """The response of the run that a record tells of; the record may expire while it is looked at."""
        if found and found.status == COMPLETED:
            return Result(json.loads(found.response_data), replayed=True)
        if found and found.status == IN_PROGRESS:
            text = "another delivery holds the idempotency key"
            raise InProgressElsewhereError(text, self._in_progress_seconds)
        raise ContentionError("the idempotency record changed while it was read")
