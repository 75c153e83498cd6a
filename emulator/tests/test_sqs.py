"""SQS: limits as of 2026, redrive, message move tasks, and the queue's own metrics."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.direct import DIRECT
from support.engines import PYTHON
from support.errors import code, refused
from support.eventually import eventually

pytestmark = pytest.mark.evidence(
    "documented", source="SQS API reference, quotas and guide, dead-letter queues"
)


@dataclass
class Queue:
    """A queue under test."""

    url: str
    arn: str
    name: str


type MakeQueue = Callable[..., Queue]


@pytest.fixture(scope="module")
def sqs(aws: Callable[..., Any]) -> Any:
    return aws("sqs")


@pytest.fixture
def make_queue(sqs: Any) -> Iterator[MakeQueue]:
    made: list[str] = []

    def make(**attributes: str) -> Queue:
        name = f"test-{uuid.uuid4().hex[:8]}"
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        made.append(url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Queue(url, arn, name)

    yield make
    for url in made:
        sqs.delete_queue(QueueUrl=url)


def redrive_to(dead_letter_queue: Queue, after: int) -> str:
    return json.dumps({"deadLetterTargetArn": dead_letter_queue.arn, "maxReceiveCount": after})


def receive(sqs: Any, queue: Queue, **options: Any) -> list[dict[str, Any]]:
    return sqs.receive_message(
        QueueUrl=queue.url,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        MaxNumberOfMessages=10,
        **options,
    ).get("Messages", [])


ATTRIBUTES = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(10)}
ELEVENTH = {"eleventh": {"DataType": "String", "StringValue": "x"}}


def test_a_message_may_have_one_mebibyte_and_ten_attributes(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()

    sqs.send_message(QueueUrl=queue.url, MessageBody="x" * 1_048_576)
    sqs.send_message(QueueUrl=queue.url, MessageBody="x", MessageAttributes=ATTRIBUTES)

    assert [len(message["Body"]) for message in receive(sqs, queue)] == [1_048_576, 1]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"MessageBody": "x" * 1_048_577}, id="above one mebibyte"),
        pytest.param(
            {"MessageBody": "x", "MessageAttributes": ATTRIBUTES | ELEVENTH}, id="eleven attributes"
        ),
        pytest.param({"MessageBody": "x", "DelaySeconds": 901}, id="delay above 900 s"),
        pytest.param({"MessageBody": "x", "DelaySeconds": -1}, id="negative delay"),
        pytest.param(
            {"MessageBody": "x", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "many"}}},
            id="number that is none",
        ),
    ],
)
def test_a_message_beyond_the_limits_is_refused_alone_and_in_a_batch(
    sqs: Any, make_queue: MakeQueue, message: dict[str, Any]
) -> None:
    queue = make_queue()

    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=queue.url, **message)
    entries = [{"Id": "bad"} | message, {"Id": "good", "MessageBody": "good"}]
    assert code(error) == "InvalidParameterValue"
    if len(message["MessageBody"]) > 1:
        with pytest.raises(ClientError) as error:
            sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
        assert "BatchRequestTooLong" in code(error)
        return
    result = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [(failed["Id"], failed["Code"]) for failed in result["Failed"]] == [
        ("bad", "InvalidParameterValue")
    ]
    assert [message["Body"] for message in receive(sqs, queue)] == ["good"]


def test_a_message_of_characters_that_sqs_refuses_fails_alone(sqs: Any, make_queue: MakeQueue) -> None:
    """Allowed are #x9, #xA, #xD and #x20 on, without surrogates and #xFFFE (API reference, SendMessageBatch)."""
    queue = make_queue()
    good = {
        "a.b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "n": {"DataType": "Number", "StringValue": "-1e9"},
    }
    hostile: list[tuple[str, dict[str, Any]]] = [
        ("half \ud800", {}),
        ("\x00", {}),
        ("x", {"a": {"DataType": "String", "StringValue": "\udfff"}}),
        ("x", {"\ud800": {"DataType": "String", "StringValue": "x"}}),
        ("x", {"a": {"DataType": "Number", "StringValue": "NaN"}}),
        ("x", {"a": {"DataType": "Number", "StringValue": "1_0"}}),
    ]
    messages = [("first", good), *hostile, ("last \U0010ffff", good)]
    entries = [
        {"Id": str(number), "MessageBody": body, "MessageAttributes": attributes}
        for number, (body, attributes) in enumerate(messages)
    ]
    result = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [sent["Id"] for sent in result["Successful"]] == ["0", "7"]
    assert {failed["SenderFault"] for failed in result["Failed"]} == {True}
    for body, attributes in hostile:
        with pytest.raises(ClientError) as error:
            sqs.send_message(QueueUrl=queue.url, MessageBody=body, MessageAttributes=attributes)
        assert code(error) in ("InvalidMessageContents", "InvalidParameterValue")
    received = receive(sqs, queue)
    assert sorted(message["Body"] for message in received) == ["first", "last \U0010ffff"]
    assert [message["MessageAttributes"]["a.b"]["BinaryValue"] for message in received] == [b"\x00\xff"] * 2


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    "attributes",
    [
        {"VisibilityTimeout": "9" * 5000},
        {"RedrivePolicy": "[" * 50_000},
        {"RedrivePolicy": '{"maxReceiveCount":1e400,"deadLetterTargetArn":"x"}'},
    ],
    ids=["5,000 digits", "nested", "infinite"],
)
def test_a_queue_attribute_of_extreme_shape_is_refused(
    sqs: Any, make_queue: MakeQueue, attributes: dict[str, str]
) -> None:
    queue = make_queue()
    with pytest.raises(ClientError) as error:
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    assert code(error) in ("InvalidAttributeValue", "InvalidParameterValue")


@pytest.mark.evidence("ours")
def test_a_move_task_takes_any_message_along_as_it_is(sqs: Any, make_queue: MakeQueue) -> None:
    target, source = make_queue(), make_queue()
    sqs.set_queue_attributes(QueueUrl=target.url, Attributes={"RedrivePolicy": redrive_to(source, after=1)})
    bodies = ["[" * 50_000, '{"a":' + "9" * 5000 + "}", "NaN", "\u2028", '"\\ud800"']
    attributes = {
        f"{number}": {"DataType": f"Number.{number}", "StringValue": "-1e-9"} for number in range(9)
    } | {"bytes": {"DataType": "Binary", "BinaryValue": b"\x00"}}
    for body in bodies:
        sqs.send_message(QueueUrl=source.url, MessageBody=body, MessageAttributes=attributes)
    sqs.start_message_move_task(SourceArn=source.arn, DestinationArn=target.arn)
    moved: list[dict[str, Any]] = []
    eventually(lambda: moved.extend(receive(sqs, target)) or len(moved) == len(bodies))
    assert sorted(message["Body"] for message in moved) == sorted(bodies)
    assert all(message["MessageAttributes"] == attributes for message in moved)


def test_a_batch_has_at_most_ten_messages_and_one_mebibyte(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()

    def send(count: int, size: int) -> None:
        entries = [{"Id": str(number), "MessageBody": "x" * size} for number in range(count)]
        sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)

    send(10, 104_857)
    with pytest.raises(ClientError) as many:
        send(11, 1)
    with pytest.raises(ClientError) as large:
        send(10, 104_858)

    assert "TooManyEntriesInBatchRequest" in code(many)
    assert "BatchRequestTooLong" in code(large)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DelaySeconds", "901"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("VisibilityTimeout", "43201"),
    ],
)
def test_a_queue_attribute_out_of_range_is_refused(
    sqs: Any, make_queue: MakeQueue, name: str, value: str
) -> None:
    queue = make_queue()

    with refused("InvalidAttributeValue"):
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={name: value})


def test_a_visibility_timeout_above_twelve_hours_is_refused(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")

    with pytest.raises(ClientError) as on_receive:
        receive(sqs, queue, VisibilityTimeout=43_201)
    handle = receive(sqs, queue)[0]["ReceiptHandle"]
    with pytest.raises(ClientError) as on_change:
        sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=handle, VisibilityTimeout=43_201)

    assert code(on_receive) == code(on_change) == "InvalidParameterValue"


def test_a_receipt_handle_of_another_queue_is_refused(sqs: Any, make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    handle = receive(sqs, queue)[0]["ReceiptHandle"]

    with refused("ReceiptHandleIsInvalid"):
        sqs.change_message_visibility(QueueUrl=other.url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert not receive(sqs, queue)
    sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert receive(sqs, queue)


@pytest.mark.parametrize("count", [0, 1001])
def test_a_redrive_policy_needs_an_existing_target_and_a_count_from_1_to_1000(
    sqs: Any, make_queue: MakeQueue, count: int
) -> None:
    queue, dead_letter_queue = make_queue(), make_queue()

    for policy in (
        redrive_to(Queue("", f"{dead_letter_queue.arn}-unknown", ""), 3),
        redrive_to(dead_letter_queue, count),
        '{"maxReceiveCount": 3}',
    ):
        with refused("InvalidParameterValue"):
            sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})


@pytest.mark.evidence("ours")
@pytest.mark.parametrize("form", ["{url}", "{name}", "http://127.0.0.1:1/000000000000/{name}"])
def test_a_queue_is_deleted_by_its_url_or_its_name(sqs: Any, form: str) -> None:
    """LocalStack takes names where AWS takes URLs alone, and this engine's own calls use them."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.delete_queue(QueueUrl=form.format(url=url, name=name))
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)


@pytest.mark.parametrize(
    "url", ["nobody", "", "/", "http://x/y", "arn:aws:sqs:us-east-1:000000000000:nobody"]
)
@pytest.mark.parametrize("operation", ["delete_queue", "purge_queue", "receive_message", "list_queue_tags"])
def test_a_wrong_url_is_a_queue_that_does_not_exist(sqs: Any, operation: str, url: str) -> None:
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        getattr(sqs, operation)(QueueUrl=url)


def test_a_message_becomes_visible_soon_after_its_timeout(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue(VisibilityTimeout="1")
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    assert receive(sqs, queue)
    hidden_at = time.monotonic()

    eventually(lambda: receive(sqs, queue), within=5, every=0.02)

    assert 0.9 < time.monotonic() - hidden_at < 2


def test_a_message_moves_to_the_dead_letter_queue_with_id_and_attributes(
    sqs: Any, make_queue: MakeQueue
) -> None:
    dead_letter_queue = make_queue()
    queue = make_queue(VisibilityTimeout="0", RedrivePolicy=redrive_to(dead_letter_queue, 2))
    sent = sqs.send_message(QueueUrl=queue.url, MessageBody="x", MessageAttributes=ELEVENTH)

    assert [len(receive(sqs, queue)) for _ in range(3)] == [1, 1, 0]
    (dead,) = receive(sqs, dead_letter_queue)

    assert dead["MessageId"] == sent["MessageId"]
    assert dead["MessageAttributes"] == ELEVENTH
    assert dead["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn


def test_a_move_task_returns_messages_to_their_source_as_new_ones(sqs: Any, make_queue: MakeQueue) -> None:
    dead_letter_queue = make_queue()
    queue = make_queue(VisibilityTimeout="0", RedrivePolicy=redrive_to(dead_letter_queue, 1))
    sent = sqs.send_message(QueueUrl=queue.url, MessageBody="x", MessageAttributes=ELEVENTH)
    assert [len(receive(sqs, queue)) for _ in range(2)] == [1, 0]

    sqs.start_message_move_task(SourceArn=dead_letter_queue.arn)

    (moved,) = eventually(lambda: receive(sqs, queue))
    assert moved["MessageId"] != sent["MessageId"]
    assert (moved["Body"], moved["MessageAttributes"]) == ("x", ELEVENTH)
    assert moved["Attributes"]["ApproximateReceiveCount"] == "1"
    task = eventually(lambda: [t for t in tasks(sqs, dead_letter_queue) if t["Status"] == "COMPLETED"])[0]
    assert task["ApproximateNumberOfMessagesMoved"] == task["ApproximateNumberOfMessagesToMove"] == 1


def tasks(sqs: Any, queue: Queue) -> list[dict[str, Any]]:
    return sqs.list_message_move_tasks(SourceArn=queue.arn)["Results"]


@pytest.mark.evidence(
    "documented", source="SQS API reference, StartMessageMoveTask and CancelMessageMoveTask"
)
def test_a_slow_move_task_is_not_doubled_and_a_cancelled_one_moves_no_more(
    sqs: Any, make_queue: MakeQueue
) -> None:
    dead_letter_queue = make_queue()
    queue = make_queue(RedrivePolicy=redrive_to(dead_letter_queue, 1))
    for _ in range(5):
        sqs.send_message(QueueUrl=dead_letter_queue.url, MessageBody="x")
    slow = {
        "SourceArn": dead_letter_queue.arn,
        "DestinationArn": queue.arn,
        "MaxNumberOfMessagesPerSecond": 1,
    }

    task = sqs.start_message_move_task(**slow)["TaskHandle"]
    with refused("InvalidParameterValue"):
        sqs.start_message_move_task(**slow)
    eventually(lambda: tasks(sqs, dead_letter_queue)[0]["ApproximateNumberOfMessagesMoved"] == 2)
    told = sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"]

    eventually(lambda: tasks(sqs, dead_letter_queue)[0]["Status"] == "CANCELLED")
    with refused("AWS.SimpleQueueService.UnsupportedOperation"):
        sqs.cancel_message_move_task(TaskHandle=task)
    moved = receive(sqs, queue)
    assert len(moved) in {told, told + 1}, "one may have been on its way"
    assert len(receive(sqs, dead_letter_queue, VisibilityTimeout=0)) + len(moved) == 5
    sqs.start_message_move_task(**slow | {"MaxNumberOfMessagesPerSecond": 500})
    eventually(lambda: moved.extend(receive(sqs, queue)) or len(moved) == 5)
    assert len({message["MessageId"] for message in moved}) == 5


@pytest.mark.evidence("documented", source="SQS guide, Configuring a dead-letter queue redrive")
def test_a_move_task_returns_each_message_to_the_queue_it_came_from(sqs: Any, make_queue: MakeQueue) -> None:
    dead_letter_queue = make_queue()
    policy = redrive_to(dead_letter_queue, 1)
    sources = [make_queue(VisibilityTimeout="0", RedrivePolicy=policy) for _ in range(2)]
    for queue in sources:
        for number in range(3):
            sqs.send_message(QueueUrl=queue.url, MessageBody=f"{queue.name} {number}")
        eventually(lambda queue=queue: not receive(sqs, queue))

    sqs.start_message_move_task(SourceArn=dead_letter_queue.arn)

    eventually(lambda: tasks(sqs, dead_letter_queue)[0]["Status"] == "COMPLETED")
    for queue in sources:
        returned = sorted(message["Body"] for message in receive(sqs, queue))
        assert returned == [f"{queue.name} {number}" for number in range(3)]


def test_a_move_task_without_destination_fails_on_a_message_that_was_sent_to_the_queue(
    sqs: Any, make_queue: MakeQueue
) -> None:
    dead_letter_queue = make_queue()
    make_queue(RedrivePolicy=redrive_to(dead_letter_queue, 1))
    sqs.send_message(QueueUrl=dead_letter_queue.url, MessageBody="x")

    sqs.start_message_move_task(SourceArn=dead_letter_queue.arn)

    (task,) = eventually(lambda: [t for t in tasks(sqs, dead_letter_queue) if t["Status"] == "FAILED"])
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    assert len(receive(sqs, dead_letter_queue)) == 1


def test_only_a_dead_letter_queue_is_moved_from_and_at_most_500_messages_a_second(
    sqs: Any, make_queue: MakeQueue
) -> None:
    dead_letter_queue = make_queue()
    queue = make_queue(RedrivePolicy=redrive_to(dead_letter_queue, 1))

    for source, rate in ((queue, 1), (dead_letter_queue, 501)):
        with refused("InvalidParameterValue"):
            sqs.start_message_move_task(SourceArn=source.arn, MaxNumberOfMessagesPerSecond=rate)


def statistic(cloudwatch: Any, queue: Queue, name: str, stat: str) -> list[float]:
    """The metric's values of the last minutes, one for each second that has data, oldest first."""
    now = datetime.now(UTC)
    return cloudwatch.get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m1",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SQS",
                        "MetricName": name,
                        "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                    },
                    "Period": 1,
                    "Stat": stat,
                },
            }
        ],
        StartTime=now - timedelta(minutes=3),
        EndTime=now + timedelta(seconds=2),
        ScanBy="TimestampAscending",
    )["MetricDataResults"][0]["Values"]


def test_calls_are_counted_by_message(sqs: Any, cloudwatch: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()
    entries = [{"Id": str(number), "MessageBody": "x" * (number + 1)} for number in range(4)]

    receive(sqs, queue)
    sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    received = receive(sqs, queue)
    sqs.delete_message_batch(
        QueueUrl=queue.url,
        Entries=[{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in received[:3]],
    )

    def total(name: str) -> float:
        return sum(statistic(cloudwatch, queue, name, "Sum"))

    assert total("NumberOfMessagesSent") == total("NumberOfMessagesReceived") == 4
    assert total("NumberOfMessagesDeleted") == 3
    assert total("NumberOfEmptyReceives") == 1
    assert total("SentMessageSize") == 10
    assert statistic(cloudwatch, queue, "SentMessageSize", "Maximum")[-1] == 4


def test_depths_and_age_follow_the_queue_within_seconds(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    for delay in (0, 0, 60):
        sqs.send_message(QueueUrl=queue.url, MessageBody="x", DelaySeconds=delay)
    sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=1)

    def newest(name: str) -> float:
        return (statistic(cloudwatch, queue, f"Approximate{name}", "Maximum") or [-1])[-1]

    depths = ("NumberOfMessagesVisible", "NumberOfMessagesNotVisible", "NumberOfMessagesDelayed")
    eventually(lambda: [newest(name) for name in depths] == [1, 1, 1], within=5)
    eventually(lambda: newest("AgeOfOldestMessage") >= 2, within=6)
    sqs.purge_queue(QueueUrl=queue.url)
    eventually(lambda: [newest(name) for name in (*depths, "AgeOfOldestMessage")] == [0, 0, 0, 0], within=5)


def test_a_poison_message_leaves_the_age_metric_after_three_receives(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(VisibilityTimeout="0")
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    eventually(
        lambda: max(statistic(cloudwatch, queue, "ApproximateAgeOfOldestMessage", "Maximum"), default=0)
    )

    for _ in range(3):
        receive(sqs, queue)

    eventually(lambda: statistic(cloudwatch, queue, "ApproximateAgeOfOldestMessage", "Maximum")[-1] == 0)
    assert statistic(cloudwatch, queue, "ApproximateNumberOfMessagesVisible", "Maximum")[-1] == 1


@pytest.mark.evidence(
    "recorded", "moto: test_delete_message_batch_with_zero_entries, test_send_message_batch_errors"
)
@pytest.mark.parametrize("action", ["SendMessage", "DeleteMessage", "ChangeMessageVisibility"])
def test_batch_without_entries_or_with_an_id_twice_is_refused_in_words(
    sqs: Any, make_queue: MakeQueue, action: str
) -> None:
    queue = make_queue()
    call = sqs.meta.method_to_api_mapping
    batch = next(getattr(sqs, name) for name, operation in call.items() if operation == f"{action}Batch")
    rest = {
        "SendMessage": {"MessageBody": "x"},
        "DeleteMessage": {"ReceiptHandle": "x"},
        "ChangeMessageVisibility": {"ReceiptHandle": "x", "VisibilityTimeout": 0},
    }[action]

    with refused("AWS.SimpleQueueService.EmptyBatchRequest") as empty:
        batch(QueueUrl=queue.url, Entries=[])
    with refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct") as twice:
        batch(QueueUrl=queue.url, Entries=[{"Id": name, **rest} for name in ("id_1", "id_2", "id_2")])

    message = f"There should be at least one {action}BatchRequestEntry in the request."
    assert empty.value.response["Error"]["Message"] == message
    assert twice.value.response["Error"]["Message"] == "Id id_2 repeated."


@pytest.mark.evidence("recorded", "LocalStack: test_send_message_batch_with_empty_list[sqs_query]")
def test_batch_without_entries_in_the_query_protocol_is_an_empty_batch(
    engine_endpoint: str, make_queue: MakeQueue
) -> None:
    queue = make_queue()

    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request"}
    form = {"Action": "SendMessageBatch", "QueueUrl": queue.url, "Version": "2012-11-05"}

    answer = httpx.post(engine_endpoint, data=form, headers=signed, **DIRECT)

    assert answer.status_code == 400
    assert "<Code>AWS.SimpleQueueService.EmptyBatchRequest</Code>" in answer.text


@pytest.mark.evidence("recorded", "moto: test_get_queue_url_error_not_exists")
def test_error_in_json_has_a_type_with_its_namespace(engine_endpoint: str) -> None:
    target = {"X-Amz-Target": "AmazonSQS.GetQueueUrl", "Content-Type": "application/x-amz-json-1.0"}

    answer = httpx.post(engine_endpoint, json={"QueueName": "none"}, headers=target, **DIRECT)

    assert answer.json()["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert answer.headers["x-amzn-errortype"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert answer.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"


@pytest.mark.evidence("recorded", "LocalStack: test_successive_purge_calls_fail")
def test_queue_that_was_purged_a_moment_ago_is_not_purged_again(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()
    sqs.purge_queue(QueueUrl=queue.url)
    sqs.send_message(QueueUrl=queue.url, MessageBody="kept")
    with refused("AWS.SimpleQueueService.PurgeQueueInProgress") as error:
        sqs.purge_queue(QueueUrl=queue.url)
    told = f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
    assert error.value.response["Error"]["Message"] == told
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert len(sqs.receive_message(QueueUrl=queue.url)["Messages"]) == 1


@pytest.mark.evidence("ours", "the minute is shortened by LAB_QUEUE_WAIT_SECONDS")
def test_queue_is_purged_and_made_again_when_the_wait_is_over(sqs: Any, make_queue: MakeQueue) -> None:
    queue = make_queue()
    sqs.purge_queue(QueueUrl=queue.url)

    def purged() -> bool:
        try:
            sqs.purge_queue(QueueUrl=queue.url)
        except sqs.exceptions.PurgeQueueInProgress:
            return False
        return True

    eventually(purged, within=10)
    sqs.delete_queue(QueueUrl=queue.url)
    with refused("AWS.SimpleQueueService.QueueDeletedRecently"):
        sqs.create_queue(QueueName=queue.name)

    def made() -> bool:
        try:
            sqs.create_queue(QueueName=queue.name)
        except sqs.exceptions.QueueDeletedRecently:
            return False
        return True

    eventually(made, within=10)


@pytest.mark.long
@pytest.mark.evidence("recorded", "LocalStack: test_message_retention")
def test_message_older_than_the_retention_of_its_queue_is_gone(sqs: Any, make_queue: MakeQueue) -> None:
    short, kept = make_queue(MessageRetentionPeriod="60"), make_queue(MessageRetentionPeriod="300")
    for queue in (short, kept):
        sqs.send_message(QueueUrl=queue.url, MessageBody="x")

    def visible(queue: Queue) -> str:
        name = "ApproximateNumberOfMessages"
        return sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=[name])["Attributes"][name]

    eventually(lambda: visible(short) == "0", within=75)
    assert visible(kept) == "1"


fair = pytest.mark.evidence("documented", source="SQS guide, How Amazon SQS fair queues work")


def send_of(sqs: Any, queue: Queue, group: str | None, count: int) -> None:
    """Send messages that say which group they are of."""
    of = {"MessageGroupId": group} if group else {}
    for start in range(0, count, 10):
        numbers = range(start, min(start + 10, count))
        entries: Any = [{"Id": str(n), "MessageBody": group or "none", **of} for n in numbers]
        sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)


def received_of(sqs: Any, queue: Queue, count: int) -> list[str]:
    """The groups of so many messages, which stay in flight."""
    groups: list[str] = []
    while len(groups) < count:
        answer = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=min(10, count - len(groups)))
        groups += [message["Body"] for message in answer["Messages"]]
    return groups


def noisy_groups(cloudwatch: Any, queue: Queue) -> float:
    return (statistic(cloudwatch, queue, "ApproximateNumberOfNoisyGroups", "Maximum") or [-1])[-1]


@fair
def test_message_of_a_quiet_group_is_received_before_the_backlog_of_a_noisy_one(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    send_of(sqs, queue, "noisy", 60)
    assert received_of(sqs, queue, 30) == 30 * ["noisy"]
    eventually(lambda: noisy_groups(cloudwatch, queue) == 1, within=5)
    send_of(sqs, queue, "quiet", 2)
    send_of(sqs, queue, None, 1)
    assert received_of(sqs, queue, 4) == ["quiet", "quiet", "none", "noisy"]


@fair
@pytest.mark.parametrize(
    ("group", "in_flight"), [("few", 29), (None, 30)], ids=["29 in flight", "without a group"]
)
def test_backlog_of_what_is_not_noisy_is_received_first(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue, group: str | None, in_flight: int
) -> None:
    queue = make_queue()
    send_of(sqs, queue, group, in_flight + 1)
    send_of(sqs, queue, "quiet", 1)
    received_of(sqs, queue, in_flight)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 0, within=5)
    assert received_of(sqs, queue, 2) == [group or "none", "quiet"]


@fair
def test_group_with_a_tenth_of_what_is_in_flight_is_not_noisy(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    send_of(sqs, queue, "tenth", 30)
    for number in range(27):
        send_of(sqs, queue, f"other-{number}", 10)
    received_of(sqs, queue, 300)
    send_of(sqs, queue, "tenth", 1)
    send_of(sqs, queue, "quiet", 1)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 0, within=5)
    assert received_of(sqs, queue, 2) == ["tenth", "quiet"]


@fair
def test_of_two_noisy_groups_the_one_with_fewer_messages_in_flight_is_received_first(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    send_of(sqs, queue, "more", 31)
    send_of(sqs, queue, "fewer", 30)
    received_of(sqs, queue, 61)
    send_of(sqs, queue, "more", 1)
    send_of(sqs, queue, "fewer", 1)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 2, within=5)
    assert received_of(sqs, queue, 2) == ["fewer", "more"]


@fair
def test_noisy_group_stays_so_while_it_has_a_backlog(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    send_of(sqs, queue, "noisy", 40)
    handles = [message["ReceiptHandle"] for _ in range(3) for message in receive(sqs, queue)]
    eventually(lambda: noisy_groups(cloudwatch, queue) == 1, within=5)
    for handle in handles:
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=handle)
    in_flight = "ApproximateNumberOfMessagesNotVisible"
    eventually(lambda: statistic(cloudwatch, queue, in_flight, "Maximum")[-1] == 0, within=5)
    send_of(sqs, queue, "quiet", 1)
    assert received_of(sqs, queue, 2) == ["quiet", "noisy"]


@fair
def test_group_that_has_sent_nothing_for_five_minutes_is_quiet() -> None:
    """A rule in a process of its own: no engine waits for five minutes."""
    script = """
from lab_localstack.sqs.fairness import FairQueue
queue = FairQueue("queue", "us-east-1", "000000000000")
for number in range(40):
    queue.put({"MessageId": str(number), "Body": "x"}, message_group_id="noisy")
for _ in range(3):
    queue.receive(num_messages=10, visibility_timeout=30)
queue.requeue_inflight_messages()
before = queue.visible.noisy
for message in queue.visible.queue:
    message.created -= 301
queue.requeue_inflight_messages()
print(before, queue.visible.noisy)
"""
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip().endswith("('noisy',) ()")


@fair
def test_group_is_quiet_again_when_its_backlog_is_used_up(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue(VisibilityTimeout="5")
    send_of(sqs, queue, "once-noisy", 31)
    received_of(sqs, queue, 30)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 1, within=4)
    received_of(sqs, queue, 1)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 0, within=4)
    sqs.purge_queue(QueueUrl=queue.url)
    send_of(sqs, queue, "once-noisy", 1)
    send_of(sqs, queue, "quiet", 1)
    assert received_of(sqs, queue, 2) == ["once-noisy", "quiet"]


@pytest.mark.evidence("documented", source="SQS guide, Available CloudWatch metrics, fair queues")
def test_depths_and_age_of_quiet_groups_leave_the_noisy_one_out(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()

    def newest(name: str) -> float:
        return (statistic(cloudwatch, queue, f"Approximate{name}InQuietGroups", "Maximum") or [-1])[-1]

    send_of(sqs, queue, "noisy", 40)
    received_of(sqs, queue, 30)
    eventually(lambda: noisy_groups(cloudwatch, queue) == 1, within=5)
    eventually(lambda: newest("AgeOfOldestMessage") == 0, within=5)
    send_of(sqs, queue, "quiet", 3)
    sqs.send_message(QueueUrl=queue.url, MessageBody="quiet", MessageGroupId="quiet", DelaySeconds=60)
    received_of(sqs, queue, 1)
    depths = ("NumberOfMessagesVisible", "NumberOfMessagesNotVisible", "NumberOfMessagesDelayed")
    eventually(lambda: [newest(name) for name in depths] == [2, 1, 1], within=5)
    eventually(lambda: newest("AgeOfOldestMessage") >= 2, within=6)


@pytest.mark.evidence("documented", source="SQS guide, Available CloudWatch metrics, fair queues")
def test_queue_without_groups_has_no_metrics_of_groups(
    sqs: Any, cloudwatch: Any, make_queue: MakeQueue
) -> None:
    queue = make_queue()
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    visible = "ApproximateNumberOfMessagesVisible"
    eventually(lambda: statistic(cloudwatch, queue, visible, "Maximum"), within=5)
    assert statistic(cloudwatch, queue, "ApproximateNumberOfNoisyGroups", "Maximum") == []
