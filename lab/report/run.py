"""What a report tells about one run."""

from dataclasses import dataclass, field
from itertools import groupby

from lab.common.results import Result, Verdict, exit_code
from lab.history import Account
from lab.pipeline.ledger import Ledger
from lab.pipeline.timeline import Timeline


@dataclass(frozen=True)
class Excerpt:
    """One log line about one order. `at` is seconds since the run's start."""

    at: float
    function: str
    correlation_id: str
    event: str
    details: str
    order_id: str = ""


@dataclass(frozen=True)
class Moment:
    """Something that happened while people were at work.

    `at` is seconds since the run's start, `clock` what the clock said that they saw.
    """

    at: float
    clock: str
    kind: str
    text: str
    who: str = ""


@dataclass(frozen=True)
class PhaseResults:
    """What became of one phase's predictions."""

    name: str
    results: list[Result]


@dataclass(frozen=True)
class Percentiles:
    """How long something took, in milliseconds.

    `within` has the time within which a percentage was done, by that percentage ("99.9"). `curve` has the same for
    plotting, by the number of nines of the share: 0 for none of it, 1 for 90 %, 2 for 99 %; it ends with the longest.
    """

    name: str
    count: int
    within: dict[str, int]
    longest: int | None
    curve: list[tuple[float, int]]


@dataclass
class Run:
    """One run of a scenario, as far as it got.

    `story` is what the scenario says of itself, in paragraphs; `timings` are times to detect and to recover;
    `figures` are whatever else is worth comparing; `moments` what people and alarms did, where people played.
    """

    name: str
    title: str
    engine: str
    timeline: Timeline
    account: Account | None = None
    figures: dict[str, str] = field(default_factory=dict[str, str])
    timings: dict[str, str] = field(default_factory=dict[str, str])
    hypothesis: str = ""
    story: list[str] = field(default_factory=list[str])
    findings: list[Result] = field(default_factory=list[Result])
    excerpts: list[Excerpt] = field(default_factory=list[Excerpt])
    percentiles: list[Percentiles] = field(default_factory=list[Percentiles])
    moments: list[Moment] = field(default_factory=list[Moment])

    @property
    def passed(self) -> bool:
        """Whether every prediction could be looked at, none was refuted, and the account is sound."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """What a command that made the run exits with: see `lab.common.results.exit_code`."""
        return exit_code(self.findings) if self.account is not None and self.account.sound else 1

    @property
    def ledger(self) -> Ledger | None:
        """Where its orders are; None where that was not settled."""
        return self.account.ledger if self.account else None

    @property
    def phases(self) -> list[PhaseResults]:
        """The results of each phase, in the order in which they were played."""
        return [
            PhaseResults(name, list(group))
            for name, group in groupby(self.findings, lambda result: result.group)
        ]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.timeline.samples[-1].at if self.timeline.samples else 0.0

    @property
    def rang(self) -> set[str]:
        """Alarms that were in ALARM at some moment."""
        return {
            name
            for sample in self.timeline.samples
            for name, state in sample.alarms.items()
            if state == "ALARM"
        }

    def count(self, verdict: Verdict) -> int:
        """How many predictions ended so."""
        return sum(result.verdict == verdict for result in self.findings)
