"""What is done to a whole queue."""

from typing import TYPE_CHECKING

from lab.common.polling import wait_for

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PURGE_WAIT_SECONDS = 75
"""SQS purges a queue at most once in 60 seconds."""


def purge(sqs: "SQSClient", url: str) -> None:
    """Purge a queue, if need be when SQS allows it again. Raises LabError if it does not."""

    def purged() -> bool:
        try:
            sqs.purge_queue(QueueUrl=url)
        except sqs.exceptions.PurgeQueueInProgress:
            return False
        return True

    name = url.rpartition("/")[2]
    wait_for(f"SQS to purge {name} again", purged, bool, within=PURGE_WAIT_SECONDS, every=0.5)
