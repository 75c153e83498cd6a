"""EventBridge and SNS."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.parity.probe import documented, feature, recorded
from lab.parity.workbench import Workbench


@feature(
    "EventBridge",
    "PutEvents with 11 entries",
    "ValidationException",
    documented("EventBridge API reference, PutEvents"),
)
def _(bench: Workbench) -> str:
    entry = {"Source": "lab.probe", "DetailType": "x", "Detail": "{}"}
    return bench.refused(bench.client("events").put_events, Entries=[entry] * 11)


@feature(
    "EventBridge",
    "a pattern for two fields of one element of an array",
    "no match in different elements",
    documented("aws/event-ruler: README"),
)
def _(bench: Workbench) -> str:
    lines = [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]
    matches = _matches(bench, {"lines": {"sku": ["a"], "n": [2]}}, {"lines": lines})
    return "a match in different elements" if matches else "no match in different elements"


@feature(
    "EventBridge",
    "a pattern for 1, an event with true",
    "no match",
    documented("aws/event-ruler: README"),
)
def _(bench: Workbench) -> str:
    return "a match" if _matches(bench, {"n": [1]}, {"n": True}) else "no match"


@feature(
    "EventBridge",
    "PutRule with a pattern that is not valid",
    "InvalidEventPatternException",
    documented("EventBridge API reference, PutRule"),
)
def _(bench: Workbench) -> str:
    pattern = json.dumps({"detail": {"n": [{"numeric": [">", "one"]}]}})
    return bench.refused(bench.client("events").put_rule, Name=bench.name(), EventPattern=pattern)


@feature(
    "EventBridge",
    "an input transformer of false, 0 and []",
    "{'x': [False, 0, []]}",
    documented("EventBridge guide, Input transformation"),
)
def _(bench: Workbench) -> str:
    transformer = {
        "InputPathsMap": {name: f"$.detail.{name}" for name in "abc"},
        "InputTemplate": '{"x": [<a>, <b>, <c>]}',
    }
    return _delivered(bench, transformer, {"a": False, "b": 0, "c": []})


@feature(
    "EventBridge",
    "an archive, replayed",
    "the event comes again",
    documented("EventBridge guide, Archiving and replaying events"),
)
def _(bench: Workbench) -> str:
    return _replayed(bench)


@feature(
    "SNS",
    "PublishBatch with MessageStructure json",
    "the queue gets its own text",
    recorded("LocalStack: test_publish_batch_messages_from_sns_to_sqs"),
)
def _(bench: Workbench) -> str:
    topic, url = bench.topic()
    entry = {"Id": "1", "Message": json.dumps({"default": "x", "sqs": "y"}), "MessageStructure": "json"}
    bench.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=[entry])
    text = json.loads(bench.received(url))["Message"]
    return "the queue gets its own text" if text == "y" else f"the queue gets {text}"


@feature(
    "SNS",
    "a filter policy with a prefix, messages with a number and a boolean",
    "published, no match",
    documented("SNS guide, Filter policy constraints"),
)
def _(bench: Workbench) -> str:
    topic, url = bench.topic(
        FilterPolicyScope="MessageBody", FilterPolicy=json.dumps({"a": [{"prefix": "x"}]})
    )
    for message in ('{"a": 5}', '{"a": true}', '{"a": "xyz"}'):
        bench.client("sns").publish(TopicArn=topic, Message=message)
    first = json.loads(bench.received(url))["Message"]
    return "published, no match" if first == '{"a": "xyz"}' else f"{first} matches"


def _matches(bench: Workbench, pattern: dict[str, Any], detail: dict[str, Any]) -> bool:
    event: dict[str, Any] = {
        "id": "1",
        "account": "000000000000",
        "source": "lab.probe",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "probe",
        "detail": detail,
    }
    return bench.client("events").test_event_pattern(
        EventPattern=json.dumps({"detail": pattern}), Event=json.dumps(event)
    )["Result"]


def _bus(bench: Workbench, **target: Any) -> tuple[str, str]:
    """A bus whose events go to a queue: the bus's name and the queue's URL."""
    events, name = bench.client("events"), bench.name()
    url, arn = bench.open_queue()
    events.create_event_bus(Name=name)
    bench.afterwards(events.delete_event_bus, Name=name)
    place = {"EventBusName": name}
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["lab.probe"]}), **place)
    bench.afterwards(events.delete_rule, Name=name, **place)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn, **target}], **place)
    bench.afterwards(events.remove_targets, Rule=name, Ids=["queue"], **place)
    return name, url


def _put(bench: Workbench, bus: str, detail: dict[str, Any]) -> None:
    entry = {"Source": "lab.probe", "DetailType": "probe", "Detail": json.dumps(detail), "EventBusName": bus}
    bench.client("events").put_events(Entries=[entry])


def _delivered(bench: Workbench, transformer: dict[str, Any], detail: dict[str, Any]) -> str:
    bus, url = _bus(bench, InputTransformer=transformer)
    _put(bench, bus, detail)
    return str(json.loads(bench.received(url)))


def _replayed(bench: Workbench) -> str:
    events = bench.client("events")
    bus, url = _bus(bench)
    arn, name = events.describe_event_bus(Name=bus)["Arn"], bench.name()
    archive = events.create_archive(ArchiveName=name, EventSourceArn=arn)["ArchiveArn"]
    bench.afterwards(events.delete_archive, ArchiveName=name)
    _put(bench, bus, {})
    bench.received(url)
    now = datetime.now(UTC)
    events.start_replay(
        ReplayName=name,
        EventSourceArn=archive,
        EventStartTime=now - timedelta(minutes=5),
        EventEndTime=now + timedelta(minutes=1),
        Destination={"Arn": arn},
    )
    return "the event comes again" if bench.received(url) else "nothing comes"
