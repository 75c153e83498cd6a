"""The cause of death that a message carries in the DLQ, and what is left of it when the message comes back.

SQS allows ten attributes; an order's own three, its redrive count and the six of its death are ten. A sender's
attributes are therefore carried as functions.publish.attributes says.

A message that is requeued has not died: the worker sends it to its queue again before its receives run out.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from functions.common.errors import category_of, place_in_code, type_of
from functions.publish.attributes import CAUSE_ATTRIBUTES, LINEAGE, REDRIVE_COUNT, carrying, own
from functions.publish.envelope import Envelope
from functions.publish.message import OutgoingMessage, number, text

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

REQUEUES = "requeues"
WAITING_SINCE = "waitingSince"
EDITED = "edited"
UNDONE = "undone"
PLACE = "place"
"""Of the lineage. `place` is where in the code an error came from that nobody foresaw; `undone` is the id of the letter
that was edited, and is back as it was."""
MESSAGE_LENGTH = 256
MAX_HISTORY = 20
"""Deaths that are remembered, the latest ones: a message must not outgrow SQS's limit by dying."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def dead_letter(
    envelope: Envelope, error: BaseException, *, key: str, failed_at: datetime, code_version: str
) -> OutgoingMessage:
    """The message for the DLQ: the body untouched, the attributes, and why it died.

    A death that it had brought along, as SQS's own move task leaves it, becomes history.
    """
    again = any(envelope.text(name) is not None for name in CAUSE_ATTRIBUTES)
    lineage = _without(_with_death(envelope) if again else envelope.lineage, WAITING_SINCE, PLACE)
    return OutgoingMessage(
        body=envelope.body,
        group=envelope.group,
        attributes=carrying(
            envelope,
            lineage | ({PLACE: place} if (place := place_in_code(error)) else {}),
            {
                "idempotencyKey": text(key),
                **_identity(envelope),
                REDRIVE_COUNT: number(envelope.redrive_count),
                "errorType": text(type_of(error)),
                "errorCategory": text(category_of(error)),
                "errorMessage": text(short(str(error)) or type_of(error)),
                "failedAt": text(failed_at.isoformat(timespec="milliseconds")),
                "receiveCount": number(envelope.receive_count),
                "codeVersion": text(code_version),
            },
        ),
    )


def redriven(
    envelope: Envelope,
    delay_seconds: int,
    *,
    edit: Mapping[str, Any] | None = None,
) -> OutgoingMessage:
    """A dead letter as it goes back to the queue: its death becomes history, every other attribute stays.

    `edit`, which says who has corrected the letter, joins those in its lineage.
    """
    lineage = _without(_with_death(envelope), REQUEUES, WAITING_SINCE, PLACE, UNDONE)
    if edit is not None:
        lineage[EDITED] = [*_list(lineage.get(EDITED)), edit][-MAX_HISTORY:]
    mine = _identity(envelope) | {REDRIVE_COUNT: number(envelope.next_redrive_count)}
    return OutgoingMessage(
        body=envelope.body,
        group=envelope.group,
        attributes=carrying(envelope, lineage, mine),
        delay_seconds=delay_seconds,
    )


def requeued(envelope: Envelope, delay_seconds: int) -> OutgoingMessage:
    """A message as it is sent to its queue again: SQS counts its receives from the start, the lineage its requeues."""
    return OutgoingMessage(
        body=envelope.body,
        group=envelope.group,
        attributes=carrying(
            envelope,
            envelope.lineage | {REQUEUES: envelope.requeues + 1, WAITING_SINCE: envelope.waiting_since},
            own(envelope) | _identity(envelope),
        ),
        delay_seconds=delay_seconds,
    )


def place_of(envelope: Envelope) -> str:
    """Where in the code a dead letter's error came from; empty where its type says enough, or nobody knows."""
    if PLACE not in (envelope.text(LINEAGE) or ""):
        return ""
    place = envelope.lineage.get(PLACE)
    return short(place) if isinstance(place, str) else ""


def last_edit(envelope: Envelope) -> dict[str, Any]:
    """Who has corrected a message the last time, and which letter it replaced; empty where nobody has."""
    last = _list(envelope.lineage.get(EDITED))[-1:]
    return cast(dict[str, Any], last[0]) if last and isinstance(last[0], dict) else {}


def short(message: str, length: int = MESSAGE_LENGTH) -> str:
    """A message that fits into an attribute: one line of printable ASCII, at most `length` characters."""
    line = _UNPRINTABLE.sub(" ", message).strip()
    return line if len(line) <= length else f"{line[: length - 3]}..."


def _identity(envelope: Envelope) -> dict[str, "Attribute"]:
    """The ids it has as they are, and a correlation id in any case."""
    mine = own(envelope)
    kept = {name: mine[name] for name in ("correlationId", "idempotencyKey") if name in mine}
    return {"correlationId": text(envelope.correlation_id)} | kept


def _with_death(envelope: Envelope) -> dict[str, Any]:
    """The lineage, with the death that the attributes tell of as the latest one of its history."""
    lineage = envelope.lineage
    cause = {name: value for name in CAUSE_ATTRIBUTES if (value := envelope.text(name)) is not None}
    death = {**cause, REDRIVE_COUNT: envelope.redrive_count}
    if place := place_of(envelope):
        death[PLACE] = place
    return lineage | {"history": [*_list(lineage["history"]), death][-MAX_HISTORY:]}


def _without(lineage: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in lineage.items() if name not in names}


def _list(value: object) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []
