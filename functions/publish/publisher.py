"""Sending messages to an SQS queue: packed, retried, and accounted for one by one."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.backoff import full_jitter
from functions.common.errors import AWS_ERRORS, category_of, type_of, worth_another_call
from functions.publish.message import OutgoingMessage
from functions.publish.packing import pack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ATTEMPTS = 4
BACKOFF_SECONDS = 0.1
BACKOFF_CAP_SECONDS = 2.0


@dataclass(frozen=True)
class Delivery:
    """What became of one message: SQS's id for it, or an error code with what was said beside it.

    `senders_fault` says that SQS refused the message for what it is: no repetition will be taken.
    """

    message_id: str = ""
    error: str = ""
    detail: str = ""
    senders_fault: bool = False

    @property
    def sent(self) -> bool:
        """Whether SQS has it."""
        return not self.error

    @property
    def reason(self) -> str:
        """Why SQS does not have it: the code, and what was said."""
        return f"{self.error}: {self.detail}" if self.detail else self.error


@dataclass(frozen=True)
class _Numbered:
    index: int
    message: OutgoingMessage


class Publisher:
    """Sends to one queue. A batch call that fails in part is repeated for the part that failed.

    The client should try each call once (functions.common.aws): this class repeats, as long as there is time.

    >>> publisher = Publisher(sqs, "queue", max_bytes=262_144)
    >>> publisher.send([OutgoingMessage("a body", attributes={})])
    [Delivery(message_id='new', error='', detail='', senders_fault=False)]
    """

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        *,
        max_bytes: int,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._max_bytes = max_bytes
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, no secret

    def send(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        """Send all messages; the answer has one delivery for each, in order. No AWS error is raised."""
        deliveries = [Delivery(error="NotSent")] * len(messages)
        numbered = [_Numbered(index, message) for index, message in enumerate(messages)]
        packed = pack(numbered, lambda entry: entry.message.size, max_bytes=self._max_bytes)
        for entry in packed.oversize:
            detail = f"{entry.message.size} bytes with attributes, {self._max_bytes} at most"
            deliveries[entry.index] = Delivery(error="MessageTooLong", detail=detail, senders_fault=True)
        for batch in packed.batches:
            if not self._send_batch(batch, deliveries):
                break
        return deliveries

    def _send_batch(self, batch: list[_Numbered], deliveries: list[Delivery]) -> bool:
        """Returns whether the queue is worth asking for further batches: not if every try was in vain."""
        out_of_reach = False
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                self._sleep(full_jitter(attempt - 1, BACKOFF_SECONDS, BACKOFF_CAP_SECONDS, self._rng))
            try:
                batch = self._try(batch, deliveries)
            except AWS_ERRORS as error:
                for numbered in batch:
                    deliveries[numbered.index] = Delivery(error=type_of(error), detail=str(error))
                out_of_reach = category_of(error).worth_repeating
                # Without an answer the call may have succeeded; the idempotency key absorbs the second copy.
                if not worth_another_call(error):
                    break
            else:
                out_of_reach = False
                if not batch:
                    break
        return not out_of_reach

    def _try(self, batch: list[_Numbered], deliveries: list[Delivery]) -> list[_Numbered]:
        """One call. Returns what is worth another one. Raises AWS's error."""
        answer = self._sqs.send_message_batch(
            QueueUrl=self._queue_url, Entries=[_entry(numbered) for numbered in batch]
        )
        by_id = {str(numbered.index): numbered for numbered in batch}
        for success in answer.get("Successful", []):
            deliveries[by_id[success["Id"]].index] = Delivery(message_id=success["MessageId"])
        again: list[_Numbered] = []
        for failure in answer.get("Failed", []):
            numbered = by_id[failure["Id"]]
            told, its_own = failure.get("Message", ""), failure["SenderFault"]
            deliveries[numbered.index] = Delivery(error=failure["Code"], detail=told, senders_fault=its_own)
            if not its_own:
                again.append(numbered)
        return again


def _entry(numbered: _Numbered) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(numbered.index),
        "MessageBody": numbered.message.body,
        "MessageAttributes": numbered.message.attributes,
    }
    if numbered.message.delay_seconds:
        entry["DelaySeconds"] = numbered.message.delay_seconds
    if numbered.message.group:
        entry["MessageGroupId"] = numbered.message.group
    return entry
