"""A dead letter described for a person who has to decide about it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.death import CAUSE_ATTRIBUTES
from functions.publish.envelope import Envelope
from functions.redrive.selection import Verdict, error_category, error_type, is_attributed
from functions.validate import violations

BODY_EXCERPT = 1024
SHOWN_VIOLATIONS = 5


def describe(envelope: Envelope, verdict: Verdict) -> dict[str, Any]:
    """What is known about a dead letter, and whether a plan would take it."""
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
        **{name: envelope.text(name) for name in CAUSE_ATTRIBUTES},
        "verdict": verdict,
        "body": envelope.body[:BODY_EXCERPT],
        "triage": None if attributed else _triage(envelope),
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


def _triage(envelope: Envelope) -> dict[str, Any]:
    """What can be inferred about a message that has no cause of death."""
    try:
        found = violations(codec.loads(envelope.body))
    except MalformedJsonError as error:
        return {"bodyValid": False, "inferred": f"the body is no JSON: {error}"}
    if found:
        shown = [{"pointer": one.pointer, "reason": one.reason} for one in found[:SHOWN_VIOLATIONS]]
        return {"bodyValid": False, "violations": shown, "inferred": "the body violates its schema"}
    return {
        "bodyValid": True,
        "inferred": "the body is valid: the worker crashed, timed out, or was throttled at every receive",
        "receivesSinceFirstSent": envelope.receive_count,
    }
