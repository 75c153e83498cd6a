"""EventBridge: rules deliver to topics and queues of the engine, and what they do is counted."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.eventually import eventually


class Bus:
    """A custom bus with the rule `failed`, which matches detail-type OrderFailed, and a queue to receive in."""

    def __init__(self, aws: Callable[..., Any]) -> None:
        self.events, self.sqs, self.sns = aws("events"), aws("sqs"), aws("sns")
        self.name = f"test-{uuid.uuid4().hex[:8]}"
        self.events.create_event_bus(Name=self.name)
        self.put_rule()
        self.queue = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.queue_arn = attributes["Attributes"]["QueueArn"]
        self.topic = self.sns.create_topic(Name=self.name)["TopicArn"]

    def put_rule(self, **options: Any) -> None:
        pattern = json.dumps({"detail-type": ["OrderFailed"]})
        self.events.put_rule(Name="failed", EventBusName=self.name, EventPattern=pattern, **options)

    def put_target(self, arn: str) -> None:
        self.events.put_targets(Rule="failed", EventBusName=self.name, Targets=[{"Id": "target", "Arn": arn}])

    def put_events(self, *detail_types: str) -> None:
        entries = [
            {"EventBusName": self.name, "Source": "test", "DetailType": kind, "Detail": json.dumps({"n": n})}
            for n, kind in enumerate(detail_types)
        ]
        assert self.events.put_events(Entries=entries)["FailedEntryCount"] == 0

    def received(self) -> list[dict[str, Any]]:
        """Events that arrived in the queue since the last call."""
        messages = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def delete(self) -> None:
        self.events.remove_targets(Rule="failed", EventBusName=self.name, Ids=["target"])
        self.events.delete_rule(Name="failed", EventBusName=self.name)
        self.events.delete_event_bus(Name=self.name)
        self.sqs.delete_queue(QueueUrl=self.queue)
        self.sns.delete_topic(TopicArn=self.topic)


@pytest.fixture
def bus(aws: Callable[..., Any]) -> Iterator[Bus]:
    made = Bus(aws)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def cloudwatch(aws: Callable[..., Any]) -> Any:
    return aws("cloudwatch")


def total(cloudwatch: Any, bus: Bus, name: str) -> float:
    end = datetime.now(UTC) + timedelta(minutes=1)
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/Events",
        MetricName=name,
        Dimensions=[{"Name": "EventBusName", "Value": bus.name}, {"Name": "RuleName", "Value": "failed"}],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in found)


def test_matching_events_reach_a_queue_and_are_counted(bus: Bus, cloudwatch: Any) -> None:
    bus.put_target(bus.queue_arn)

    bus.put_events("OrderFailed", "OrderProcessed", "OrderFailed")

    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 2)
    assert sorted(event["detail"]["n"] for event in arrived) == [0, 2]
    assert {(event["source"], event["detail-type"]) for event in arrived} == {("test", "OrderFailed")}
    counted = ("MatchedEvents", "TriggeredRules", "Invocations", "FailedInvocations")
    assert [total(cloudwatch, bus, name) for name in counted] == [2, 2, 2, 0]


def test_an_event_reaches_the_subscribers_of_a_topic(bus: Bus) -> None:
    raw = {"RawMessageDelivery": "true"}
    bus.sns.subscribe(TopicArn=bus.topic, Protocol="sqs", Endpoint=bus.queue_arn, Attributes=raw)
    bus.put_target(bus.topic)

    bus.put_events("OrderFailed")

    (event,) = eventually(bus.received)
    assert event["detail-type"] == "OrderFailed"


def test_a_target_that_does_not_exist_is_a_failed_invocation(bus: Bus, cloudwatch: Any) -> None:
    bus.put_target(f"{bus.topic}-unknown")

    bus.put_events("OrderFailed")

    eventually(lambda: total(cloudwatch, bus, "FailedInvocations") == 1)
    assert total(cloudwatch, bus, "Invocations") == 1


def test_a_disabled_rule_does_nothing_until_it_is_enabled(bus: Bus, cloudwatch: Any) -> None:
    bus.put_target(bus.queue_arn)
    bus.events.disable_rule(Name="failed", EventBusName=bus.name)
    bus.put_events("OrderFailed")
    bus.events.enable_rule(Name="failed", EventBusName=bus.name)
    bus.put_events("OrderFailed", "OrderFailed")

    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 2)
    assert total(cloudwatch, bus, "TriggeredRules") == 2
