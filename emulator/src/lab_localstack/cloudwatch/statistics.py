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
_NUMBER = r"\d+(?:\.\d+)?"
_PERCENTILE_RANK = re.compile(rf"PR\(({_NUMBER})?:({_NUMBER})?\)")


class UnknownStatisticError(ValueError):
    """No statistic of that name is computed here."""


def statistic(name: str) -> Statistic:
    """The function behind Sum, Average, Minimum, Maximum, SampleCount, a percentile such as p99.9 or a percentile
    rank such as PR(:300).

    It yields None where the single values are not known. Raises UnknownStatisticError.
    """
    if name in BASIC:
        return BASIC[name]
    if match := _PERCENTILE.fullmatch(name):
        fraction = float(match[1]) / 100
        return lambda distribution: percentile(distribution, fraction)
    if (match := _PERCENTILE_RANK.fullmatch(name)) and any(match.groups()):
        low, high = (float(bound) if bound else None for bound in match.groups())
        return lambda distribution: percentile_rank(distribution, low, high)
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


def percentile_rank(distribution: Distribution, low: float | None, high: float | None) -> float | None:
    """The share of the samples, in percent, that are above `low` and not above `high`; None is no bound.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    """
    if not distribution.values:
        return None
    within = sum(
        count
        for value, count in distribution.values.items()
        if (low is None or value > low) and (high is None or value <= high)
    )
    return 100 * within / distribution.count


def low_sample_count(distribution: Distribution, name: str) -> bool:
    """Whether a percentile of so few samples means nothing: fewer than 10/(1-p), or 10/p below the median."""
    match = _PERCENTILE.fullmatch(name)
    if not match:
        return False
    fraction = float(match[1]) / 100
    rare = min(fraction, 1 - fraction)
    return rare > 0 and distribution.count < 10 / rare
