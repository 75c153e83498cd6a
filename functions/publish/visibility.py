"""When messages that failed become visible again."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING

from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_problem
from functions.publish.envelope import Envelope
from functions.publish.packing import MAX_ENTRIES

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef


@dataclass(frozen=True)
class Hidden:
    """A message to hide for so many seconds from now."""

    envelope: Envelope
    seconds: int


def hide(sqs: "SQSClient", queue_url: str, messages: Iterable[Hidden]) -> None:
    """Change visibility timeouts, ten a call. Where that fails the queue's own timeout stays in force."""
    for chunk in batched(messages, MAX_ENTRIES, strict=False):
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {
                "Id": str(index),
                "ReceiptHandle": hidden.envelope.receipt_handle,
                "VisibilityTimeout": hidden.seconds,
            }
            for index, hidden in enumerate(chunk)
        ]
        try:
            answer = sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
        except AWS_ERRORS as error:
            log_problem("visibility.unchanged", errorType=type_of(error), messages=len(chunk))
            continue
        for failure in answer.get("Failed", []):
            log_problem(
                "visibility.unchanged",
                correlation_id=chunk[int(failure["Id"])].envelope.correlation_id,
                errorType=failure["Code"],
            )
