"""What can go wrong with an order. An error's category decides where its message goes."""

from enum import StrEnum
from traceback import walk_tb

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's own
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

_CODE = "functions."

AWS_ERRORS = (ClientError, BotoCoreError)
"""What boto3 raises when a call fails, by an answer or without one."""

_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "KMS.ThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


class Category(StrEnum):
    """VALIDATION and PERMANENT can never pass; the others are worth another try."""

    VALIDATION = "VALIDATION"
    PERMANENT = "PERMANENT"
    TRANSIENT = "TRANSIENT"
    TIMEOUT = "TIMEOUT"
    PROCESSING = "PROCESSING"

    @property
    def retryable(self) -> bool:
        """Whether another receive may succeed."""
        return self not in (Category.VALIDATION, Category.PERMANENT)

    @property
    def worth_repeating(self) -> bool:
        """Whether the same call may succeed within seconds."""
        return self in (Category.TRANSIENT, Category.TIMEOUT)


class PipelineError(Exception):
    """An error of the pipeline's own. Subclasses set the category."""

    category = Category.PROCESSING


class MalformedJsonError(PipelineError):
    """Text that is no JSON."""

    category = Category.VALIDATION


class SchemaViolationError(PipelineError):
    """JSON that is not an order of its schema version."""

    category = Category.VALIDATION


class IdempotencyKeyReusedError(PipelineError):
    """An idempotency key that came before with another payload."""

    category = Category.VALIDATION


class LinesExceedAmountError(PipelineError):
    """An order whose lines cost more than its amount."""

    category = Category.PERMANENT


class OrderIdTakenError(PipelineError):
    """An order id whose effect exists under another idempotency key."""

    category = Category.PERMANENT


class TransientError(PipelineError):
    """A condition that passes by itself. Before `retry_after` seconds another try is not worth it."""

    category = Category.TRANSIENT

    def __init__(self, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DependencyUnavailableError(TransientError):
    """A dependency that refused the call."""


class CircuitOpenError(TransientError):
    """A dependency that is not called while its circuit is open."""


class CircuitRecoveredError(CircuitOpenError):
    """A dependency that was not called because its circuit was open; by now it is closed."""


class InProgressElsewhereError(TransientError):
    """An idempotency key that another delivery holds at this moment."""


class LockLostError(TransientError):
    """A claim on an idempotency key that expired before the effect could be committed."""


class ContentionError(TransientError):
    """A transaction that collided with another one."""


class EventNotPublishedError(TransientError):
    """An effect that is committed but not yet published on the event bus, with the bus's error code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the event was not published: {code}")


class OutOfTimeError(TransientError):
    """A message the worker had no time left for."""


class NotBegunError(OutOfTimeError):
    """A message that the worker did not even begin with."""


class NoTimeLeftError(BotoCoreError):
    """A call of AWS that was not begun, since it might have outlasted the invocation (functions.common.deadline)."""

    fmt = "the invocation has no time left for this call"


class DependencyTimeoutError(PipelineError):
    """A dependency that did not answer before its deadline."""

    category = Category.TIMEOUT


def category_of(error: BaseException) -> Category:
    """The category of any exception; unexpected ones are PROCESSING."""
    match error:
        case PipelineError():
            return error.category
        case ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            transient = status >= 500 or _code(error) in _TRANSIENT_CODES
            return Category.TRANSIENT if transient else Category.PROCESSING
        case ConnectTimeoutError() | ReadTimeoutError():
            return Category.TIMEOUT
        case ConnectionError() | HTTPClientError() | NoTimeLeftError():
            return Category.TRANSIENT
        case _:
            return Category.PROCESSING


def worth_another_call(error: BaseException) -> bool:
    """Whether the same call may succeed within seconds, and there is time for it."""
    return category_of(error).worth_repeating and not isinstance(error, NoTimeLeftError)


def type_of(error: BaseException) -> str:
    """A short, stable name: AWS's code, or the class name, for the pipeline's own errors without `Error`."""
    match error:
        case ClientError():
            return _code(error)
        case PipelineError():
            return _own_name(type(error))
        case _:
            return type(error).__name__


def place_in_code(error: BaseException) -> str:
    """Where in the functions' code an error came from that nobody foresaw: `module:function`; empty for all others.

    Without a line number, which the next change of the file would move.
    """
    if category_of(error) is not Category.PROCESSING:
        return ""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    places = [
        f"{module.removeprefix(_CODE)}:{frame.f_code.co_qualname}"
        for frame in frames
        if (module := str(frame.f_globals.get("__name__", ""))).startswith(_CODE)
    ]
    return places[-1] if places else ""


def own_types(of: type[PipelineError] = PipelineError) -> frozenset[str]:
    """What `type_of` calls the pipeline's own errors, as far as their modules are imported."""
    kinds = [kind for kind in of.__subclasses__() if not kind.__name__.startswith("_")]
    return frozenset(map(_own_name, kinds)).union(*map(own_types, kinds))


def _own_name(kind: type[PipelineError]) -> str:
    return kind.__name__.removesuffix("Error")


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "ClientError")
