"""SQS queues as event sources of a function: batches, answers, concurrency, throttling and the mapping's life.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import base64
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from support import functions
from support.engines import EngineWith
from support.errors import refused
from support.eventually import eventually
from support.functions import Function
from support.metrics import recent

pytestmark = pytest.mark.evidence("documented", source="Lambda guide, Using Lambda with Amazon SQS")

RECORDER = """
    import json, time

    def handler(event, context):
        bodies = [record["body"] for record in event["Records"]]
        began = time.time()
        times = {}
        for body in bodies:
            if body.startswith("sleep "):
                time.sleep(float(body.split()[1]))
        print(json.dumps({
            "bodies": [body[:40] for body in bodies],
            "receives": [record["attributes"]["ApproximateReceiveCount"] for record in event["Records"]],
            "began": began,
            "ended": time.time(),
        }))
        for body in bodies:
            if body == "raise":
                raise ValueError("asked to")
            if body == "run too long":
                time.sleep(60)
        return {"batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record in event["Records"] if record["body"] == "fail"
        ]}
"""

ANSWERING = """
    import json

    def handler(event, context):
        first = event["Records"][0]["messageId"]
        print(json.dumps({"records": len(event["Records"])}))
        answer = json.loads(ANSWER)
        return json.loads(json.dumps(answer).replace("FIRST", first))
"""

NOT_JSON = """#!/usr/bin/env python3
import os, urllib.request

runtime = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(runtime + "next") as asked:
        asked.read()
        answered = runtime + asked.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    print('{"records": 3}', flush=True)
    urllib.request.urlopen(answered, b"no JSON").close()
"""
"""A runtime of its own: Python's makes JSON of every answer."""

HIDING = """
    import boto3, json, os, time

    sqs = boto3.client("sqs")

    def handler(event, context):
        [record] = event["Records"]
        print(json.dumps({"bodies": [record["body"]], "at": time.time()}))
        if record["attributes"]["ApproximateReceiveCount"] == "1":
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=3
            )
            raise ValueError("asked to")
"""

WHOLE_RECORD = """
    import json

    def handler(event, context):
        print(json.dumps(event))
"""


class Queue:
    """One queue under test."""

    def __init__(self, sqs: Any, **attributes: str) -> None:
        self._sqs = sqs
        self.name = f"test-{uuid4().hex[:12]}"
        self.url: str = sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.arn: str = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]

    def send(self, *bodies: str) -> None:
        """Send messages, in batches of up to ten."""
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])
            ]
            assert len(self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)["Successful"]) == len(
                entries
            )

    def depth(self) -> tuple[int, int]:
        """Messages that are visible, and messages that are in flight."""
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        visible, in_flight = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
        return int(found[visible]), int(found[in_flight])


class Mapping:
    """One event source mapping under test."""

    def __init__(self, client: Any, **parameters: Any) -> None:
        self._client = client
        self.uuid: str = client.create_event_source_mapping(**parameters)["UUID"]

    def state(self) -> str:
        """The state as GetEventSourceMapping and ListEventSourceMappings agree on it."""
        got: str = self._client.get_event_source_mapping(UUID=self.uuid)["State"]
        assert self.listed()[self.uuid] == got
        return got

    def update(self, **parameters: Any) -> str:
        """Change it; returns the state in the answer."""
        state: str = self._client.update_event_source_mapping(UUID=self.uuid, **parameters)["State"]
        return state

    def delete(self) -> None:
        """End it, and wait until it is gone."""
        try:
            self._client.delete_event_source_mapping(UUID=self.uuid)
        except self._client.exceptions.ResourceNotFoundException:
            return
        eventually(lambda: self.uuid not in self.listed())

    def listed(self) -> dict[str, str]:
        """The states of all mappings by their ids."""
        return {
            m["UUID"]: m["State"] for m in self._client.list_event_source_mappings()["EventSourceMappings"]
        }


class Pipeline:
    """A queue, a function and the mapping between them."""

    def __init__(self, queue: Queue, function: Function, mapping: Mapping) -> None:
        self.queue = queue
        self.function = function
        self.mapping = mapping

    def said(self, count: int, within: float = 10) -> list[dict[str, Any]]:
        """What the function printed, once it printed at least so much."""
        return eventually(lambda: len(found := self.function.said()) >= count and found, within=within)

    def handled(self, *bodies: str, within: float = 10) -> list[dict[str, Any]]:
        """What the function printed, once it has seen all of these messages."""

        def all_seen() -> list[dict[str, Any]]:
            said = self.function.said()
            assert set(bodies) <= {body for each in said for body in each["bodies"]}
            return said

        return eventually(all_seen, within=within)


@pytest.fixture
def make(aws: Callable[..., Any]) -> Iterator[Callable[..., Pipeline]]:
    """`make(code, timeout=, visibility=, attributes=, runtime=, **mapping)`: a pipeline of one test.

    Its function, or the program that is its runtime, finds the queue's URL as QUEUE.
    """
    with ExitStack() as cleanup:

        def build(
            code: str = RECORDER,
            *,
            timeout: int = 5,
            visibility: int = 30,
            attributes: dict[str, str] | None = None,
            runtime: str = "",
            **parameters: Any,
        ) -> Pipeline:
            queue = Queue(aws("sqs"), VisibilityTimeout=str(visibility), **(attributes or {}))
            cleanup.callback(aws("sqs").delete_queue, QueueUrl=queue.url)
            wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/runtime"} if runtime else {}
            environment = {"Variables": {"QUEUE": queue.url} | wrapper}
            function = functions.create(
                aws, code, {"runtime": runtime}, Timeout=timeout, Environment=environment
            )
            cleanup.callback(function.delete)
            settings = {"BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]} | parameters
            mapping = Mapping(aws("lambda"), EventSourceArn=queue.arn, FunctionName=function.name, **settings)
            cleanup.callback(mapping.delete)
            if settings.get("Enabled", True):
                eventually(lambda: mapping.state() == "Enabled")
            return Pipeline(queue, function, mapping)

        yield build


# what a function gets


def test_a_record_has_the_documented_form_and_the_body_exactly_as_sent(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    pipeline = make(WHOLE_RECORD)
    body = '{"amount": 10.10,  "huge":12345678901234567.89,"é":1e3}'
    sent = aws("sqs").send_message(
        QueueUrl=pipeline.queue.url,
        MessageBody=body,
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "t"},
            "count": {"DataType": "Number", "StringValue": "3"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    (record,) = pipeline.said(1)[0]["Records"]
    attributes = record.pop("attributes")
    assert record.pop("receiptHandle")
    assert record == {
        "messageId": sent["MessageId"],
        "body": body,
        "messageAttributes": {
            "text": {
                "stringValue": "t",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "count": {
                "stringValue": "3",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Number",
            },
            "bytes": {
                "binaryValue": base64.b64encode(b"\x00\xff").decode(),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": pipeline.queue.arn,
        "awsRegion": "us-east-1",
    }
    assert attributes["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= attributes.keys()


def test_a_message_sent_to_an_idle_queue_reaches_the_function_at_once(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.queue.send("warm up")
    pipeline.handled("warm up")
    sent = time.time()
    pipeline.queue.send("now")
    (said,) = [each for each in pipeline.handled("now") if each["bodies"] == ["now"]]
    assert said["began"] - sent < 1


@pytest.mark.evidence("ours")
@pytest.mark.skipif("LAB_TEST_ENDPOINT" in os.environ, reason="needs a host engine of its own")
def test_a_message_reaches_the_function_at_once_after_a_long_idle_time() -> None:
    """What a quarter of an hour does: the environment has ended, and the poller has received nothing many times."""
    engine = EngineWith(LAMBDA_KEEPALIVE_MS="300")
    engine.up()
    try:
        queue, function = Queue(engine.client("sqs")), engine.create(RECORDER)
        mapping = Mapping(engine.client("lambda"), EventSourceArn=queue.arn, FunctionName=function.name)
        pipeline = Pipeline(queue, function, mapping)
        queue.send("first")
        pipeline.handled("first")
        eventually(lambda: not list((engine.home / "tmp").glob("lambda-*")))
        eventually(lambda: _counted(engine.client, queue, "NumberOfEmptyReceives") >= 10, within=20)
        queue.send("after a while")
        pipeline.handled("after a while", within=3)
        eventually(lambda: queue.depth() == (0, 0))
    finally:
        engine.down()


def test_a_batch_has_at_most_the_batch_size(make: Callable[..., Pipeline]) -> None:
    pipeline = make(BatchSize=3, Enabled=False)
    pipeline.queue.send(*map(str, range(8)))
    pipeline.mapping.update(Enabled=True)
    sizes = [len(said["bodies"]) for said in pipeline.handled(*map(str, range(8)))]
    assert sorted(sizes) == [2, 3, 3]


def test_a_batching_window_gathers_more_than_one_receive_could(make: Callable[..., Pipeline]) -> None:
    pipeline = make(BatchSize=25, MaximumBatchingWindowInSeconds=2, Enabled=False)
    pipeline.queue.send(*map(str, range(30)))
    pipeline.mapping.update(Enabled=True)
    sizes = [len(said["bodies"]) for said in pipeline.handled(*map(str, range(30)))]
    assert sorted(sizes) == [5, 25]


def test_a_batching_window_waits_for_messages_that_come_later(make: Callable[..., Pipeline]) -> None:
    pipeline = make(MaximumBatchingWindowInSeconds=2)
    for body in ("first", "second", "third"):
        pipeline.queue.send(body)
        time.sleep(0.3)
    assert pipeline.said(1)[0]["bodies"] == ["first", "second", "third"]


def test_no_event_exceeds_six_megabytes(make: Callable[..., Pipeline]) -> None:
    pipeline = make(Enabled=False)
    bodies = [f"{number}" + "x" * 900_000 for number in range(8)]
    for body in bodies:
        pipeline.queue.send(body)
    pipeline.mapping.update(Enabled=True)
    sizes = [len(said["bodies"]) for said in pipeline.handled(*(body[:40] for body in bodies))]
    assert sum(sizes) == 8
    assert max(sizes) <= 6


def test_messages_that_no_filter_matches_are_dropped(make: Callable[..., Pipeline]) -> None:
    pattern = json.dumps({"body": {"kind": ["wanted"]}})
    pipeline = make(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    wanted = '{"kind":"wanted"}'
    pipeline.queue.send('{"kind":"other"}', wanted, "not JSON")
    assert pipeline.handled(wanted)[0]["bodies"] == [wanted]
    eventually(lambda: pipeline.queue.depth() == (0, 0))


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    "pattern",
    [
        {"body": {"kind": [{"prefix": {"equals-ignore-case": "want"}}]}},
        {"body": {"kind": [{"wildcard": "*want*ed"}]}},
    ],
    ids=["a prefix in any case", "a wildcard"],
)
def test_a_body_that_no_filter_can_read_costs_no_other_message_of_its_batch(
    make: Callable[..., Pipeline], pattern: dict[str, Any]
) -> None:
    pipeline = make(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]}, Enabled=False)
    wanted = [f'{{"kind":"wanted","n":{number}}}' for number in range(4)]
    deep = '{"kind":"wanted","x":' + "[" * 50_000 + "]" * 50_000 + "}"
    many = json.dumps({"kind": list(range(2000)), "n": list(range(2000))})
    pipeline.queue.send(
        *wanted,
        deep,
        many,
        '{"kind":5}',
        '{"kind":' + "9" * 5000 + "}",
        '{"kind":NaN}',
        '{"kind":"wa\\ud800"}',
    )
    pipeline.mapping.update(Enabled=True)
    said = pipeline.handled(*wanted)
    assert sorted(body for each in said for body in each["bodies"]) == sorted(wanted)
    assert {count for each in said for count in each["receives"]} == {"1"}
    eventually(lambda: pipeline.queue.depth() == (0, 0))


@pytest.mark.evidence("ours")
def test_a_body_that_is_nested_deeply_reaches_the_function_together_with_the_others(
    make: Callable[..., Pipeline],
) -> None:
    """Without a filter no body is looked into."""
    pipeline = make(Enabled=False)
    others = [f"n{number}" for number in range(9)]
    deep = "[" * 50_000 + "]" * 50_000
    pipeline.queue.send(*others, deep)
    pipeline.mapping.update(Enabled=True)
    assert {count for each in pipeline.handled(*others, deep[:40]) for count in each["receives"]} == {"1"}
    eventually(lambda: pipeline.queue.depth() == (0, 0))


# how its answer is understood


def answered(make: Callable[..., Pipeline], answer: Any, **options: Any) -> Pipeline:
    """A pipeline whose function has answered a batch of three messages."""
    pipeline = make(f"ANSWER = {json.dumps(answer)!r}\n" + _dedented(ANSWERING), Enabled=False, **options)
    pipeline.queue.send("a", "b", "c")
    pipeline.mapping.update(Enabled=True)
    pipeline.said(1)
    return pipeline


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="null"),
        pytest.param({}, id="an empty object"),
        pytest.param({"batchItemFailures": []}, id="an empty list"),
        pytest.param({"batchItemFailures": None}, id="a null list"),
        pytest.param({"statusCode": 200}, id="no list"),
    ],
)
def test_an_answer_without_failures_deletes_the_whole_batch(
    make: Callable[..., Pipeline], answer: Any
) -> None:
    pipeline = answered(make, answer)
    eventually(lambda: pipeline.queue.depth() == (0, 0))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, id="an unknown identifier"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, id="an empty identifier"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": None}]}, id="a null identifier"),
        pytest.param({"batchItemFailures": [{"id": "FIRST"}]}, id="a wrong key"),
        pytest.param({"batchItemFailures": [{}]}, id="no identifier"),
        pytest.param(
            {"batchItemFailures": [{"itemIdentifier": "FIRST"}, {"itemIdentifier": "unknown"}]},
            id="one known and one unknown",
        ),
        pytest.param({"batchItemFailures": "FIRST"}, id="no list"),
        pytest.param("FIRST", id="no object"),
    ],
)
def test_an_answer_of_the_wrong_form_fails_the_whole_batch(
    make: Callable[..., Pipeline], answer: Any
) -> None:
    pipeline = answered(make, answer)
    _stays(pipeline.queue.depth, (0, 3))


def test_an_answer_that_is_not_json_fails_the_whole_batch(make: Callable[..., Pipeline]) -> None:
    pipeline = answered(make, None, runtime=NOT_JSON)
    _stays(pipeline.queue.depth, (0, 3))


def test_only_the_reported_messages_come_back(make: Callable[..., Pipeline]) -> None:
    pipeline = make(visibility=2, timeout=2, Enabled=False)
    pipeline.queue.send("fine", "fail", "fine too")
    pipeline.mapping.update(Enabled=True)
    said = pipeline.said(2)
    assert said[0]["bodies"] == ["fine", "fail", "fine too"]
    assert (said[1]["bodies"], said[1]["receives"]) == (["fail"], ["2"])


def test_a_batch_of_more_than_ten_is_deleted_but_for_its_failures(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    """DeleteMessageBatch takes ten."""
    bodies = [*map(str, range(24)), "fail"]
    pipeline = make(BatchSize=100, MaximumBatchingWindowInSeconds=1, Enabled=False)
    pipeline.queue.send(*bodies)
    pipeline.mapping.update(Enabled=True)
    assert len(pipeline.said(1)[0]["bodies"]) == 25
    _stays(pipeline.queue.depth, (0, 1))
    eventually(lambda: _counted(aws, pipeline.queue, "NumberOfMessagesDeleted") == 24)


def test_the_answer_counts_only_where_the_mapping_asks_for_it(make: Callable[..., Pipeline]) -> None:
    pipeline = make(FunctionResponseTypes=[])
    pipeline.queue.send("fail")
    pipeline.handled("fail")
    eventually(lambda: pipeline.queue.depth() == (0, 0))


@pytest.mark.parametrize("body", ["raise", "run too long"])
def test_a_failed_invocation_returns_the_whole_batch_after_the_visibility_timeout(
    make: Callable[..., Pipeline], body: str
) -> None:
    pipeline = make(visibility=2, timeout=1, Enabled=False)
    pipeline.queue.send("innocent", body)
    pipeline.mapping.update(Enabled=True)
    said = pipeline.said(2)
    assert [each["bodies"] for each in said[:2]] == [["innocent", body]] * 2
    assert said[1]["receives"] == ["2", "2"]


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    sqs = aws("sqs")
    dead = Queue(sqs)
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})}
    pipeline = make(visibility=1, timeout=1, attributes=policy)
    pipeline.queue.send("fail")
    eventually(lambda: dead.depth() == (1, 0))
    assert [said["receives"] for said in pipeline.said(2)] == [["1"], ["2"]]
    sqs.delete_queue(QueueUrl=dead.url)


def test_a_message_that_may_be_received_once_is_dead_after_its_first_failure(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    sqs = aws("sqs")
    dead = Queue(sqs)
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})}
    pipeline = make(visibility=1, timeout=1, attributes=policy, BatchSize=1)
    pipeline.queue.send("raise", "fail", "fine")
    eventually(lambda: dead.depth() == (2, 0))
    _stays(pipeline.queue.depth, (0, 0))
    assert Counter(body for said in pipeline.function.said() for body in said["bodies"]) == {
        "raise": 1,
        "fail": 1,
        "fine": 1,
    }
    sqs.delete_queue(QueueUrl=dead.url)


def test_a_visibility_timeout_that_was_changed_holds_although_the_function_then_raises(
    make: Callable[..., Pipeline],
) -> None:
    pipeline = make(HIDING, visibility=60)
    pipeline.queue.send("once more")
    first, second = pipeline.said(2)
    assert 3 <= second["at"] - first["at"] < 8
    eventually(lambda: pipeline.queue.depth() == (0, 0))


def test_many_messages_are_each_handled_exactly_once(make: Callable[..., Pipeline]) -> None:
    pipeline = make(Enabled=False)
    bodies = [str(number) for number in range(500)]
    pipeline.queue.send(*bodies)
    pipeline.mapping.update(Enabled=True)
    said = pipeline.handled(*bodies, within=30)
    assert Counter(body for each in said for body in each["bodies"]) == Counter(bodies)
    eventually(lambda: pipeline.queue.depth() == (0, 0))


# concurrency


@pytest.mark.parametrize(
    ("scaling", "at_once"),
    [
        pytest.param({"ScalingConfig": {"MaximumConcurrency": 2}}, 2, id="MaximumConcurrency"),
        pytest.param({}, 5, id="what AWS starts with"),
    ],
)
def test_as_many_batches_run_at_once_as_the_mapping_allows(
    make: Callable[..., Pipeline], scaling: dict[str, Any], at_once: int
) -> None:
    pipeline = make(timeout=15, BatchSize=1, Enabled=False, **scaling)
    # the first ones last until the last of them has an environment: two at a time start where there are two processors
    bodies = [f"sleep {8 if number < at_once else 0.5} {number}" for number in range(at_once * 2)]
    pipeline.queue.send(*bodies)
    pipeline.mapping.update(Enabled=True)
    said = pipeline.handled(*bodies, within=40)
    marks = sorted([(each["began"], 1) for each in said] + [(each["ended"], -1) for each in said])
    running = most = 0
    for _, change in marks:
        running += change
        most = max(most, running)
    assert most == at_once


def test_a_throttled_batch_is_tried_again_within_the_same_receive(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    pipeline = make()
    client = aws("lambda")
    client.put_function_concurrency(FunctionName=pipeline.function.name, ReservedConcurrentExecutions=0)
    pipeline.queue.send("patient")
    _stays(lambda: eventually(lambda: pipeline.queue.depth() == (0, 1)), True)
    client.delete_function_concurrency(FunctionName=pipeline.function.name)
    assert pipeline.handled("patient")[0]["receives"] == ["1"]


def test_a_batch_that_stays_throttled_returns_after_the_visibility_timeout(
    aws: Callable[..., Any], make: Callable[..., Pipeline]
) -> None:
    pipeline = make(visibility=2, timeout=1)
    client = aws("lambda")
    client.put_function_concurrency(FunctionName=pipeline.function.name, ReservedConcurrentExecutions=0)
    pipeline.queue.send("patient")
    eventually(lambda: _received(aws, pipeline.queue) >= 2)
    client.delete_function_concurrency(FunctionName=pipeline.function.name)
    assert int(pipeline.handled("patient")[0]["receives"][0]) >= 2
    _stays(lambda: len(pipeline.function.said()), 1)


# the mapping's life


def test_a_disabled_mapping_leaves_messages_alone_until_it_is_enabled(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    assert pipeline.mapping.update(Enabled=False) == "Disabling"
    eventually(lambda: pipeline.mapping.state() == "Disabled", within=2)
    pipeline.queue.send("later")
    _stays(pipeline.queue.depth, (1, 0))
    assert pipeline.mapping.update(Enabled=True) == "Enabling"
    eventually(lambda: pipeline.mapping.state() == "Enabled", within=2)
    pipeline.handled("later")


def test_a_batch_at_work_finishes_when_its_mapping_is_disabled(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    pipeline.queue.send("sleep 2")
    eventually(lambda: pipeline.queue.depth() == (0, 1))
    pipeline.mapping.update(Enabled=False)
    pipeline.handled("sleep 2")
    eventually(lambda: pipeline.queue.depth() == (0, 0))


def test_a_changed_batch_size_takes_hold(make: Callable[..., Pipeline]) -> None:
    pipeline = make(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    assert pipeline.mapping.update(BatchSize=10) == "Updating"
    assert pipeline.mapping.listed()[pipeline.mapping.uuid] in {"Updating", "Enabled"}
    eventually(lambda: pipeline.mapping.state() == "Enabled", within=2)
    pipeline.queue.send(*"abcdefghij")
    assert max(len(said["bodies"]) for said in pipeline.handled(*"abcdefghij")) > 1


@pytest.mark.evidence("ours")
def test_a_mapping_that_changes_often_ends_as_it_was_changed_last(make: Callable[..., Pipeline]) -> None:
    pipeline = make()
    for enabled in (False, True, False, True, False):
        pipeline.mapping.update(Enabled=enabled)
    eventually(lambda: pipeline.mapping.state() == "Disabled", within=10)
    pipeline.queue.send("left alone")
    _stays(lambda: (pipeline.mapping.state(), pipeline.queue.depth()), ("Disabled", (1, 0)))


@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "disabled"])
def test_a_deleted_mapping_is_gone_and_receives_no_more(make: Callable[..., Pipeline], enabled: bool) -> None:
    pipeline = make(Enabled=enabled)
    pipeline.mapping.delete()
    pipeline.queue.send("for nobody")
    _stays(pipeline.queue.depth, (1, 0))


@pytest.mark.parametrize(
    ("visibility", "parameters"),
    [
        pytest.param(4, {}, id="visibility timeout below the function's time-out"),
        pytest.param(30, {"BatchSize": 11}, id="batch above ten without a window"),
        pytest.param(
            30, {"ScalingConfig": {"MaximumConcurrency": 1001}}, id="maximum concurrency above 1,000"
        ),
    ],
)
def test_settings_that_aws_refuses_are_refused(
    make: Callable[..., Pipeline], visibility: int, parameters: dict[str, Any]
) -> None:
    with refused("InvalidParameterValueException"):
        make(visibility=visibility, timeout=5, **parameters)


def _received(aws: Callable[..., Any], queue: Queue) -> float:
    return _counted(aws, queue, "NumberOfMessagesReceived")


def _counted(aws: Callable[..., Any], queue: Queue, name: str) -> float:
    return recent(aws("cloudwatch"), "AWS/SQS", name, QueueName=queue.name)


def _stays[T](look: Callable[[], T], wanted: T) -> None:
    """Fails unless it is so within a few seconds and then for another second."""
    eventually(lambda: look() == wanted)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        assert look() == wanted
        time.sleep(0.1)


def _dedented(code: str) -> str:
    return "\n".join(line[4:] for line in code.splitlines())
