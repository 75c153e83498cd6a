"""When orders are due in the open model: on a schedule that no answer moves.

A user of the closed model waits for each answer, so that a server that stalls is asked less while it stalls, and most
of the stall never shows in the percentiles (Gil Tene's "coordinated omission"). Users of the open model stand for a
crowd: each is a source of one order a second on average, whatever became of those before. Sources add up: N of them
with constant gaps make N orders a second, and N Poisson processes of rate 1 make one of rate N.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

GAP_SECONDS = 1.0
"""From one order of a source to its next, on average."""


class Gaps(StrEnum):
    """How a source's orders follow each other."""

    CONSTANT = "constant"
    POISSON = "poisson"


_NEXT: dict[Gaps, Callable[[random.Random], float]] = {
    Gaps.CONSTANT: lambda _: GAP_SECONDS,
    Gaps.POISSON: lambda rng: rng.expovariate(1 / GAP_SECONDS),
}


@dataclass(frozen=True)
class Schedule:
    """The arrivals of a run. The same seed, process and source give the same ones."""

    gaps: Gaps
    seed: int

    def of_source(self, process: int, source: int) -> Iterator[float]:
        """Seconds after the source's start at which its orders are due, without end. The first is at random, so that
        sources that start together do not send together."""
        rng = random.Random(f"{self.seed}/{process}/{source}")  # noqa: S311  a load, not a secret
        due = rng.uniform(0, GAP_SECONDS) if self.gaps is Gaps.CONSTANT else _NEXT[self.gaps](rng)
        while True:
            yield due
            due += _NEXT[self.gaps](rng)
