"""SQS."""

import json
import time
from typing import Any

from lab.common.polling import wait_for
from lab.errors import LabError
from lab.parity.probe import documented, feature, recorded
from lab.parity.workbench import Workbench


@feature("SQS", "DelaySeconds 901", "InvalidParameterValue", documented("SQS API reference, SendMessage"))
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    sqs = bench.client("sqs")
    code = bench.refused(sqs.send_message, QueueUrl=url, MessageBody="x", DelaySeconds=901)
    return code.removeprefix("AWS.SimpleQueueService.")


@feature("SQS", "a message of 1 MiB", "accepted", documented("SQS guide, Message quotas"))
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    return bench.refused(bench.client("sqs").send_message, QueueUrl=url, MessageBody="x" * 1_048_576)


@feature(
    "SQS", "a message of 1 MiB and one byte", "InvalidParameterValue", documented("SQS guide, Message quotas")
)
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    return bench.refused(bench.client("sqs").send_message, QueueUrl=url, MessageBody="x" * 1_048_577)


@feature("SQS", "11 message attributes", "InvalidParameterValue", documented("SQS guide, Message quotas"))
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    attributes = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    return bench.refused(
        bench.client("sqs").send_message, QueueUrl=url, MessageBody="x", MessageAttributes=attributes
    )


@feature(
    "SQS",
    "a message moved by StartMessageMoveTask",
    "a new message id",
    documented("SQS guide, Configuring a dead-letter queue redrive"),
)
def _(bench: Workbench) -> str:
    sqs = bench.client("sqs")
    dlq, dlq_arn = bench.queue()
    source, _arn = bench.queue(
        VisibilityTimeout="0",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": "1"}),
    )
    sqs.send_message(QueueUrl=source, MessageBody="x")

    def dead() -> list[dict[str, Any]]:
        sqs.receive_message(QueueUrl=source)
        return sqs.receive_message(QueueUrl=dlq, VisibilityTimeout=0).get("Messages", [])

    before = wait_for("the message in the DLQ", dead, bool, within=15)[0]["MessageId"]
    sqs.start_message_move_task(SourceArn=dlq_arn)
    moved = wait_for(
        "the moved message",
        lambda: sqs.receive_message(QueueUrl=source, VisibilityTimeout=30).get("Messages", []),
        bool,
        within=15,
    )
    return "a new message id" if moved[0]["MessageId"] != before else "the same message id"


@feature(
    "SQS",
    "PurgeQueue twice",
    "PurgeQueueInProgress",
    recorded("LocalStack: test_successive_purge_calls_fail"),
)
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    sqs = bench.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    return bench.refused(sqs.purge_queue, QueueUrl=url).removeprefix("AWS.SimpleQueueService.")


@feature(
    "SQS",
    "PurgeQueue again after 10 s",
    "PurgeQueueInProgress, for 60 s",
    documented("SQS API reference, PurgeQueue"),
)
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    sqs = bench.client("sqs")
    sqs.purge_queue(QueueUrl=url)
    try:
        wait_for(
            "the queue to be purged again",
            lambda: bench.refused(sqs.purge_queue, QueueUrl=url),
            lambda code: code == "accepted",
            within=10,
        )
    except LabError:
        return "PurgeQueueInProgress, for 60 s"
    return "accepted: a class does not wait for a minute"


@feature(
    "SQS",
    "CreateQueue right after DeleteQueue",
    "QueueDeletedRecently",
    recorded("LocalStack: test_create_queue_recently_deleted"),
)
def _(bench: Workbench) -> str:
    sqs, name = bench.client("sqs"), bench.name()
    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName=name)["QueueUrl"])
    return bench.refused(sqs.create_queue, QueueName=name).removeprefix("AWS.SimpleQueueService.")


@feature(
    "SQS",
    "a message 5 s older than its MessageRetentionPeriod of 60 s",
    "gone",
    recorded("LocalStack: test_message_retention"),
)
def _(bench: Workbench) -> str:
    url, _arn = bench.queue(MessageRetentionPeriod="60")
    sqs = bench.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    time.sleep(65)
    return "still there" if sqs.receive_message(QueueUrl=url).get("Messages") else "gone"


@feature(
    "SQS",
    "a second move task, and the first one cancelled",
    "refused, then CANCELLED",
    documented("SQS API reference, StartMessageMoveTask and CancelMessageMoveTask"),
)
def _(bench: Workbench) -> str:
    sqs = bench.client("sqs")
    dlq, dlq_arn = bench.queue()
    _url, arn = bench.queue(
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": "1"})
    )
    for _ in range(5):
        sqs.send_message(QueueUrl=dlq, MessageBody="x")
    slowly = {"SourceArn": dlq_arn, "DestinationArn": arn, "MaxNumberOfMessagesPerSecond": 1}
    task = sqs.start_message_move_task(**slowly)["TaskHandle"]
    second = bench.refused(sqs.start_message_move_task, **slowly)
    sqs.cancel_message_move_task(TaskHandle=task)
    ended = wait_for(
        "the end of the task",
        lambda: sqs.list_message_move_tasks(SourceArn=dlq_arn)["Results"][0]["Status"],
        lambda status: status not in ("RUNNING", "CANCELLING"),
        within=15,
    )
    return f"{second if second == 'accepted' else 'refused'}, then {ended}"


@feature(
    "SQS",
    "a quiet group's message behind a noisy group's backlog",
    "received before the backlog",
    documented("SQS guide, How Amazon SQS fair queues work"),
)
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    sqs = bench.client("sqs")

    def send(group: str, count: int) -> None:
        for _ in range(count):
            sqs.send_message(QueueUrl=url, MessageBody=group, MessageGroupId=group)

    def received(most: int) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, WaitTimeSeconds=1)
        return [message.get("Body", "") for message in answer.get("Messages", [])]

    send("noisy", 80)
    in_flight: list[str] = []
    while len(in_flight) < 40:
        in_flight += received(10)
    send("quiet", 1)
    before = 0
    while (seen := received(1)) and seen != ["quiet"]:
        before += 1
        time.sleep(0.2)  # SQS looks at its queues from time to time
    return "received before the backlog" if seen and before < 20 else "received after it"
