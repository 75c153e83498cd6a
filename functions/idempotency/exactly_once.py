"""Running work at most once per idempotency key, and knowing when an earlier run's result came back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from functions.common.errors import ContentionError, IdempotencyKeyReusedError, InProgressElsewhereError
from functions.idempotency.store import TransactionalStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Effect:
    """A write to commit together with the key, and the JSON-able response that later duplicates get."""

    write: "UpdateTypeDef"
    response: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The response of a key's one run; `replayed` if that run was an earlier one."""

    response: dict[str, Any]
    replayed: bool


class _FixedClaim:
    """Stands in for the Lambda context, of which Powertools asks only how long a claim may be needed."""

    def __init__(self, seconds: int) -> None:
        self._milliseconds = seconds * 1000

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class ExactlyOnce:
    """`run` may be called by many threads at once, for one key at a time."""

    def __init__(self, store: TransactionalStore, *, ttl_days: int, in_progress_seconds: int) -> None:
        self._store = store
        self._in_progress_seconds = in_progress_seconds
        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="payload",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=ttl_days * SECONDS_PER_DAY,
            hash_function="sha256",
            # A claim of fixed length outlives the invocation that made it; one of the remaining time would
            # end just when a slow last record still writes.
            lambda_context=cast("LambdaContext", _FixedClaim(in_progress_seconds)),
            response_hook=_replay,
        )

        @idempotent_function(
            data_keyword_argument="claim", persistence_store=store, config=config, key_prefix="order"
        )
        def guarded(*, claim: dict[str, str], work: Callable[[], Effect]) -> Any:  # noqa: ARG001
            effect = work()
            store.stage(effect.write)
            return effect.response

        self._guarded: Callable[..., Any] = guarded

    def run(self, key: str, payload: str, work: Callable[[], Effect]) -> Result:
        """Do the work and commit its effect, or return the response of the run that did.

        `payload` is a digest of what the key stands for. Raises what `work` raises, and
        IdempotencyKeyReusedError (same key, other payload), InProgressElsewhereError, LockLostError,
        ContentionError, OrderIdTakenError or AWS's own error.
        """
        try:
            with self._store.attempt():
                answer = self._guarded(claim={"key": key, "payload": payload}, work=work)
        except IdempotencyValidationError as error:
            raise IdempotencyKeyReusedError("the idempotency key came before with another payload") from error
        except IdempotencyAlreadyInProgressError as error:
            text = "another delivery holds the idempotency key"
            raise InProgressElsewhereError(text, self._in_progress_seconds) from error
        except IdempotencyInconsistentStateError as error:
            raise ContentionError("the idempotency record changed while it was read") from error
        except IdempotencyPersistenceLayerError as error:
            raise error.__cause__ or error from None
        return answer if isinstance(answer, Result) else Result(answer, replayed=False)


def _replay(response: Any, idempotent_data: "DataRecord") -> Result:  # noqa: ARG001  Powertools' name
    return Result(response, replayed=True)
