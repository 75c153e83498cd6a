"""SQS's own message move task, beside the redrive operations of this project.

It moves everything: no filter, no canary, no limit, no second-death rule; causes of death travel on as
attributes and the redrive count does not grow. At most one task a queue, 500 messages a second (SQS guide,
"Configure a dead-letter queue redrive").
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lab.errors import LabError
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FINAL = ("COMPLETED", "CANCELLED", "FAILED")


class MoveTask:
    """One move task from the DLQ to the orders queue. Times in seconds, rates in messages a second."""

    def __init__(self, pipeline: Pipeline, rate: int | None = None) -> None:
        """Start it. Raises LabError where SQS refuses, for example since another one runs."""
        self._sqs: SQSClient = pipeline.aws.client("sqs")
        self._source = self._arn(pipeline.stack.dlq_url)
        # The destination is named: dead letters that the worker sent have no source queue that SQS knows of.
        destination = self._arn(pipeline.stack.queue_url)
        try:
            answer = (
                self._sqs.start_message_move_task(
                    SourceArn=self._source, DestinationArn=destination, MaxNumberOfMessagesPerSecond=rate
                )
                if rate
                else self._sqs.start_message_move_task(SourceArn=self._source, DestinationArn=destination)
            )
        except ClientError as error:
            raise LabError(f"SQS refuses the move task: {error}.", "Wait for the one that runs.") from error
        self._handle = answer["TaskHandle"]

    def progress(self) -> tuple[str, int]:
        """Its status, and how many messages it has moved (approximately)."""
        results = self._sqs.list_message_move_tasks(SourceArn=self._source, MaxResults=10)["Results"]
        # Only a running task shows its handle; the newest comes first.
        mine = next((task for task in results if task.get("TaskHandle") == self._handle), None)
        task = mine or (results[0] if results else {})
        return task.get("Status", "UNKNOWN"), task.get("ApproximateNumberOfMessagesMoved", 0)

    def cancel(self) -> None:
        """Stop it; what has moved stays moved."""
        self._sqs.cancel_message_move_task(TaskHandle=self._handle)

    def _arn(self, url: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer.get("Attributes", {})["QueueArn"]
