"""A dead letter described for a person who has to decide about it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.attributes import CAUSE_ATTRIBUTES
from functions.publish.envelope import Envelope
from functions.redrive.selection import Verdict, age_ms, error_category, error_type, is_attributed
from functions.validate import violations

BODY_EXCERPT = 1024
SHOWN_VIOLATIONS = 5


def describe(envelope: Envelope, verdict: Verdict, now_ms: int) -> dict[str, Any]:
    """What is known about a dead letter, and whether a plan would take it; what is not known is in `triage`."""
    attributed = is_attributed(envelope)
    known = {
        "messageId": envelope.message_id,
        "orderId": envelope.order_id,
        "correlationId": envelope.correlation_id,
        "idempotencyKey": envelope.text("idempotencyKey"),
        "redriveCount": envelope.redrive_count,
        "acceptedAt": envelope.accepted_at,
        "history": envelope.lineage["history"],
        "attributed": attributed,
        "ageSeconds": age_seconds(envelope, now_ms) if attributed else None,
        **{name: envelope.text(name) for name in CAUSE_ATTRIBUTES},
        "verdict": verdict,
        "body": envelope.body[:BODY_EXCERPT],
        "triage": None if attributed else _triage(envelope, now_ms),
    }
    return {name: value for name, value in known.items() if value is not None}


def statistics(envelopes: Iterable[Envelope]) -> dict[str, Any]:
    """How many died of what."""
    envelopes = list(envelopes)
    return {
        "total": len(envelopes),
        "byErrorType": Counter(map(error_type, envelopes)),
        "byErrorCategory": Counter(map(error_category, envelopes)),
    }


def age_seconds(envelope: Envelope, now_ms: int) -> int:
    """Seconds since death; for a message without a cause of death, since it was first sent."""
    return age_ms(envelope, now_ms) // 1000


def _triage(envelope: Envelope, now_ms: int) -> dict[str, Any]:
    """What can be inferred about a message that has no cause of death.

    Nobody wrote down when it died or at which receive: SQS counts on in the DLQ, from the message's first receive.
    """
    bounds = {
        "ageSecondsAtMost": age_seconds(envelope, now_ms),
        "receivesBeforeDeathAtMost": max(0, envelope.receive_count - 1),
    }
    try:
        found = violations(codec.loads(envelope.body))
    except MalformedJsonError as error:
        return {"inferred": f"the body is no JSON: {error}", "bodyValid": False, **bounds}
    if found:
        shown = [
            {"pointer": violation.pointer, "reason": violation.reason}
            for violation in found[:SHOWN_VIOLATIONS]
        ]
        return {"inferred": "the body violates its schema", "bodyValid": False, "violations": shown, **bounds}
    inferred = "the body is valid: the worker crashed, timed out, or was throttled at every receive"
    return {"inferred": inferred, "bodyValid": True, **bounds}
