"""What the users of a load run sent and what the API answered: every process keeps its own, the master merges them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from loadtests.latencies import Latencies


class Outcome(StrEnum):
    """What became of a request or an order, where Locust's own statistics do not tell."""

    DUE = "orders due"
    DROPPED = "orders dropped: too many without an answer"
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
    """What became of the orders and requests of this process's users, or of all.

    `accepted` has the orders that the API promised to process, and when each was due (epoch seconds): where users
    wait for each other's answers that is when it was sent. An order sent twice is there once, with the first time.
    `answered` has how long answers took, by the requests' name, counted from when the request was due.
    """

    accepted: dict[str, float] = field(default_factory=dict[str, float])
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    answered: defaultdict[str, Latencies] = field(default_factory=lambda: defaultdict(Latencies))

    def accept(self, order_ids: Iterable[str], due: float) -> None:
        """The API answered 202 for these, which were due then."""
        ids = list(order_ids)
        for order_id in ids:
            self.accepted.setdefault(order_id, due)
        self.counts[Outcome.ACCEPTED] += len(ids)

    def count(self, outcome: Outcome, number: int = 1) -> None:
        """Count requests or orders that ended so."""
        self.counts[outcome] += number

    def take(self) -> dict[str, Any]:
        """Everything since the last call as plain data, for a message to the master."""
        taken = {
            "accepted": sorted(self.accepted.items()),
            "counts": {str(k): n for k, n in self.counts.items()},
            "answered": {name: sorted(one.counts.items()) for name, one in self.answered.items()},
        }
        self.clear()
        return taken

    def merge(self, taken: Mapping[str, Any]) -> None:
        """Add what another process took."""
        for order_id, due in taken["accepted"]:
            self.accepted[order_id] = min(due, self.accepted.get(order_id, due))
        for outcome, number in taken["counts"].items():
            self.counts[Outcome(outcome)] += number
        for name, counts in taken["answered"].items():
            self.answered[name].merge(counts)

    def clear(self) -> None:
        """Begin a new run."""
        self.accepted.clear()
        self.counts.clear()
        self.answered.clear()


ORDER_LOG = OrderLog()
"""The log of this process."""
