"""The dead-letter queue, ten messages a call."""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Protocol

from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_problem
from functions.publish.envelope import Envelope, from_receive
from functions.publish.packing import MAX_ENTRIES
from functions.publish.visibility import Hidden, hide

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 1
"""A long poll asks all of SQS's servers; a short one only some."""

EMPTY_RECEIVES = 2
"""So many empty receives in a row mean that the queue has nothing visible."""

DELETE_ATTEMPTS = 3


class Queue(Protocol):
    """The DLQ as a redrive needs it."""

    def receive(self, visibility_seconds: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]: ...
    def release(self, envelopes: Sequence[Envelope]) -> None: ...
    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]: ...


def tens(envelopes: Iterable[Envelope]) -> list[tuple[Envelope, ...]]:
    """Messages, as many together as one batch call takes."""
    return list(batched(envelopes, MAX_ENTRIES, strict=False))


class DeadLetterQueue:
    """Takes messages, puts them back, deletes them."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def receive(self, visibility_seconds: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]:
        """Up to ten messages, hidden from everybody else for that time."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MAX_ENTRIES,
            VisibilityTimeout=visibility_seconds,
            WaitTimeSeconds=wait_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return [from_receive(message) for message in answer.get("Messages", [])]

    def release(self, envelopes: Sequence[Envelope]) -> None:
        """Make messages visible again at once."""
        hide(self._sqs, self._url, (Hidden(envelope, 0) for envelope in envelopes))

    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """Delete messages. Returns those that could not be deleted."""
        left = list(envelopes)
        for _ in range(DELETE_ATTEMPTS):
            left = [envelope for chunk in tens(left) for envelope in self._delete(chunk)]
            if not left:
                break
        return left

    def _delete(self, chunk: Sequence[Envelope]) -> list[Envelope]:
        try:
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": envelope.receipt_handle}
                    for index, envelope in enumerate(chunk)
                ],
            )
        except AWS_ERRORS as error:
            log_problem("redrive.not_deleted", errorType=type_of(error), messages=len(chunk))
            return list(chunk)
        return [chunk[int(failure["Id"])] for failure in answer.get("Failed", [])]
