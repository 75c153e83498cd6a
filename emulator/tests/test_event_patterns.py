"""Event patterns and filter policies, each with the answer that AWS documents.

README: https://github.com/aws/event-ruler, what EventBridge matches with; guide:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html; SNS:
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from support.errors import refused
from support.eventually import eventually

type Aws = Callable[..., Any]

EVENT = {
    "id": "1", "account": "0", "source": "s", "time": "2026-01-01T00:00:00Z", "region": "us-east-1",
    "resources": [], "detail-type": "t",
}  # fmt: skip
YES: list[tuple[Any, Any]] = [
    ({"a": ["x"]}, {"a": "x"}),
    ({"a": ["x", "y"]}, {"a": "y"}),
    ({"a": ["x"]}, {"a": ["y", "x"]}),
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y", "c": 1}),
    ({"a": [""]}, {"a": ""}),
    ({"a": [None]}, {"a": None}),
    ({"a": [True]}, {"a": True}),
    ({"a": [5]}, {"a": 5}),
    ({"a": [300]}, {"a": 3.0e2}),
    ({"a": [{"prefix": "ab"}]}, {"a": "abc"}),
    ({"a": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"a": "abc"}),
    ({"a": [{"suffix": "bc"}]}, {"a": "abc"}),
    ({"a": [{"suffix": {"equals-ignore-case": "BC"}}]}, {"a": "abc"}),
    ({"a": [{"equals-ignore-case": "aBC"}]}, {"a": "Abc"}),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "abcde"}),
    ({"a": [{"wildcard": "a*c"}]}, {"a": "ac"}),
    ({"a": [{"wildcard": "a\\*c"}]}, {"a": "a*c"}),
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}),
    ({"a": [{"anything-but": "x"}]}, {"a": 5}),
    ({"a": [{"anything-but": [1]}]}, {"a": True}),
    ({"a": [{"anything-but": 123}]}, {"a": 124}),
    ({"a": [{"anything-but": "x"}]}, {"a": ["x", "y"]}),
    ({"a": [{"anything-but": {"prefix": "init"}}]}, {"a": "running"}),
    ({"a": [{"anything-but": {"prefix": ["init", "err"]}}]}, {"a": "running"}),
    ({"a": [{"anything-but": {"suffix": "1234"}}]}, {"a": "i-5678"}),
    ({"a": [{"anything-but": {"equals-ignore-case": ["STOPPED", "Lost"]}}]}, {"a": "running"}),
    ({"a": [{"anything-but": {"wildcard": "*/bin/*.jar"}}]}, {"a": "/lib/x.jar"}),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}),
    ({"a": [{"numeric": ["=", 3.018e2]}]}, {"a": 301.8}),
    ({"a": [{"numeric": ["<", 10]}]}, {"a": [11, 9]}),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.33"}),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}),
    ({"a": [{"exists": True}]}, {"a": None}),
    ({"a": [{"exists": False}]}, {"b": 1}),
    ({"a": [{"exists": False}]}, {"a": {"below": 1}}),
    ({"a": [{"exists": False}]}, {"a": []}),
    ({"a": [{"exists": False}, "x"]}, {"a": "x"}),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}),
    ({"c": [3], "$or": [{"a": [1], "d": [4]}, {"b": [2]}]}, {"a": 1, "c": 3, "d": 4}),
    ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1, "b": 2}]}),
    ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 3, "b": 2}, {"a": 1, "b": 2}]}),
    ({"l": {"a": [1]}, "m": {"b": [2]}}, {"l": [{"a": 0}, {"a": 1}], "m": [{"b": 2}, {"b": 0}]}),
    ({"l": {"a": [1], "m": {"b": [2]}}}, {"l": [{"a": 1, "m": [{"b": 0}, {"b": 2}]}]}),
    ({"l": {"a": [1], "b": [{"exists": False}]}}, {"l": [{"a": 1}, {"a": 2, "b": 1}]}),
    ({"a": {"b": [1]}}, {"a.b": 1}),
]
NO: list[tuple[Any, Any]] = [
    ({"a": ["x"]}, {"a": "X"}),
    ({"a": ["x"], "b": ["y"]}, {"a": "x"}),
    ({"a": [True]}, {"a": 1}),
    ({"a": [0]}, {"a": False}),
    ({"a": ["5"]}, {"a": 5}),
    ({"a": [5]}, {"a": "5"}),
    ({"a": [None]}, {"b": 1}),
    ({"a": [None]}, {"a": ""}),
    ({"a": [{"prefix": "5"}]}, {"a": 5}),
    ({"a": [{"suffix": "e"}]}, {"a": True}),
    ({"a": [{"equals-ignore-case": "null"}]}, {"a": None}),
    ({"a": [{"prefix": "AB"}]}, {"a": "abc"}),
    ({"a": [{"wildcard": "a*c"}]}, {"a": "abcd"}),
    ({"a": [{"wildcard": "a\\*c"}]}, {"a": "abc"}),
    ({"a": [{"wildcard": "*"}]}, {"a": 5}),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}),
    ({"a": [{"anything-but": "x"}]}, {"b": "y"}),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": ["x", "y"]}),
    ({"a": [{"anything-but": 300}]}, {"a": 3.0e2}),
    ({"a": [{"anything-but": {"suffix": ["1234", "6789"]}}]}, {"a": "i-6789"}),
    ({"a": [{"anything-but": {"equals-ignore-case": "Stopped"}}]}, {"a": "STOPPED"}),
    ({"a": [{"anything-but": {"wildcard": ["*/bin/*.jar", "*/bin/*.class"]}}]}, {"a": "/bin/x.class"}),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 0}),
    ({"a": [{"numeric": ["=", 5]}]}, {"a": "5"}),
    ({"a": [{"numeric": ["=", 1]}]}, {"a": True}),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.1"}),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "no address"}),
    ({"a": [{"exists": True}]}, {"a": []}),
    ({"a": [{"exists": True}]}, {"a": {"below": 1}}),
    ({"a": [{"exists": False}]}, {"a": None}),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": 2, "b": 1}),
    ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1, "b": 3}, {"a": 2, "b": 2}]}),
    ({"l": {"m": {"a": [1], "b": [2]}}}, {"l": [{"m": [{"a": 1}, {"b": 2}]}]}),
    ({"l": {"a": [1], "m": {"b": [2]}}}, {"l": [{"a": 1, "m": [{"b": 0}]}, {"a": 0, "m": [{"b": 2}]}]}),
    ({"l": {"a": [1], "b": [{"exists": False}]}}, {"l": [{"a": 1, "b": 1}, {"a": 2}]}),
]
REFUSED: list[tuple[Any, str]] = [
    ({"a": "x"}, '"a" must be an object or an array'),
    ({"a": []}, "Empty arrays are not allowed"),
    ({"a": [[1]]}, "Match value must be String, number, true, false, or null"),
    ({"a": [{"prefix": 5}]}, "prefix match pattern must be a string"),
    ({"a": [{"suffix": None}]}, "suffix match pattern must be a string"),
    ({"a": [{"prefix": "x", "suffix": "y"}]}, "Only one key allowed in match expression"),
    ({"a": [{"unknown": 1}]}, "Unrecognized match type unknown"),
    ({"a": [{"exists": "yes"}]}, "exists match pattern must be either true or false."),
    ({"a": [{"numeric": [">", "x"]}]}, "Value of > must be numeric"),
    ({"a": [{"numeric": [">", 5, "<", 3]}]}, "Bottom must be less than top"),
    ({"a": [{"wildcard": "a**"}]}, "Consecutive wildcard characters"),
    ({"a": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
    (
        {"a": [{"anything-but": None}]},
        "Value of anything-but must be an array or single string/number value.",
    ),
]


def cases() -> list[Any]:
    return [
        pytest.param(pattern, document, wanted, id=f"{json.dumps(pattern)} {json.dumps(document)} {wanted}")
        for table, wanted in ((YES, True), (NO, False))
        for pattern, document in table
    ]


@pytest.mark.evidence("documented", "event-ruler's README and correctness-cases.json; the EventBridge guide")
@pytest.mark.parametrize(("pattern", "detail", "wanted"), cases())
def test_event_pattern_matches_what_event_ruler_matches(
    aws: Aws, pattern: Any, detail: Any, *, wanted: bool
) -> None:
    event = json.dumps({**EVENT, "detail": detail})
    tested = aws("events").test_event_pattern(EventPattern=json.dumps({"detail": pattern}), Event=event)
    assert tested["Result"] is wanted


@pytest.mark.evidence("documented", "event-ruler's JsonRuleCompiler")
@pytest.mark.parametrize(("pattern", "told"), REFUSED)
def test_pattern_that_is_refused_when_it_is_tested_makes_no_rule_either(
    aws: Aws, pattern: Any, told: str
) -> None:
    events, text = aws("events"), json.dumps({"detail": pattern})
    for refuse in (
        lambda: events.test_event_pattern(EventPattern=text, Event=json.dumps(EVENT)),
        lambda: events.put_rule(Name="refused", EventPattern=text),
    ):
        with refused("InvalidEventPatternException") as error:
            refuse()
        assert told in error.value.response["Error"]["Message"]
    assert events.list_rules(NamePrefix="refused")["Rules"] == []


class Subscriptions:
    """A topic, with one queue that gets all and one whose subscription has a filter policy."""

    def __init__(self, aws: Aws) -> None:
        self.sns, self.sqs, name = aws("sns"), aws("sqs"), f"test-{uuid4().hex[:8]}"
        self.topic = self.sns.create_topic(Name=name)["TopicArn"]
        self.queues = {}
        self.subscriptions = {}
        # what gets all is sent to last: then the other one has its own already, if it gets any
        for kind in ("filtered", "all"):
            url = self.sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"]
            shown = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            self.queues[kind] = url
            self.subscriptions[kind] = self.sns.subscribe(
                TopicArn=self.topic, Protocol="sqs", Endpoint=shown["Attributes"]["QueueArn"],
                Attributes={"RawMessageDelivery": "true"}, ReturnSubscriptionArn=True,
            )["SubscriptionArn"]  # fmt: skip

    def filter(self, scope: str, policy: Any) -> None:
        for name, value in (("FilterPolicyScope", scope), ("FilterPolicy", json.dumps(policy))):
            self.sns.set_subscription_attributes(
                SubscriptionArn=self.subscriptions["filtered"], AttributeName=name, AttributeValue=value
            )

    def delivered(self, message: str, attributes: Any) -> bool:
        """Publish a message, which everybody without a policy gets once; whether it passes the policy."""
        self.sns.publish(TopicArn=self.topic, Message=message, MessageAttributes=attributes)
        assert eventually(lambda: self._received("all")) == [message]
        return self._received("filtered") == [message]

    def _received(self, kind: str) -> list[str]:
        url = self.queues[kind]
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def delete(self) -> None:
        self.sns.delete_topic(TopicArn=self.topic)
        for url in self.queues.values():
            self.sqs.delete_queue(QueueUrl=url)


@pytest.fixture(scope="module")
def subscriptions(aws: Aws) -> Iterator[Subscriptions]:
    made = Subscriptions(aws)
    yield made
    made.delete()


def attribute(kind: str, value: Any) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value if isinstance(value, str) else json.dumps(value)}


@pytest.mark.evidence("documented", "SNS: filter policies, message attributes")
@pytest.mark.parametrize(
    ("policy", "given", "wanted"),
    [
        ({"a": ["x"]}, attribute("String", "x"), True),
        ({"a": [{"prefix": "x"}]}, attribute("String.Array", [True, None, "a"]), False),
        ({"a": [{"prefix": "x"}]}, attribute("String.Array", [5, "xy"]), True),
        ({"a": [{"suffix": "e"}]}, attribute("String.Array", [True]), False),
        ({"a": [{"equals-ignore-case": "null"}]}, attribute("String.Array", [None]), False),
        ({"a": [True]}, attribute("String.Array", [1]), False),
        ({"a": [True]}, attribute("String.Array", [True]), True),
        ({"a": [None]}, attribute("String.Array", [None]), True),
        ({"a": [100]}, attribute("Number", "100"), True),
        ({"a": [100]}, attribute("Number", "1e2"), True),
        ({"a": [100]}, attribute("String", "100"), False),
        ({"a": [{"numeric": [">", 99, "<=", 101]}]}, attribute("Number", "100.5"), True),
        ({"a": [{"numeric": ["=", 9]}]}, attribute("Number", "10"), False),
        ({"a": [{"prefix": "1"}]}, attribute("Number", "100"), False),
        ({"a": [{"anything-but": [100]}]}, attribute("Number", "100.0"), False),
        ({"a": [{"anything-but": ["x"]}]}, attribute("String", "y"), True),
        ({"a": [{"exists": False}]}, attribute("String", "y"), False),
        ({"b": [{"exists": False}]}, attribute("String", "y"), True),
        ({"a": ["x"]}, attribute("String.Array", "no array"), False),
    ],
)
def test_filter_policy_of_attributes_compares_values_of_one_type(
    subscriptions: Subscriptions, policy: Any, given: Any, *, wanted: bool
) -> None:
    subscriptions.filter("MessageAttributes", policy)
    assert subscriptions.delivered("m", {"a": given}) is wanted


@pytest.mark.evidence("documented", "SNS: filter policies, message body")
@pytest.mark.parametrize(
    ("policy", "body", "wanted"),
    [
        ({"a": [{"prefix": "x"}]}, {"a": 5}, False),
        ({"a": [{"equals-ignore-case": "x"}]}, {"a": True}, False),
        ({"a": [{"suffix": "x"}]}, {"a": None}, False),
        ({"a": [{"numeric": ["=", 5]}]}, {"a": 5.0}, True),
        ({"a": [5]}, {"a": 5.0}, True),
        ({"a": [True]}, {"a": 1}, False),
        ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1, "b": 2}]}, True),
        ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1}, {"b": 2}]}, False),
        ({"a": [{"exists": False}]}, {"a": []}, True),
    ],
)
def test_filter_policy_of_the_body_matches_as_event_patterns_do(
    subscriptions: Subscriptions, policy: Any, body: Any, *, wanted: bool
) -> None:
    subscriptions.filter("MessageBody", policy)
    assert subscriptions.delivered(json.dumps(body), {}) is wanted
