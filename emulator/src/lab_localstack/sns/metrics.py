"""SNS's metrics of a topic: what is published, delivered, filtered out, and what fails.

https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
"""

from lab_localstack import documents
from lab_localstack.metrics import publish

NAMESPACE = "AWS/SNS"


def count(topic_arn: str, name: str, value: float = 1, unit: str = "Count") -> None:
    """Publish one value of a topic's metric."""
    region, account, topic = topic_arn.split(":")[3:6]
    publish(NAMESPACE, name, value, unit, {"TopicName": topic}, account, region)


def published(topic_arn: str, message: str) -> None:
    """A message was taken; its size counts in bytes."""
    count(topic_arn, "NumberOfMessagesPublished")
    count(topic_arn, "PublishSize", documents.size(message), "Bytes")


def delivered(topic_arn: str, *, success: bool) -> None:
    """A subscriber got a notification, or the delivery was given up."""
    count(topic_arn, "NumberOfNotificationsDelivered" if success else "NumberOfNotificationsFailed")
