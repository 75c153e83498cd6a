"""SNS's metrics: what a topic took, delivered, filtered out, and could not deliver.

https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from support.eventually import eventually
from support.metrics import recent

pytestmark = pytest.mark.evidence("documented", source="SNS guide, Monitoring topics using CloudWatch")


class Topic:
    """A topic with the metrics that CloudWatch has of it."""

    def __init__(self, aws: Callable[..., Any]) -> None:
        self.sns, self._sqs, self._cloudwatch = aws("sns"), aws("sqs"), aws("cloudwatch")
        self.name = f"test-{uuid4().hex[:8]}"
        self.arn: str = self.sns.create_topic(Name=self.name)["TopicArn"]
        self._queues: list[str] = []

    def subscribe_queue(self, **attributes: str) -> str:
        """A queue that is subscribed; its URL."""
        url = self._sqs.create_queue(QueueName=f"{self.name}-{len(self._queues)}")["QueueUrl"]
        self._queues.append(url)
        attributes_of = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        endpoint = attributes_of["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
        return url

    def metric(self, name: str, statistic: str = "Sum") -> float:
        """Of the last minutes."""
        return recent(self._cloudwatch, "AWS/SNS", name, statistic, TopicName=self.name)

    def delete(self) -> None:
        self.sns.delete_topic(TopicArn=self.arn)
        for url in self._queues:
            with suppress(self._sqs.exceptions.QueueDoesNotExist):
                self._sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def topic(aws: Callable[..., Any]) -> Iterator[Topic]:
    made = Topic(aws)
    yield made
    made.delete()


def test_messages_published_and_delivered_are_counted(topic: Topic) -> None:
    topic.subscribe_queue()
    topic.subscribe_queue()
    topic.sns.publish(TopicArn=topic.arn, Message="ä" * 100)
    topic.sns.publish_batch(
        TopicArn=topic.arn,
        PublishBatchRequestEntries=[{"Id": str(n), "Message": "x" * 50} for n in range(3)],
    )
    eventually(lambda: topic.metric("NumberOfNotificationsDelivered") == 8)
    assert topic.metric("NumberOfMessagesPublished") == 4
    assert topic.metric("PublishSize", "Maximum") == 200
    assert topic.metric("PublishSize", "Minimum") == 50
    assert topic.metric("NumberOfNotificationsFailed") == 0


def test_a_notification_that_a_filter_policy_keeps_back_is_counted_as_filtered_out(topic: Topic) -> None:
    topic.subscribe_queue(FilterPolicy=json.dumps({"kind": ["wanted"]}))
    for kind in ("wanted", "unwanted", "unwanted"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        topic.sns.publish(TopicArn=topic.arn, Message="x", MessageAttributes=attributes)
    eventually(lambda: topic.metric("NumberOfNotificationsDelivered") == 1)
    assert topic.metric("NumberOfNotificationsFilteredOut") == 2


def test_a_delivery_to_a_queue_that_is_gone_has_failed(topic: Topic, aws: Callable[..., Any]) -> None:
    aws("sqs").delete_queue(QueueUrl=topic.subscribe_queue())
    topic.sns.publish(TopicArn=topic.arn, Message="x")
    eventually(lambda: topic.metric("NumberOfNotificationsFailed") == 1)
    assert topic.metric("NumberOfNotificationsDelivered") == 0


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    ("policy", "message", "array"),
    [
        ({"a": ["x"]}, '{"a":' + "[" * 50_000 + "]" * 50_000 + "}", None),
        ({"a": [{"prefix": "x"}]}, '{"a":5}', None),
        ({"a": [{"numeric": ["<", 5]}]}, '{"a":' + "9" * 5000 + "}", None),
        ({"a": [1], "b": [-1]}, json.dumps({"a": list(range(3000)), "b": list(range(3000))}), None),
        ({"a": ["x"]}, "m", "5"),
        ({"a": ["x"]}, "m", "[" * 50_000),
        ({"a": [{"prefix": "x"}]}, "m", "[5]"),
    ],
    ids=["nested", "a number", "many digits", "lists", "no array", "a nested array", "an array of numbers"],
)
def test_a_message_that_a_filter_policy_cannot_read_is_filtered_out_and_reaches_the_others(
    topic: Topic, aws: Callable[..., Any], policy: Any, message: str, array: str | None
) -> None:
    scope = "MessageAttributes" if array else "MessageBody"
    topic.subscribe_queue(FilterPolicyScope=scope, FilterPolicy=json.dumps(policy))
    open_to_all = topic.subscribe_queue()
    attributes = {"a": {"DataType": "String.Array", "StringValue": array}} if array else dict[str, Any]()
    topic.sns.publish(TopicArn=topic.arn, Message=message, MessageAttributes=attributes)
    received = eventually(lambda: aws("sqs").receive_message(QueueUrl=open_to_all).get("Messages"))
    assert json.loads(received[0]["Body"])["Message"] == message
    eventually(lambda: topic.metric("NumberOfNotificationsFilteredOut") == 1)


@pytest.mark.evidence("recorded", "LocalStack: test_publish_batch_messages_from_sns_to_sqs")
def test_batch_with_a_message_for_each_protocol_is_published(topic: Topic, aws: Callable[..., Any]) -> None:
    url = topic.subscribe_queue(RawMessageDelivery="true")
    message = json.dumps({"default": "for all", "sqs": "for queues"})
    answer = topic.sns.publish_batch(
        TopicArn=topic.arn,
        PublishBatchRequestEntries=[{"Id": "1", "Message": message, "MessageStructure": "json"}],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["1"]
    received = eventually(lambda: aws("sqs").receive_message(QueueUrl=url).get("Messages"))
    assert [message["Body"] for message in received] == ["for queues"]
    eventually(lambda: topic.metric("PublishSize", "Maximum") == len(message))
