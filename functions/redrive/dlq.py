"""The dead-letter queue, ten messages a call."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Protocol, Self

from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_problem
from functions.publish.envelope import Envelope, from_receive
from functions.publish.packing import MAX_ENTRIES
from functions.publish.visibility import Hidden, hide

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

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
    def depth(self) -> int: ...


def messages_in(sqs: "SQSClient", url: str) -> int:
    """About how many messages a queue holds, visible or not."""
    states: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=states).get("Attributes", {})
    return sum(int(counts.get(state, 0)) for state in states)


def tens(envelopes: Iterable[Envelope]) -> list[tuple[Envelope, ...]]:
    """Messages, as many together as one batch call takes."""
    return list(batched(envelopes, MAX_ENTRIES, strict=False))


@dataclass
class Walk:
    """One look at the DLQ, for a `with` block: each letter is received once, and is visible again at the end.

    Iterating gives the new letters of one receive after the other, until the queue has no more that are visible;
    `complete` says whether it came to that. `visibility` is asked before each receive, in seconds. Letters whose ids
    are added to `taken` stay hidden afterwards.
    """

    dlq: Queue
    visibility: Callable[[], int]
    expected: int | None = None
    """Stop, without two empty receives in a row, when so many were seen and there seem to be no more."""

    received: dict[str, Envelope] = field(default_factory=dict[str, Envelope])
    taken: set[str] = field(default_factory=set[str])
    complete: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dlq.release([letter for letter in self.received.values() if letter.message_id not in self.taken])

    def __iter__(self) -> Iterator[list[Envelope]]:
        empty = 0
        while empty < EMPTY_RECEIVES:
            letters = self.dlq.receive(self.visibility())
            empty = 0 if letters else empty + 1
            new = [letter for letter in letters if letter.message_id not in self.received]
            # A repeated delivery has a new receipt handle, and only the newest one is good.
            self.received |= {letter.message_id: letter for letter in letters}
            yield new
            if (
                self.expected is not None
                and len(letters) < MAX_ENTRIES
                and len(self.received) >= self.expected
            ):
                break
        self.complete = True


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

    def depth(self) -> int:
        """About how many letters there are, hidden ones too."""
        return messages_in(self._sqs, self._url)

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
