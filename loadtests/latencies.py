"""How long things took, as a histogram that several processes can add to.

It counts whole milliseconds, so nothing is estimated, and it grows with the number of different values and not with
the number of requests: a client waits at most 30 s for an answer. HdrHistogram would be the library for this; its
Python package has no wheel for Linux on arm64, where it would need a compiler to install.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.report import Percentiles

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
STEPS_PER_NINE = 10


@dataclass
class Latencies:
    """Counts by whole milliseconds, rounded up: what took 0.2 ms took no more than 1."""

    counts: Counter[int] = field(default_factory=Counter[int])

    def add(self, milliseconds: float) -> None:
        """Count one."""
        self.counts[math.ceil(milliseconds)] += 1

    def merge(self, counts: Iterable[tuple[int, int]]) -> None:
        """Add what another process counted: pairs of milliseconds and how often."""
        for milliseconds, times in counts:
            self.counts[milliseconds] += times

    @property
    def total(self) -> int:
        """How many were counted."""
        return self.counts.total()

    @property
    def longest(self) -> int | None:
        """The most milliseconds that any took; None where nothing was counted."""
        return max(self.counts, default=None)

    def quantile(self, share: float) -> int | None:
        """The fewest milliseconds within which that share (0 to 1) was done; None where nothing was counted."""
        return self.quantiles([share])[0] if self.counts else None

    def quantiles(self, shares: Iterable[float]) -> list[int]:
        """The same for several shares in ascending order; empty where nothing was counted."""
        wanted = list(shares)
        found: list[int] = []
        done = 0
        for milliseconds in sorted(self.counts):
            done += self.counts[milliseconds]
            while len(found) < len(wanted) and done >= wanted[len(found)] * self.total - 1e-9:
                found.append(milliseconds)
        return found

    def percentiles(self, name: str) -> Percentiles:
        """What a report shows of them."""
        steps = range(math.floor(STEPS_PER_NINE * math.log10(self.total)) + 1) if self.counts else ()
        nines = [step / STEPS_PER_NINE for step in steps]
        curve = list(zip(nines, self.quantiles(1 - 10**-one for one in nines), strict=True))
        if self.longest is not None:
            curve.append((math.log10(self.total), self.longest))
        usual = dict(zip((f"{100 * share:g}" for share in SHARES), self.quantiles(SHARES), strict=False))
        return Percentiles(name, self.total, usual, self.longest, curve)
