"""What a run has shown: which promises broke, on which orders, and what explains it."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.challenge.catalog import Challenge
from lab.challenge.promises import Promise
from lab.challenge.schedule import Schedule
from lab.errors import unknown
from lab.history.check import Judgement
from lab.history.events import History
from lab.history.places import ledger_of
from lab.history.rules import Breach
from lab.pipeline.ledger import Ledger

BUSY = 8.0
"""Processes that want each processor. Where there are more, no handler is to blame for what comes too late."""

SLOW_IMPORT = "its import takes longer than Lambda's 10 s"
TIMELINE = 12
"""Events of a breach that are told; the last ones, where there are more."""


@dataclass(frozen=True)
class Verdict:
    """What a run has shown. `unloaded` says why the handler could not even be loaded; there is no history then.

    With `unstruck` the schedule had faults of AWS's APIs, and no call has met one: promises that were kept say nothing.
    `load` is the machine's load average for each processor.
    """

    challenge: Challenge
    schedule: Schedule
    seconds: float
    unloaded: str = ""
    unstruck: bool = False
    load: float = 0.0
    history: History | None = None
    judgement: Judgement | None = None

    @property
    def passed(self) -> bool:
        """Whether every promise was kept, and was put to the test."""
        return self.judgement is not None and self.judgement.kept and not self.unstruck

    @property
    def untested(self) -> str:
        """Why the run neither convicts nor acquits; nothing if it does."""
        if self.unstruck and not self.broken:
            return "no call of AWS has met a fault of this run, so it proves nothing"
        late = SLOW_IMPORT in self.unloaded or (
            self.broken and all(promise.timed for promise, _ in self.broken)
        )
        if late and self.load > BUSY:
            return f"this machine is too busy, {self.load:.0f} processes want each processor, and what broke needs time"
        return ""

    @property
    def leaves_messages(self) -> bool:
        """Whether the queue was not empty at the end: another run of the same stack would meet what is left."""
        return bool(self.history and self.history.queued)

    @property
    def broken(self) -> list[tuple[Promise, list[Breach]]]:
        """The promises that were broken, as the challenge names them, each with what broke it."""
        if self.judgement is None:
            return []
        found = self.judgement.breaches
        return [
            (promise, list(found[promise.rule]))
            for promise in self.challenge.promises
            if found.get(promise.rule)
        ]

    @property
    def names(self) -> list[str]:
        """The names of the broken promises."""
        return [promise.rule.name for promise, _ in self.broken]

    @property
    def ledger(self) -> Ledger | None:
        """Where every order of the run was at its end."""
        return ledger_of(self.history) if self.history else None

    @property
    def lines(self) -> Iterator[str]:
        """What broke, on which order, its guilty timeline, and the rule that explains it; nothing if all is kept."""
        if self.unloaded:
            yield f"not loaded: {self.unloaded}"
        if self.untested:
            yield f"not tested: {self.untested}. Run it again."
        for promise, breaches in self.broken:
            breach, more = breaches[0], len(breaches) - 1
            who = f"order {breach.order_id}: " if breach.order_id else ""
            yield f"broken: {promise.rule.name}. {promise.rule.promise}"
            yield f"  {who}{breach.why}{f', and {more} more' * (more > 0)}"
            yield from (f"    {event.text}" for event in breach.timeline[-TIMELINE:])
            yield f"  why: {promise.because}"
            yield f"  source: {promise.source}"

    def require(self, *names: str) -> None:
        """Raise AssertionError with `lines` if one of these promises was broken; of all, if none is named."""
        known = {promise.rule.name for promise in self.challenge.promises}
        if strange := set(names) - known:
            raise unknown("promise", min(strange), sorted(known))
        if self.unloaded or self.untested or set(self.names) & set(names or known):
            raise AssertionError("\n".join(self.lines))
