"""Which dead letters a plan takes, and why it leaves the others."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.envelope import Envelope
from functions.redrive.audit import is_kept_whole
from functions.redrive.error_types import error_category, error_type
from functions.redrive.fingerprint import fingerprint
from functions.redrive.plan import MAX_AGE_SECONDS, Plan
from functions.redrive.repair import RepairError, patched


class Verdict(StrEnum):
    """Whether a message is taken; the others say why not."""

    SELECTED = "selected"
    FILTERED = "filtered"
    TOO_YOUNG = "tooYoung"
    NEW_DEATH = "newDeath"
    SECOND_DEATH = "secondDeath"
    UNPATCHABLE = "unpatchable"


def judge(plan: Plan, envelope: Envelope, now_ms: int, requested_at: int | None = None) -> Verdict:
    """Judge one dead letter. Times are epoch milliseconds.

    What was sent after `requested_at` is not part of the operation: else a message that dies again at once would
    go round in circles until the operation's limit. SQS wrote down when that was; the death's own time may be
    of a wrong clock.
    """
    wanted = (
        plan.error_type in (None, error_type(envelope))
        and plan.error_category in (None, error_category(envelope))
        and plan.correlation_id in (None, envelope.correlation_id)
        and (plan.fingerprint is None or fingerprint(envelope) == plan.fingerprint)
        and (plan.body_contains is None or contains(envelope.body, plan.body_contains))
    )
    if not wanted:
        return Verdict.FILTERED
    if age_ms(envelope, now_ms) < plan.min_age_seconds * 1000:
        return Verdict.TOO_YOUNG
    if requested_at is not None and envelope.sent_at > requested_at:
        return Verdict.NEW_DEATH
    if envelope.redrive_count > 0 and not plan.force:
        return Verdict.SECOND_DEATH
    if plan.patch is not None and not is_patchable(envelope, plan.patch):
        return Verdict.UNPATCHABLE
    return Verdict.SELECTED


def is_patchable(envelope: Envelope, patch: str) -> bool:
    """Whether a patch makes a valid order of a letter, and the audit row can keep what it was before."""
    try:
        patched(envelope, patch)
    except RepairError:
        return False
    return is_kept_whole(envelope)


def contains(body: str, text: str) -> bool:
    r"""Whether a person who reads a body finds a text in it: as it is stored, or with its escapes (\u00fc) resolved.

    One letter may be spelled by several characters; which of its spellings is used does not matter.
    """
    if text in body:
        return True
    try:
        document = codec.loads(body)
    except MalformedJsonError:
        return False
    wanted = unicodedata.normalize("NFC", text)
    read = (codec.readable(document), *_texts(document))
    return any(wanted in unicodedata.normalize("NFC", words) for words in read)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON document, without the quotes and escapes that it has there."""
    match value:
        case str():
            yield value
        case dict():
            for name, inner in cast(dict[str, Any], value).items():
                yield name
                yield from _texts(inner)
        case list():
            for inner in cast(list[Any], value):
                yield from _texts(inner)
        case _:
            return


def died_at(envelope: Envelope) -> int:
    """When the message died, in epoch milliseconds: as its cause of death says, within what SQS's clock allows.

    The worker sends a letter after its death, so a death in the letter's future is of a wrong clock, or forged;
    so is one longer ago than SQS keeps any message. Without a cause of death only the first enqueue time is known: the
    true age since death is less.
    """
    try:
        failed_at = datetime.fromisoformat(envelope.text("failedAt") or "")
    except ValueError:
        return envelope.sent_at
    if failed_at.tzinfo is None:
        failed_at = failed_at.replace(tzinfo=UTC)
    oldest = envelope.sent_at - MAX_AGE_SECONDS * 1000
    return min(max(round(failed_at.timestamp() * 1000), oldest), envelope.sent_at)


def age_ms(envelope: Envelope, now_ms: int) -> int:
    """Milliseconds since death, never less than none; without a cause of death, since it was first sent."""
    return max(0, now_ms - died_at(envelope))
