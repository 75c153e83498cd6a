"""Orders that lately came by, and how each ended: where somebody begins who has no id yet."""

from dataclasses import asdict, dataclass
from typing import Any

from lab.pipeline.logs import Entry, entries
from lab.pipeline.observe import Pipeline

FUNCTIONS = ("ingest", "worker", "redrive")
UNWELL = ("order.failed", "order.dead_lettered", "order.rejected")
MOST = 50


@dataclass(frozen=True)
class Seen:
    """An order, the last that was logged of it, and when (epoch milliseconds)."""

    order: str
    event: str
    what: str
    at: int

    @property
    def unwell(self) -> bool:
        """Whether that was not good."""
        return self.event in UNWELL

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"unwell": self.unwell}


def lately(pipeline: Pipeline, since: int) -> list[Seen]:
    """Orders that the functions have logged since a moment (epoch milliseconds): the unwell first, then the latest."""
    return ranked(entries(pipeline, FUNCTIONS, since, "orderId"))


def ranked(lines: list[Entry]) -> list[Seen]:
    """What lines, oldest first, tell of orders: one entry for each order, of its last event."""
    seen = {
        line.order: Seen(line.order, line.event, line.what, line.at)
        for line in lines
        if line.order and line.event.startswith(("order.", "redrive."))
    }
    return sorted(seen.values(), key=lambda order: (not order.unwell, -order.at))[:MOST]
