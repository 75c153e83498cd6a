"""A dead letter described for a person who has to decide about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.attributes import CAUSE_ATTRIBUTES
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_category, error_type, is_attributed
from functions.redrive.fingerprint import NOT_JSON, VALID_BODY, fingerprint
from functions.redrive.selection import Verdict, age_ms
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
        "fingerprint": fingerprint(envelope),
        "ageSeconds": age_seconds(envelope, now_ms) if attributed else None,
        **{name: envelope.text(name) for name in CAUSE_ATTRIBUTES},
        "verdict": verdict,
        "body": envelope.body[:BODY_EXCERPT],
        "triage": None if attributed else _triage(envelope, now_ms),
    }
    return {name: value for name, value in known.items() if value is not None}


@dataclass
class Statistics:
    """How many letters died of what, counted as they come."""

    total: int = 0
    by_error_type: Counter[str] = field(default_factory=Counter[str])
    by_error_category: Counter[str] = field(default_factory=Counter[str])

    def add(self, envelope: Envelope) -> None:
        """Count one letter."""
        self.total += 1
        self.by_error_type[error_type(envelope)] += 1
        self.by_error_category[error_category(envelope)] += 1

    def add_all(self, envelopes: Iterable[Envelope]) -> None:
        """Count letters."""
        for envelope in envelopes:
            self.add(envelope)

    def as_json(self) -> dict[str, Any]:
        """The counts in the API's names."""
        return {
            "total": self.total,
            "byErrorType": self.by_error_type,
            "byErrorCategory": self.by_error_category,
        }


def statistics(envelopes: Iterable[Envelope]) -> dict[str, Any]:
    """How many of these died of what."""
    found = Statistics()
    found.add_all(envelopes)
    return found.as_json()


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
        return {"inferred": f"{NOT_JSON}: {error}", "bodyValid": False, **bounds}
    if found:
        shown = [
            {"pointer": violation.pointer, "reason": violation.reason}
            for violation in found[:SHOWN_VIOLATIONS]
        ]
        return {"inferred": "the body violates its schema", "bodyValid": False, "violations": shown, **bounds}
    return {"inferred": VALID_BODY, "bodyValid": True, **bounds}
