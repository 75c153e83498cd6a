"""Dead letters as they lie in the DLQ, read without taking any away."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 10
"""How long a letter is out of sight at most, should the reader be killed."""


@dataclass(frozen=True)
class Letter:
    """One dead letter: its body and its message attributes as text."""

    body: str
    attributes: dict[str, str]


def dead_letters(pipeline: Pipeline) -> list[Letter]:
    """Every visible letter once. They are hidden while the others are read, and visible again at the end."""
    sqs: SQSClient = pipeline.aws.client("sqs")
    taken: list[MessageTypeDef] = []
    try:
        while received := sqs.receive_message(
            QueueUrl=pipeline.stack.dlq_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            taken += received
    finally:
        for message in taken:
            sqs.change_message_visibility(
                QueueUrl=pipeline.stack.dlq_url,
                ReceiptHandle=message.get("ReceiptHandle", ""),
                VisibilityTimeout=0,
            )
    return [Letter(message.get("Body", ""), _texts(message)) for message in taken]


def _texts(message: Any) -> dict[str, str]:
    attributes: dict[str, dict[str, str]] = message.get("MessageAttributes", {})
    return {name: value.get("StringValue", "") for name, value in attributes.items()}
