"""Limits of SQS as of 2026 that LocalStack does not check. Each function raises AWS's error."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localstack.aws.api.sqs import BatchEntryIdsNotDistinct, EmptyBatchRequest
from localstack.services.sqs.exceptions import InvalidAttributeValue, InvalidParameterValueException
from localstack.services.sqs.models import sqs_stores

from lab_localstack import documents

MAX_ATTRIBUTES = 10
MAX_DELAY = 900
MAX_VISIBILITY = 43_200
MAX_MOVES_PER_SECOND = 500
QUEUE_ATTRIBUTES = {
    "DelaySeconds": (0, MAX_DELAY),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, MAX_VISIBILITY),
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def require_message(delay_seconds: int | None, attributes: Mapping[str, Any] | None) -> None:
    """Check a message's delay and the number of its attributes."""
    if delay_seconds is not None and not 0 <= int(delay_seconds) <= MAX_DELAY:
        raise InvalidParameterValueException(
            f"Value {delay_seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 "
            f"and <= {MAX_DELAY}."
        )
    if attributes and len(attributes) > MAX_ATTRIBUTES:
        raise InvalidParameterValueException(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MAX_ATTRIBUTES}]."
        )
    for name, attribute in (attributes or {}).items():
        if attribute.get("DataType", "").startswith("Number") and not _is_number(
            attribute.get("StringValue")
        ):
            raise InvalidParameterValueException(
                f"Can't cast the value of message (user) attribute '{name}' to a number."
            )


def require_entries(action: str, entries: Sequence[Any] | None) -> None:
    """Check that a batch has entries, each with an id of its own: LocalStack refuses without a word.

    In the query protocol a batch without entries has no such parameter at all.
    """
    if not entries:
        raise EmptyBatchRequest(f"There should be at least one {action}BatchRequestEntry in the request.")
    seen = set[str]()
    for entry in entries:
        if (name := entry.get("Id")) in seen:
            raise BatchEntryIdsNotDistinct(f"Id {name} repeated.")
        seen.add(name)


def encodable(text: str) -> str:
    """The text with each half of a surrogate pair, which has no UTF-8, as another character that no message may have.

    LocalStack's own check refuses the message then; before it comes to that, it counts the bytes of the whole batch.
    """
    return text if text.isascii() else _SURROGATE.sub("\ufffe", text)


def encodable_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A message's attributes in encodable text."""
    if attributes is None:
        return None
    return {
        encodable(name): {
            part: encodable(value) if isinstance(value, str) else value for part, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }


def require_visibility(seconds: int | None) -> None:
    """Check a visibility timeout."""
    if seconds is not None and not 0 <= int(seconds) <= MAX_VISIBILITY:
        raise InvalidParameterValueException(
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be "
            f"an integer between 0 and {MAX_VISIBILITY}."
        )


def require_move_rate(per_second: int | None) -> None:
    """Check the rate of a message move task."""
    if per_second is not None and not 1 <= per_second <= MAX_MOVES_PER_SECOND:
        raise InvalidParameterValueException(
            f"Value {per_second} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between "
            f"1 and {MAX_MOVES_PER_SECOND}."
        )


def require_queue_attributes(attributes: Mapping[str, str] | None) -> None:
    """Check the numbers among a queue's attributes and its redrive policy."""
    for name, (low, high) in QUEUE_ATTRIBUTES.items():
        value = (attributes or {}).get(name)
        if value is not None and not (_WHOLE.fullmatch(value) and low <= int(value) <= high):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    if policy := (attributes or {}).get("RedrivePolicy"):
        _require_redrive_policy(policy)


def _require_redrive_policy(text: str) -> None:
    def refuse(why: str) -> None:
        raise InvalidParameterValueException(
            f"Value {text} for parameter RedrivePolicy is invalid. Reason: {why}"
        )

    try:
        policy = documents.loads(text)
        count, target = int(policy["maxReceiveCount"]), str(policy["deadLetterTargetArn"])
    except (ValueError, TypeError, ArithmeticError):
        return refuse("Redrive policy is not a valid JSON map.")
    except KeyError as missing:
        return refuse(f"Redrive policy does not contain mandatory attribute: {missing.args[0]}.")
    if not 1 <= count <= 1000:
        return refuse(
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        )
    _, _, service, region, account, name = (*target.split(":", 5), "", "", "", "", "", "")[:6]
    if service != "sqs" or name not in sqs_stores[account][region].queues:
        return refuse("Dead letter target does not exist.")
    return None


def _is_number(text: str | None) -> bool:
    return _NUMBER.fullmatch(text or "") is not None
