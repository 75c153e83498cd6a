"""What a report tells about one run."""

from dataclasses import dataclass, field

from lab.ledger import Ledger
from lab.timeline import Timeline


@dataclass(frozen=True)
class Step:
    """One step of a story: what was expected, what was seen, how long it took in seconds."""

    name: str
    expected: str
    seen: str
    passed: bool
    seconds: float


@dataclass
class Run:
    """One run, as far as it got."""

    name: str
    title: str
    engine: str
    timeline: Timeline
    steps: list[Step] = field(default_factory=list[Step])
    ledger: Ledger | None = None
    figures: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def passed(self) -> bool:
        """Whether every step passed and the ledger balances."""
        return all(step.passed for step in self.steps) and self.ledger is not None and self.ledger.balanced
