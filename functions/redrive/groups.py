"""Dead letters in groups, one for each thing that they died of; a letter is counted and let go.

What is kept of a letter is a few numbers, so that any number of them can be grouped in little memory.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from functions.publish.envelope import Envelope
from functions.redrive.fingerprint import Cause, cause_of
from functions.redrive.selection import died_at

TREND_BUCKETS = 12
TREND_BUCKET_SECONDS = 300
"""The trend is of the last hour, in twelve parts of five minutes."""
RECENT_BUCKETS = 3
SAMPLES = 3

MOST_GROUPS = 500
"""Causes that are told apart; whoever makes up more fills this one."""
OTHERS = Cause("various", "various", f"more than {MOST_GROUPS} causes: the others", inferred=True)


@dataclass
class Group:
    """The letters of one fingerprint. Times are epoch milliseconds; `first_sent` is that of the letter that is next
    to expire. `deaths` are those of the last hour, the latest part last."""

    cause: Cause
    count: int = 0
    first_death: int = 0
    last_death: int = 0
    first_sent: int = 0
    most_receives: int = 0
    most_redrives: int = 0
    redriven: int = 0
    deaths: list[int] = field(default_factory=lambda: [0] * TREND_BUCKETS)
    samples: list[dict[str, str | None]] = field(default_factory=list[dict[str, str | None]])

    def add(self, envelope: Envelope, now_ms: int) -> None:
        """Count one letter."""
        died, redrives = died_at(envelope), envelope.redrive_count
        first = self.count == 0
        self.count += 1
        self.first_death = died if first else min(self.first_death, died)
        self.last_death = max(self.last_death, died)
        self.first_sent = envelope.sent_at if first else min(self.first_sent, envelope.sent_at)
        self.most_receives = max(self.most_receives, envelope.receive_count)
        self.most_redrives = max(self.most_redrives, redrives)
        self.redriven += redrives > 0
        ago = max(0, now_ms - died) // (TREND_BUCKET_SECONDS * 1000)
        if ago < TREND_BUCKETS:
            self.deaths[-1 - ago] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append({"messageId": envelope.message_id, "orderId": envelope.order_id})

    @property
    def trend(self) -> str:
        """What the last quarter of an hour says beside the one before."""
        recent = sum(self.deaths[-RECENT_BUCKETS:])
        before = sum(self.deaths[-2 * RECENT_BUCKETS : -RECENT_BUCKETS])
        if recent == 0:
            return "over"
        if recent == before:
            return "steady"
        return "growing" if recent > before else "slowing"

    def as_json(self, now_ms: int, retention_seconds: int) -> dict[str, Any]:
        """The group in the API's names; `retention_seconds` is how long the DLQ keeps a letter."""
        expires = self.first_sent // 1000 + retention_seconds
        return {
            "fingerprint": self.cause.fingerprint,
            "errorType": self.cause.error_type,
            "errorCategory": self.cause.error_category,
            "signature": self.cause.signature,
            **({"place": self.cause.place} if self.cause.place else {}),
            "inferred": self.cause.inferred,
            "count": self.count,
            "firstDeathAt": self.first_death,
            "lastDeathAt": self.last_death,
            "mostReceives": self.most_receives,
            "mostRedrives": self.most_redrives,
            "redriven": self.redriven,
            "trend": self.trend,
            "deaths": list(self.deaths),
            "oldestExpiresInSeconds": max(0, expires - now_ms // 1000),
            "samples": list(self.samples),
        }


class Groups:
    """Groups letters as they come. `cause` tells what a letter died of."""

    def __init__(self, now_ms: int, cause: Callable[[Envelope], Cause] = cause_of) -> None:
        self._now_ms = now_ms
        self._cause = cause
        self._groups: dict[str, Group] = {}

    def add(self, envelopes: Iterable[Envelope]) -> None:
        """Count letters."""
        for envelope in envelopes:
            self._group(self._cause(envelope)).add(envelope, self._now_ms)

    def _group(self, cause: Cause) -> Group:
        name = cause.fingerprint
        if name not in self._groups:
            if len(self._groups) >= MOST_GROUPS:
                name, cause = OTHERS.fingerprint, OTHERS
            self._groups.setdefault(name, Group(cause))
        return self._groups[name]

    @property
    def letters(self) -> int:
        """How many letters were counted."""
        return sum(group.count for group in self._groups.values())

    def as_json(self, retention_seconds: int) -> list[dict[str, Any]]:
        """The groups in the API's names, the largest first."""
        largest_first = sorted(
            self._groups.values(), key=lambda group: (-group.count, group.cause.fingerprint)
        )
        return [group.as_json(self._now_ms, retention_seconds) for group in largest_first]
