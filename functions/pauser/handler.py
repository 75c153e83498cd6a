"""The pauser function: it owns the state of the worker's event source mapping while circuits open and close."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws, deadline
from functions.common.backoff import ceiling
from functions.common.errors import AWS_ERRORS, MalformedJsonError, type_of
from functions.common.observability import count, log_event, log_problem, logger, metrics_of_invocation
from functions.common.partial_batch import partial_batch_response
from functions.common.settings import SQS_MAX_VISIBILITY_SECONDS, pauser_settings
from functions.pauser.resume_message import ResumeMessage

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

RETRY_SECONDS = 2
RETRY_CAP_SECONDS = 60
"""Until a mapping that is just changing, or an AWS API that failed, is asked again: twice as long each time. AWS takes
from some ten seconds to minutes to change one."""


@dataclass(frozen=True)
class Pauser:
    """Applies resume messages to one mapping. `now` is the time in epoch seconds."""

    mappings: "LambdaClient"
    sqs: "SQSClient"
    mapping_id: str
    queue_url: str
    now: Callable[[], float] = time.time

    def apply(self, body: str, receipt_handle: str, receives: int = 1) -> bool:
        """Pause, or resume once the resume message is due. Returns whether the resume message has served its purpose.

        A resume message that is delivered twice, late or after a crash does the same again: before its time it
        pauses and hides itself until then, after its time it resumes.
        """
        try:
            message = ResumeMessage.from_text(body)
        except (
            MalformedJsonError
        ) as error:  # nothing that this queue was made for: it would come back for ever
            log_problem("mapping.no_reminder", errorMessage=str(error))
            return True
        seconds = min(max(0, round(message.resume_at - self.now())), SQS_MAX_VISIBILITY_SECONDS)
        try:
            self.mappings.update_event_source_mapping(UUID=self.mapping_id, Enabled=seconds == 0)
        except AWS_ERRORS as error:
            log_problem("mapping.unchanged", circuit=message.circuit, errorType=type_of(error))
            self._hide(receipt_handle, round(ceiling(receives, RETRY_SECONDS, RETRY_CAP_SECONDS)))
            return False
        if seconds == 0:
            count("MappingResumed")
            log_event("mapping.resumed", circuit=message.circuit)
            return True
        count("MappingPaused")
        log_problem("mapping.paused", circuit=message.circuit, seconds=seconds)
        self._hide(receipt_handle, seconds)
        return False

    def _hide(self, receipt_handle: str, seconds: int) -> None:
        """Hide the message. Where that fails it comes back after the queue's visibility timeout, and pauses again."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except AWS_ERRORS as error:
            log_problem("visibility.unchanged", errorType=type_of(error))


@cache
def _pauser() -> Pauser:
    settings = pauser_settings()
    return Pauser(aws.lambda_once(), aws.sqs_once(), settings.mapping_id, settings.queue_url)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Apply the resume messages of one batch; the answer is a partial batch response."""
    with deadline.of_invocation(context), metrics_of_invocation():
        kept = [
            record["messageId"]
            for record in event["Records"]
            if not _pauser().apply(
                record["body"], record["receiptHandle"], int(record["attributes"]["ApproximateReceiveCount"])
            )
        ]
    return partial_batch_response(kept)
