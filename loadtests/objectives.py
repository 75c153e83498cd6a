"""What a run did to the service level objectives: the error budget it spent, and how fast, on the run's own clock.

The objectives, and the windows and rates at which their alarms ring, are those of infra/components/slo.py. Latency is
judged order by order; acceptance by what CloudWatch counts of the API. A window has whole periods, as an alarm's has.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from infra.components.slo import ACCEPTANCE_PERCENT, BURNS, LATENCY_PERCENT, Window
from infra.settings import Settings
from lab.history.events import History, Kind
from lab.history.places import accepted, effects
from lab.pipeline.metrics import Metric, Query, values
from lab.pipeline.observe import Pipeline
from lab.pipeline.timeline import Timeline


@dataclass(frozen=True)
class Asked:
    """So much was asked for in a period that began then (epoch seconds), and so much was not served as promised."""

    at: float
    times: float
    bad: float


@dataclass(frozen=True)
class Budget:
    """An objective and what was asked for, in the order of the moments."""

    name: str
    percent: float
    asked: Sequence[Asked]

    @property
    def spent(self) -> float | None:
        """Percent of what this run alone was allowed to do badly; None where nothing was asked for."""
        total = sum(one.times for one in self.asked)
        return 100 * self._pace(total, sum(one.bad for one in self.asked)) if total else None

    def fastest(self, seconds: float) -> float:
        """The most times faster than allowed that the budget was spent in any window of that length."""
        window: deque[Asked] = deque()
        times = bad = fastest = 0.0
        for one in self.asked:
            window.append(one)
            times, bad = times + one.times, bad + one.bad
            while window[0].at <= one.at - seconds:
                gone = window.popleft()
                times, bad = times - gone.times, bad - gone.bad
            fastest = max(fastest, self._pace(times, bad))
        return fastest

    def _pace(self, times: float, bad: float) -> float:
        return bad / times / (1 - self.percent / 100) if times else 0.0


def figures(budgets: Iterable[Budget], settings: Settings, timeline: Timeline) -> dict[str, str]:
    """What a report says of each objective, and when its alarms rang and fell silent."""
    return {name: text for budget in budgets for name, text in _figures(budget, settings, timeline)}


def _figures(budget: Budget, settings: Settings, timeline: Timeline) -> Iterator[tuple[str, str]]:
    if budget.spent is None:
        return
    total, bad = sum(one.times for one in budget.asked), sum(one.bad for one in budget.asked)
    yield f"{budget.name}: bad, where {budget.percent:g} % are to be good", f"{bad:.0f} of {total:.0f}"
    yield f"{budget.name}: this run's error budget spent", f"{budget.spent:.0f} %"
    for burn in BURNS:
        windows = [burn.seconds(window, settings) for window in get_args(Window)]
        paces = " / ".join(f"{budget.fastest(seconds):.1f}" for seconds in windows)
        alarm = f"{burn.severity}-{budget.name}-burn"
        yield (
            f"{budget.name}: fastest burn in {' / '.join(map(str, windows))} s",
            f"{paces} x; {burn.severity} at {burn.rate:g} x",
        )
        yield alarm, ", ".join(_rang(timeline, alarm)) or "silent"


def _rang(timeline: Timeline, alarm: str) -> Iterator[str]:
    """When readings saw an alarm ring, in seconds of the run."""
    for band in timeline.bands(alarm):
        if band.state == "ALARM":
            yield f"rang from {band.start:.0f} s to {'the end' if band.end >= timeline.end else f'{band.end:.0f} s'}"


def latency(history: History, target_seconds: float, period: int) -> Budget:
    """Each accepted order that was processed or died, once: bad where it was late, or died before anything else."""
    ends: dict[str, tuple[float, bool]] = {
        effect.order_id: (effect.processed_at / 1000, effect.latency_ms > 1000 * target_seconds)
        for effect in effects(history)
    }
    for event in reversed(list(history.of(Kind.DIED))):  # the first death is what remains
        if event.order_id is not None:
            ends[event.order_id] = event.time / 1000, True
    times, bad = Counter[float](), Counter[float]()
    for order_id in ends.keys() & accepted(history):
        at, is_bad = ends[order_id]
        times[at - at % period] += 1
        bad[at - at % period] += is_bad
    return Budget("latency", LATENCY_PERCENT, [Asked(at, times[at], bad[at]) for at in sorted(times)])


def acceptance(pipeline: Pipeline, since: float, until: float, period: int) -> Budget:
    """The API's answers between two moments, counted by periods: bad are server errors."""
    dimensions = (("ApiId", pipeline.stack.api_id),)
    queries = {
        name: Query(Metric("AWS/ApiGateway", name, dimensions), period=period) for name in ("Count", "5xx")
    }
    counted = values(pipeline.aws.client("cloudwatch"), queries, since - since % period, until + period)
    return Budget("acceptance", ACCEPTANCE_PERCENT, list(_by_period(counted)))


def _by_period(counted: Mapping[str, Mapping[float, float]]) -> Iterator[Asked]:
    for at, times in sorted(counted["Count"].items()):
        yield Asked(at, times, counted["5xx"].get(at, 0))
