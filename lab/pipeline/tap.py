"""A listener on an SNS topic: an SQS queue of the lab's own, there only while somebody listens."""

import json
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.engines.clients import Aws

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


class Tap:
    """Notifications that arrived on one topic since the tap was opened, each as its decoded JSON message."""

    def __init__(self, sqs: "SQSClient", queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._seen: list[dict[str, Any]] = []

    def notifications(self) -> list[dict[str, Any]]:
        """Everything that arrived so far, oldest first."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                self._seen.append(json.loads(message.get("Body", "{}")))
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message.get("ReceiptHandle", "")
                )
        return list(self._seen)

    def alarm_transitions(self, alarm: str) -> list[str]:
        """New states that CloudWatch notified for one alarm, oldest first.

        The first evaluation of an alarm that was just deployed, which finds nothing wrong, is told as a change as
        well, and may be told late: it belongs to the deployment.
        """
        return [
            notification["NewStateValue"]
            for notification in self.notifications()
            if notification.get("AlarmName") == alarm and not _is_first_look(notification)
        ]


def _is_first_look(notification: Mapping[str, Any]) -> bool:
    return (notification.get("OldStateValue"), notification["NewStateValue"]) == ("INSUFFICIENT_DATA", "OK")


@contextmanager
def tap(aws: Aws, topic_arn: str) -> Generator[Tap]:
    """Listen to a topic for the duration of a `with` block; the queue and subscription go with it."""
    sqs: SQSClient = aws.client("sqs")
    sns: SNSClient = aws.client("sns")
    name = f"lab-tap-{uuid.uuid4().hex[:12]}"
    queue_url = sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": "3600"})["QueueUrl"]
    subscription = ""
    try:
        queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": _allow(topic_arn, queue_arn)})
        subscription = sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes={"RawMessageDelivery": "true"},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        yield Tap(sqs, queue_url)
    finally:
        if subscription:
            sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=queue_url)


def _allow(topic_arn: str, queue_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
