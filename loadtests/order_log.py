"""What the users of a load run sent and what the API answered: every process keeps its own, the master merges them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of a request or an order, where Locust's own statistics do not tell."""

    SENT = "orders sent"
    ACCEPTED = "orders accepted"
    REFUSED = "invalid orders refused"
    WRONGLY_ACCEPTED = "invalid orders accepted"
    THROTTLED = "requests throttled (429)"
    GIVEN_UP = "orders given up after being throttled"
    CUT_OFF = "orders without an answer when the run ended"
    REDRIVEN = "dead letters redriven"


@dataclass
class OrderLog:
    """`accepted` are the ids of the orders that the API promised to process; an order sent twice is there once."""

    accepted: set[str] = field(default_factory=set[str])
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])

    def accept(self, order_ids: Iterable[str]) -> None:
        """The API answered 202 for these."""
        ids = list(order_ids)
        self.accepted.update(ids)
        self.counts[Outcome.ACCEPTED] += len(ids)

    def count(self, outcome: Outcome, number: int = 1) -> None:
        """Count requests or orders that ended so."""
        self.counts[outcome] += number

    def take(self) -> dict[str, Any]:
        """Everything since the last call as plain data, for a message to the master."""
        taken = {"accepted": sorted(self.accepted), "counts": {str(k): n for k, n in self.counts.items()}}
        self.clear()
        return taken

    def merge(self, taken: Mapping[str, Any]) -> None:
        """Add what another process took."""
        self.accepted.update(taken["accepted"])
        for outcome, number in taken["counts"].items():
            self.counts[Outcome(outcome)] += number

    def clear(self) -> None:
        """Begin a new run."""
        self.accepted.clear()
        self.counts.clear()


ORDER_LOG = OrderLog()
"""The log of this process."""
