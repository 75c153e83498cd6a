"""Which dead letters a plan takes, and why it leaves the others."""

from datetime import datetime
from enum import StrEnum

from functions.publish.envelope import Envelope
from functions.redrive.plan import UNATTRIBUTED, Plan


class Verdict(StrEnum):
    """Whether a message is taken; the others say why not."""

    SELECTED = "selected"
    FILTERED = "filtered"
    TOO_YOUNG = "tooYoung"
    NEW_DEATH = "newDeath"
    SECOND_DEATH = "secondDeath"


def judge(plan: Plan, envelope: Envelope, now_ms: int, requested_at: int | None = None) -> Verdict:
    """Judge one dead letter. Times are epoch milliseconds.

    What died after `requested_at` is no part of the operation: else a message that dies again at once would
    go round in circles until the operation's limit.
    """
    wanted = (
        plan.error_type in (None, error_type(envelope))
        and plan.error_category in (None, error_category(envelope))
        and plan.correlation_id in (None, envelope.correlation_id)
        and (plan.body_contains is None or plan.body_contains in envelope.body)
    )
    if not wanted:
        return Verdict.FILTERED
    if now_ms - died_at(envelope) < plan.min_age_seconds * 1000:
        return Verdict.TOO_YOUNG
    if requested_at is not None and died_at(envelope) > requested_at:
        return Verdict.NEW_DEATH
    if envelope.redrive_count > 0 and not plan.force:
        return Verdict.SECOND_DEATH
    return Verdict.SELECTED


def is_attributed(envelope: Envelope) -> bool:
    """Whether the worker wrote a cause of death; SQS's own redrive policy writes none."""
    return envelope.text("errorType") is not None


def error_type(envelope: Envelope) -> str:
    """The error a message died of."""
    return envelope.text("errorType") or UNATTRIBUTED


def error_category(envelope: Envelope) -> str:
    """Its category."""
    return envelope.text("errorCategory") or UNATTRIBUTED


def died_at(envelope: Envelope) -> int:
    """When the message died, in epoch milliseconds.

    Without a cause of death only its first enqueue time is known: the true age since death is less.
    """
    text = envelope.text("failedAt")
    try:
        return round(datetime.fromisoformat(text or "").timestamp() * 1000)
    except ValueError:
        return envelope.sent_at
