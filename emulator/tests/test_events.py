"""EventBridge: rules deliver to topics and queues of the engine, and what they do is counted."""

import json
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.errors import code, refused
from support.eventually import eventually
from support.metrics import recent

pytestmark = pytest.mark.evidence(
    "documented", source="EventBridge API reference and guide, Monitoring Amazon EventBridge"
)


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

    @contextmanager
    def witness(self) -> Generator[None]:
        """Leave the block when an event that was put in it has come to the rules: another one tells of it."""
        where = {"Rule": "witness", "EventBusName": self.name}
        pattern = json.dumps({"detail-type": [{"exists": True}]})
        self.events.put_rule(Name="witness", EventBusName=self.name, EventPattern=pattern)
        told = {"Id": "target", "Arn": self.queue_arn, "Input": '"seen"'}
        self.events.put_targets(**where, Targets=[told])
        yield
        eventually(lambda: "seen" in self.received())
        self.events.remove_targets(**where, Ids=["target"])
        self.events.delete_rule(Name="witness", EventBusName=self.name)

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


def total(cloudwatch: Any, bus: Bus, name: str) -> float:
    return recent(cloudwatch, "AWS/Events", name, EventBusName=bus.name, RuleName="failed")


@pytest.mark.evidence("documented", "EventBridge guide, Archiving and replaying events")
def test_archived_event_that_is_replayed_comes_again_and_names_its_replay(bus: Bus) -> None:
    bus.put_target(bus.queue_arn)
    arn = bus.events.describe_event_bus(Name=bus.name)["Arn"]
    archive = bus.events.create_archive(ArchiveName=bus.name, EventSourceArn=arn)["ArchiveArn"]
    bus.put_events("OrderFailed", "OrderProcessed")
    (first,) = eventually(bus.received)
    now = datetime.now(UTC)
    window = {"EventStartTime": now - timedelta(minutes=2), "EventEndTime": now + timedelta(minutes=1)}
    bus.events.start_replay(ReplayName=bus.name, EventSourceArn=archive, Destination={"Arn": arn}, **window)
    (again,) = eventually(bus.received)
    assert again["replay-name"] == bus.name
    assert (again["detail"], again["time"]) == (first["detail"], first["time"])
    assert bus.events.describe_replay(ReplayName=bus.name)["State"] == "COMPLETED"
    bus.events.delete_archive(ArchiveName=bus.name)


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


def test_an_entry_that_cannot_be_read_fails_alone(bus: Bus) -> None:
    bus.put_target(bus.queue_arn)
    entry = {"EventBusName": bus.name, "Source": "test", "DetailType": "OrderFailed"}
    hostile = [
        "[" * 50_000 + "]" * 50_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"a":NaN}',
        '{"a":1e400}',
        '{"a":1',
    ]
    details = ['{"n":0}', *hostile, '{"n":1,"a":"\\ud800"}', '{"n":2,"a":"\ud800"}']
    result = bus.events.put_events(Entries=[entry | {"Detail": detail} for detail in details])
    codes = [answer.get("ErrorCode") for answer in result["Entries"]]
    assert codes == [None, *["MalformedDetail"] * len(hostile), None, None]
    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 3)
    assert sorted(event["detail"]["n"] for event in arrived) == [0, 1, 2]


@pytest.mark.evidence("ours")
def test_an_event_that_one_rule_cannot_be_asked_of_reaches_the_others(bus: Bus) -> None:
    """A prefix of a number, on AWS no match, is an error in LocalStack's matcher. Rules are asked in their order."""
    bus.events.delete_rule(Name="failed", EventBusName=bus.name)
    pattern = {"detail": {"n": [{"prefix": {"equals-ignore-case": "x"}}]}}
    bus.events.put_rule(Name="first", EventBusName=bus.name, EventPattern=json.dumps(pattern))
    bus.put_rule()
    bus.put_target(bus.queue_arn)

    bus.put_events("OrderFailed", "OrderFailed")

    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 2)
    bus.events.delete_rule(Name="first", EventBusName=bus.name)


def test_a_target_that_does_not_exist_is_a_failed_invocation(bus: Bus, cloudwatch: Any) -> None:
    bus.put_target(f"{bus.topic}-unknown")

    bus.put_events("OrderFailed")

    eventually(lambda: total(cloudwatch, bus, "FailedInvocations") == 1)
    assert total(cloudwatch, bus, "Invocations") == 1


def test_a_disabled_rule_does_nothing_until_it_is_enabled(bus: Bus, cloudwatch: Any) -> None:
    bus.put_target(bus.queue_arn)
    bus.events.disable_rule(Name="failed", EventBusName=bus.name)
    with bus.witness():
        bus.put_events("OrderFailed")
    bus.events.enable_rule(Name="failed", EventBusName=bus.name)
    bus.put_events("OrderFailed", "OrderFailed")

    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 2)
    assert total(cloudwatch, bus, "TriggeredRules") == 2


def test_entries_that_are_not_valid_fail_alone(bus: Bus) -> None:
    bus.put_target(bus.queue_arn)
    good = {"Source": "test", "DetailType": "OrderFailed", "Detail": "{}", "EventBusName": bus.name}
    bad = [
        {name: value for name, value in good.items() if name != "Source"},
        {name: value for name, value in good.items() if name != "DetailType"},
        {name: value for name, value in good.items() if name != "Detail"},
        good | {"Detail": "not json"},
        good | {"Detail": "[1]"},
    ]

    answer = bus.events.put_events(Entries=[good, *bad, good])

    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == [None, *["InvalidArgument"] * 3, *["MalformedDetail"] * 2, None]
    assert answer["FailedEntryCount"] == len(bad)
    assert all(entry.get("EventId") for entry, code in zip(answer["Entries"], codes, strict=True) if not code)
    arrived: list[dict[str, Any]] = []
    eventually(lambda: arrived.extend(bus.received()) or len(arrived) == 2)


def test_the_entries_of_a_call_have_at_most_one_mebibyte_together(bus: Bus) -> None:
    entry = {"Source": "test", "DetailType": "large", "EventBusName": bus.name}
    fixed = len("test") + len("large")

    def details(total: int) -> list[dict[str, str]]:
        size = total // 4 - fixed
        return [entry | {"Detail": f'{{"x":"{"x" * (size - 8)}"}}'} for _ in range(4)]

    assert bus.events.put_events(Entries=details(1_048_576))["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="over the limit") as refused:
        bus.events.put_events(Entries=[*details(1_048_576), entry | {"Detail": "{}"}])
    assert code(refused) == "ValidationException"


@pytest.mark.parametrize("count", [0, 11])
def test_a_call_without_entries_or_with_more_than_ten_is_refused(
    aws: Callable[..., Any], bus: Bus, count: int
) -> None:
    entry = {"Source": "test", "DetailType": "x", "Detail": "{}", "EventBusName": bus.name}
    unchecked = aws("events", parameter_validation=False)
    with refused("ValidationException"):
        unchecked.put_events(Entries=[entry] * count)


PAYLOAD = {"id": "7", "t": 'a"b\n'}
EMPTY: tuple[Any, ...] = (False, 0, [], {}, None, "")


@pytest.mark.evidence("documented", "EventBridge guide: input transformation")
@pytest.mark.parametrize(
    ("paths", "template", "detail", "received"),
    [
        *[({"x": "$.detail.x"}, '{"x":<x>}', {"x": value}, {"x": value}) for value in EMPTY],
        ({"x": "$.detail.x"}, '{"x":<x>}', {}, {"x": ""}),
        ({"x": "$.detail.x"}, '{"x":"<x>!"}', {"x": 'say "hi"\n'}, {"x": 'say "hi"\n!'}),
        ({"x": "$.detail.x"}, '{"x":"n is <x>"}', {"x": 5}, {"x": "n is 5"}),
        (
            {"id": "$.detail.id", "d": "$.detail"}, '{"path":"users/<id>","d":<d>}', PAYLOAD,
            {"path": "users/7", "d": PAYLOAD},
        ),
        ({"x": "$.detail.x"}, '"<x> of them"', {"x": 5}, "5 of them"),
        ({"x": "$.detail.x"}, '"<x>"', {"x": [1, "a"]}, "[1,a]"),
        ({"x": "$.detail.x"}, '"<x>"', {"x": False}, "false"),
    ],
)  # fmt: skip
def test_input_transformer_keeps_values_as_they_are(
    bus: Bus, paths: Any, template: str, detail: Any, received: Any
) -> None:
    transformer = {"InputPathsMap": paths, "InputTemplate": template}
    target = {"Id": "target", "Arn": bus.queue_arn, "InputTransformer": transformer}
    bus.events.put_targets(Rule="failed", EventBusName=bus.name, Targets=[target])
    entry = {
        "EventBusName": bus.name,
        "Source": "s",
        "DetailType": "OrderFailed",
        "Detail": json.dumps(detail),
    }
    bus.events.put_events(Entries=[entry])
    assert eventually(bus.received) == [received]


@pytest.mark.evidence(
    "recorded", "LocalStack: test_input_transformer_nested_keys_replacement (nothing arrives)"
)
def test_event_whose_input_is_no_json_goes_to_the_dead_letter_queue_of_the_target(
    bus: Bus, cloudwatch: Any
) -> None:
    target = {
        "Id": "target", "Arn": bus.topic, "DeadLetterConfig": {"Arn": bus.queue_arn},
        "InputTransformer": {"InputPathsMap": {"x": "$.detail"}, "InputTemplate": '{"x": "<x>"}'},
    }  # fmt: skip
    bus.events.put_targets(Rule="failed", EventBusName=bus.name, Targets=[target])
    bus.put_events("OrderFailed")
    (message,) = eventually(
        lambda: bus.sqs.receive_message(QueueUrl=bus.queue, MessageAttributeNames=["All"]).get("Messages")
    )
    assert json.loads(message["Body"])["detail"] == {"n": 0}
    facts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert facts["TARGET_ARN"] == bus.topic
    assert facts["RULE_ARN"].endswith("/failed")
    assert "not valid JSON" in facts["ERROR_MESSAGE"]
    eventually(lambda: total(cloudwatch, bus, "InvocationsSentToDlq") == 1)
    assert total(cloudwatch, bus, "FailedInvocations") == 1
