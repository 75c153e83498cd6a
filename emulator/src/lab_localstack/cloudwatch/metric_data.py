"""Metric data in memory: a distribution a second, unit and metric, with the values that percentiles need.

AWS keeps high-resolution data for three hours at one second and then at one minute; so does this store, for
every metric: a lab runs with periods of 10 seconds on metrics that AWS keeps per minute.
"""

import math
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

FINE_SECONDS = 3 * 3600
COARSE = 60
COMPACT_ABOVE = FINE_SECONDS + 1800
LARGEST = 2.0**360
PAST, FUTURE = 14 * 86_400, 2 * 3600
"""Seconds that a sample's time may lie before and after now."""


def is_value(number: object) -> bool:
    """Whether a metric can have this value: a number, neither NaN nor out of CloudWatch's range."""
    return (
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and not math.isnan(number)
        and abs(number) <= LARGEST
    )


def is_time(at: float) -> bool:
    """Whether a sample can be of this time, in epoch seconds."""
    return time.time() - PAST <= at <= time.time() + FUTURE


class Metric(NamedTuple):
    """What identifies a metric; `dimensions` are (name, value) pairs in sorted order."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str] | None
    ) -> "Metric":
        """The metric with these dimensions, in whatever order they come."""
        return cls(account, region, namespace, name, tuple(sorted((dimensions or {}).items())))


class Distribution:
    """The samples of a metric in some stretch of time."""

    __slots__ = ("count", "high", "low", "total", "values")

    def __init__(self) -> None:
        self.count = 0.0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")
        self.values: dict[float, float] | None = {}
        """How often each value occurred; None once a statistic set hid the single values."""

    def add(self, value: float, count: float = 1) -> None:
        """Count a value that occurred `count` times."""
        self.count += count
        self.total += value * count
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        if self.values is not None:
            self.values[value] = self.values.get(value, 0) + count

    def add_summary(self, count: float, total: float, low: float, high: float) -> None:
        """Count a statistic set. It hides the single values unless they must all be equal."""
        if count == 1 or low == high:
            self.add(total / count, count)
            return
        self.count += count
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)
        self.values = None

    def merge(self, other: "Distribution") -> None:
        """Count all samples of another stretch of time."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        if other.values is None:
            self.values = None
        elif self.values is not None:
            for value, count in other.values.items():
                self.values[value] = self.values.get(value, 0) + count


class _Series:
    """One metric in one unit: its seconds in order, and the distribution of each."""

    __slots__ = ("distributions", "seconds")

    def __init__(self) -> None:
        self.seconds: list[int] = []
        self.distributions: dict[int, Distribution] = {}

    def at(self, second: int) -> Distribution:
        found = self.distributions.get(second)
        if found is None:
            found = self.distributions[second] = Distribution()
            if not self.seconds or second > self.seconds[-1]:
                self.seconds.append(second)
            else:
                insort(self.seconds, second)
        return found

    def between(self, start: int, end: int) -> Iterator[tuple[int, Distribution]]:
        seconds = self.seconds
        for index in range(bisect_left(seconds, start), len(seconds)):
            second = seconds[index]
            if second >= end:
                return
            yield second, self.distributions[second]

    def compact(self, before: int) -> None:
        """Merge the seconds before that time into whole minutes."""
        kept = bisect_left(self.seconds, before - before % COARSE)
        old = self.seconds[:kept]
        merged: dict[int, Distribution] = {}
        for second in old:
            merged.setdefault(second - second % COARSE, Distribution()).merge(self.distributions.pop(second))
        self.seconds = sorted(merged) + self.seconds[kept:]
        self.distributions.update(merged)


class MetricStore:
    """All metric data of the engine. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Metric, dict[str, _Series]] = {}

    def add(
        self,
        metric: Metric,
        samples: Iterable[tuple[float, float]],
        unit: str = "None",
        at: float | None = None,
    ) -> None:
        """Record `(value, count)` samples at a time in epoch seconds, now by default."""
        second = int(time.time() if at is None else at)
        with self._lock:
            distribution = self._of(metric, unit, second)
            for value, count in samples:
                distribution.add(float(value), count)

    def add_summary(
        self,
        metric: Metric,
        *,
        count: float,
        total: float,
        low: float,
        high: float,
        unit: str = "None",
        at: float | None = None,
    ) -> None:
        """Record a statistic set: sample count, sum, minimum and maximum."""
        second = int(time.time() if at is None else at)
        with self._lock:
            self._of(metric, unit, second).add_summary(count, total, low, high)

    def periods(
        self, metric: Metric, start: int, period: int, count: int, unit: str | None = None
    ) -> list[Distribution | None]:
        """The metric's samples in each of `count` periods from `start` on; None where there are none.

        Without a unit the samples of all units count.
        """
        result: list[Distribution | None] = [None] * count
        end = start + period * count
        with self._lock:
            by_unit = self._series.get(metric, {})
            for of_unit, series in by_unit.items():
                if unit is not None and of_unit != unit:
                    continue
                for second, distribution in series.between(start, end):
                    index = (second - start) // period
                    into = result[index]
                    if into is None:
                        into = result[index] = Distribution()
                    into.merge(distribution)
        return result

    def units(self, metric: Metric) -> list[str]:
        """The units in which the metric was ever published."""
        with self._lock:
            return list(self._series.get(metric, {}))

    def metrics(self, account: str, region: str, *, active_since: float | None = None) -> list[Metric]:
        """The account's metrics, oldest first; if asked, only those with samples since that time."""
        with self._lock:
            return [
                metric
                for metric, by_unit in self._series.items()
                if metric.account == account
                and metric.region == region
                and (active_since is None or any(s.seconds[-1] >= active_since for s in by_unit.values()))
            ]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._series.clear()

    def _of(self, metric: Metric, unit: str, second: int) -> Distribution:
        by_unit = self._series.get(metric)
        if by_unit is None:
            by_unit = self._series[metric] = {}
        series = by_unit.get(unit)
        if series is None:
            series = by_unit[unit] = _Series()
        if len(series.seconds) > COMPACT_ABOVE:
            series.compact(int(time.time()) - FINE_SECONDS)
        return series.at(second)


STORE = MetricStore()
