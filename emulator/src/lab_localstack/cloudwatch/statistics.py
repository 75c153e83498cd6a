"""Statistics of a distribution, by CloudWatch's names."""

import re
from collections.abc import Callable
from itertools import accumulate

from lab_localstack.cloudwatch.metric_data import Distribution

type Statistic = Callable[[Distribution], float | None]

BASIC: dict[str, Statistic] = {
    "SampleCount": lambda d: d.count,
    "Sum": lambda d: d.total,
    "Average": lambda d: d.total / d.count,
    "Minimum": lambda d: d.low,
    "Maximum": lambda d: d.high,
}
_PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")


class UnknownStatisticError(ValueError):
    """No statistic of that name is computed here."""


def statistic(name: str) -> Statistic:
    """The function behind Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99.9.

    It yields None where the single values are not known. Raises UnknownStatisticError.
    """
    if name in BASIC:
        return BASIC[name]
    if match := _PERCENTILE.fullmatch(name):
        fraction = float(match[1]) / 100
        return lambda distribution: percentile(distribution, fraction)
    raise UnknownStatisticError(name)


def percentile(distribution: Distribution, fraction: float) -> float | None:
    """The smallest value that at least this fraction of the samples do not exceed (nearest rank)."""
    if not distribution.values:
        return None
    ordered = sorted(distribution.values.items())
    needed = fraction * distribution.count
    for (value, _), reached in zip(ordered, accumulate(count for _, count in ordered), strict=True):
        if reached >= needed - 1e-9:
            return value
    return ordered[-1][0]


def low_sample_count(distribution: Distribution, name: str) -> bool:
    """Whether a percentile of so few samples means nothing: fewer than 10/(1-p), or 10/p below the median."""
    match = _PERCENTILE.fullmatch(name)
    if not match:
        return False
    fraction = float(match[1]) / 100
    rare = min(fraction, 1 - fraction)
    return rare > 0 and distribution.count < 10 / rare
