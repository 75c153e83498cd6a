"""The dead-letter queue, ten messages a call."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Protocol, Self

from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_problem
from functions.common.settings import SQS_MAX_BYTES
from functions.publish.envelope import Envelope, from_receive
from functions.publish.packing import MAX_ENTRIES
from functions.publish.visibility import Hidden, hide
from functions.redrive.answers import take_as_json

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

WAIT_SECONDS = 1
"""A long poll asks all of SQS's servers; a short one only some."""

EMPTY_RECEIVES = 2
"""So many empty receives in a row mean that the queue has nothing visible."""

DELETE_ATTEMPTS = 3

CONCURRENCY = 16
"""Calls of SQS at once."""

BYTES_AT_ONCE = 16 * 1024 * 1024
"""What may be received at once: an answer is in memory about three times while it is parsed."""


class Queue(Protocol):
    """The DLQ as a redrive needs it."""

    def receive(self, visibility_seconds: int, wait_seconds: int = WAIT_SECONDS) -> list[Envelope]: ...
    def release(self, envelopes: Sequence[Envelope]) -> None: ...
    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]: ...
    def depth(self) -> int: ...
    def retention_seconds(self) -> int: ...


def messages_in(sqs: "SQSClient", url: str) -> int:
    """About how many messages a queue holds, visible or not."""
    states: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=states).get("Attributes", {})
    return sum(int(counts.get(state, 0)) for state in states)


def receives_at_once(wanted: int, largest: int) -> int:
    """How many receives may run at once for so many letters, of which the largest so far has so many bytes."""
    fitting = BYTES_AT_ONCE // (MAX_ENTRIES * max(1, largest))
    return max(1, min(CONCURRENCY, -(-wanted // MAX_ENTRIES), fitting))


def size_of(envelope: Envelope) -> int:
    """About how many bytes a letter holds: body and attributes."""
    values = (
        value.get("StringValue") or value.get("BinaryValue") or "" for value in envelope.attributes.values()
    )
    return len(envelope.body) + sum(map(len, values))


def bare(message_id: str, receipt_handle: str) -> Envelope:
    """A letter of which nothing is kept but what releases or deletes it."""
    return Envelope(message_id, receipt_handle, "", {}, receive_count=0, sent_at=0)


def tens(envelopes: Iterable[Envelope]) -> list[tuple[Envelope, ...]]:
    """Messages, as many together as one batch call takes."""
    return list(batched(envelopes, MAX_ENTRIES, strict=False))


@dataclass
class Walk:
    """One look at the DLQ, for a `with` block: each letter is received once, and is visible again at the end.

    Iterating gives the new letters of one receive after the other, until the queue has no more that are visible;
    `complete` says whether it came to that. A letter that was given is not kept: a walk holds ids and receipt handles.
    `visibility` is asked before each receive, in seconds. Letters whose ids are in `taken` stay hidden at the end.
    With `threads` receives go on while letters are looked at, as many at once as are of use; so do releases.
    """

    dlq: Queue
    visibility: Callable[[], int]
    expected: int | None = None
    """Stop, without two empty receives in a row, when so many were seen and there seem to be no more."""

    room: Callable[[], int] | None = None
    """How many more letters are of use: no more than these are received at once."""

    threads: ThreadPoolExecutor | None = None
    taken: set[str] = field(default_factory=set[str])
    complete: bool = False
    _handles: dict[str, str] = field(default_factory=dict[str, str])
    _largest: int = 0
    _under_way: deque[Future[list[Envelope]]] = field(default_factory=deque[Future[list[Envelope]]])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for answer in self._under_way:
            self._note([] if answer.exception() else answer.result())
        left = (
            bare(message_id, handle)
            for message_id, handle in self._handles.items()
            if message_id not in self.taken
        )
        if self.threads is None:
            self.dlq.release(list(left))
        else:
            list(self.threads.map(self.dlq.release, tens(left)))

    @property
    def seen(self) -> int:
        """How many letters were given so far."""
        return len(self._handles)

    def __iter__(self) -> Iterator[list[Envelope]]:
        empty = 0
        while empty < EMPTY_RECEIVES:
            found, last = False, 0
            for last, new in self._receives():
                found = found or last > 0
                yield new
            empty = 0 if found else empty + 1
            if self.expected is not None and self.seen >= self.expected:
                nothing_beyond = last < MAX_ENTRIES or self.dlq.depth() <= self.seen
                empty = EMPTY_RECEIVES if nothing_beyond else empty
        self.complete = True

    def _receives(self) -> Iterator[tuple[int, list[Envelope]]]:
        """How many letters an answer had, and the new ones, until it is empty or no more are of use.

        Then those of what is under way.
        """
        self._begin(self._of_use() or 1)
        more = True
        while self._under_way:
            letters = self._under_way[0].result()
            new = self._note(letters)
            self._under_way.popleft()  # not before: whoever interrupts this has all of them released
            yield len(letters), new
            more = more and bool(letters)
            if more:
                self._begin(self._of_use())

    def _of_use(self) -> int:
        """How many receives are of use beside those under way. Without threads none is."""
        wanted = MAX_ENTRIES if self.expected is None else self.expected - self.seen
        wanted = wanted if self.room is None else min(wanted, self.room())
        if self.threads is None or wanted <= 0:
            return 0
        return receives_at_once(wanted, self._largest or SQS_MAX_BYTES) - len(self._under_way)

    def _begin(self, receives: int) -> None:
        for _ in range(receives):
            if self.threads is None:
                answer = Future[list[Envelope]]()
                answer.set_result(self.dlq.receive(self.visibility()))
            else:
                answer = self.threads.submit(self.dlq.receive, self.visibility())
            self._under_way.append(answer)

    def _note(self, letters: Sequence[Envelope]) -> list[Envelope]:
        """Keep what releases these letters; return the new ones. Of a repeated delivery only the new handle is good."""
        new = {letter.message_id: letter for letter in letters if letter.message_id not in self._handles}
        for letter in letters:
            self._handles[letter.message_id] = letter.receipt_handle
            self._largest = max(self._largest, size_of(letter))
        return list(new.values())


class DeadLetterQueue:
    """Takes messages, puts them back, deletes them."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        take_as_json(sqs)
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

    def retention_seconds(self) -> int:
        """How long the queue keeps a letter, from when it was sent."""
        name: QueueAttributeNameType = "MessageRetentionPeriod"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer.get("Attributes", {})[name])

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
