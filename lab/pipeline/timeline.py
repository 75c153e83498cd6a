"""What the pipeline looked like over time: sampled in the background through AWS APIs."""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

from lab.pipeline.metrics import Sums, emitted
from lab.pipeline.observe import Pipeline
from lab.pipeline.sampler import Sampler

SAMPLE_SECONDS = 0.5
EARLIER = "ALARM from before"
"""The state of an alarm that has rung since before the timeline's start and tells of what was then."""


@dataclass(frozen=True)
class Sample:
    """The pipeline at one moment. `at` is seconds since the timeline's start, `processed` a count since then.

    The count is CloudWatch's, which costs the same however many orders there are; it comes a moment later.
    An alarm that rang at the start is EARLIER until it has once been silent.
    """

    at: float
    queued: int
    in_flight: int
    dlq: int
    processed: int
    alarms: dict[str, str]


@dataclass(frozen=True)
class Span:
    """A named stretch of a timeline, such as the time a fault was in force."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Band:
    """How long an alarm was in one state."""

    state: str
    start: float
    end: float


@dataclass
class Timeline:
    """Samples and named spans on one clock."""

    started: float = field(default_factory=time.time)
    samples: list[Sample] = field(default_factory=list[Sample])
    spans: list[Span] = field(default_factory=list[Span])
    missed: int = 0

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.time() - self.started

    @property
    def end(self) -> float:
        """When the last sample's stretch is over, in seconds since the start."""
        return self.samples[-1].at + SAMPLE_SECONDS if self.samples else 1.0

    def bands(self, alarm: str) -> Iterator[Band]:
        """An alarm's states, one band for each stretch without a change."""
        ends = [*(sample.at for sample in self.samples[1:]), self.end]
        states = [sample.alarms.get(alarm, "INSUFFICIENT_DATA") for sample in self.samples]
        known = zip(states, (sample.at for sample in self.samples), ends[: len(states)], strict=True)
        for state, stretch in groupby(known, key=itemgetter(0)):
            pieces = list(stretch)
            yield Band(state, pieces[0][1], pieces[-1][2])

    def so_far(self) -> "Timeline":
        """What is known now, for who looks while it is still being recorded."""
        return replace(self, samples=list(self.samples), spans=list(self.spans))

    @contextmanager
    def span(self, name: str) -> Generator[None]:
        """Name the time a `with` block takes."""
        start = self.now
        try:
            yield
        finally:
            self.spans.append(Span(name, start, self.now))


@contextmanager
def record(pipeline: Pipeline, every: float = SAMPLE_SECONDS) -> Generator[Timeline]:
    """Sample the pipeline every `every` seconds for the duration of a `with` block: see `Sampler`."""
    timeline = Timeline()
    processed = emitted(pipeline.stack, "OrdersProcessed", "worker")
    sums = Sums(pipeline)
    sums.watch(processed)

    def sample() -> None:
        taken = _sample(pipeline, timeline.now, sums.of(processed))
        before = timeline.samples[-1].alarms if timeline.samples else dict.fromkeys(taken.alarms, EARLIER)
        timeline.samples.append(replace(taken, alarms=since(before, taken.alarms)))

    sampler = Sampler(sample, every=every, keep=1)
    try:
        with sampler:
            yield timeline
    finally:
        timeline.missed = sampler.missed


def since(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The states of alarms, where one that rings and was EARLIER a moment before still is.

    >>> since({"a": EARLIER, "b": "OK"}, {"a": "ALARM", "b": "ALARM"})
    {'a': 'ALARM from before', 'b': 'ALARM'}
    """
    return {
        name: EARLIER if state == "ALARM" and before.get(name) == EARLIER else state
        for name, state in now.items()
    }


def _sample(pipeline: Pipeline, at: float, processed: float) -> Sample:
    queue, dlq = pipeline.queue(), pipeline.dlq()
    return Sample(
        at=at,
        queued=queue.visible + queue.delayed,
        in_flight=queue.in_flight,
        dlq=dlq.total,
        processed=round(processed),
        alarms=pipeline.alarm_states(),
    )
