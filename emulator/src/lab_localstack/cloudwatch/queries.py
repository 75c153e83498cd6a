"""Metric data queries: metrics and expressions on them, over one grid of periods."""

import re
from collections.abc import Sequence
from typing import Any

from lab_localstack.cloudwatch import metric_math
from lab_localstack.cloudwatch.errors import ValidationException
from lab_localstack.cloudwatch.metric_data import STORE, Distribution, Metric
from lab_localstack.cloudwatch.metric_math import Grid, MetricMathError, Series
from lab_localstack.cloudwatch.statistics import UnknownStatisticError, statistic

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
SHORT_PERIODS = (1, 5, 10, 20, 30)


def dimensions(given: Sequence[Any] | None) -> dict[str, str]:
    """Dimensions as a dict."""
    return {dimension["Name"]: dimension["Value"] for dimension in given or ()}


def require_period(period: int, allowed: Sequence[int] = SHORT_PERIODS) -> None:
    """Raise ValidationException unless the period (seconds) is one of these or a multiple of 60."""
    if period not in allowed and (period <= 0 or period % 60):
        listed = ", ".join(map(str, allowed))
        raise ValidationException(f"Invalid period {period}: it must be {listed} or a multiple of 60")


def require_statistic(name: str) -> None:
    """Raise ValidationException unless the statistic can be computed."""
    try:
        statistic(name)
    except UnknownStatisticError as error:
        raise ValidationException(f"The value {name} for parameter Stat is not supported.") from error


class MetricQueries:
    """The queries of one GetMetricData call or of one metric math alarm, checked."""

    def __init__(self, queries: Sequence[Any], account: str, region: str) -> None:
        self._account = account
        self._region = region
        self.by_id: dict[str, Any] = {}
        for query in queries:
            identifier = query["Id"]
            if not _ID.fullmatch(identifier):
                raise ValidationException(
                    f"The value {identifier} for Id must start with a lowercase letter and hold only "
                    "letters, digits and underscores."
                )
            if identifier in self.by_id:
                raise ValidationException(
                    f"The values for parameter id in MetricDataQueries are not unique: {identifier}"
                )
            self.by_id[identifier] = query
        self._periods: dict[str, int] = {}
        for identifier in self.by_id:
            self.period(identifier)

    @property
    def metric_ids(self) -> tuple[str, ...]:
        """The ids of the queries that are metrics, not expressions."""
        return tuple(i for i, query in self.by_id.items() if "MetricStat" in query)

    def period(self, identifier: str, above: tuple[str, ...] = ()) -> int:
        """The query's period in seconds. Raises ValidationException on a query that cannot be answered."""
        if identifier in self._periods:
            return self._periods[identifier]
        if identifier in above:
            raise ValidationException(f"Expression {identifier} refers to itself")
        query = self.by_id.get(identifier)
        if query is None:
            raise ValidationException(f"Expression {above[-1]} refers to the unknown id {identifier}")
        if "MetricStat" in query:
            stat = query["MetricStat"]
            require_statistic(stat["Stat"])
            require_period(stat["Period"])
            period = stat["Period"]
        elif expression := query.get("Expression"):
            try:
                named = metric_math.references(expression) or set(self.metric_ids)
            except MetricMathError as error:
                raise ValidationException(f"Error in expression '{identifier}': {error}") from error
            periods = {self.period(name, (*above, identifier)) for name in named}
            if len(periods) > 1:
                raise ValidationException(f"Expression {identifier} mixes metrics of different periods")
            period = periods.pop() if periods else query.get("Period", 60)
        else:
            raise ValidationException(f"Query {identifier} needs either MetricStat or Expression")
        self._periods[identifier] = period
        return period

    def series(self, identifier: str, start: int, count: int) -> Series:
        """The query's values in `count` of its periods from `start` (epoch seconds) on."""
        query = self.by_id[identifier]
        period = self.period(identifier)
        if "MetricStat" in query:
            points = self.distributions(identifier, start, count)
            compute = statistic(query["MetricStat"]["Stat"])
            return [None if point is None else compute(point) for point in points]
        named = metric_math.references(query["Expression"]) | set(self.metric_ids)
        same_grid = {name for name in named if self.period(name) == period}
        grid = Grid(
            {name: self.series(name, start, count) for name in same_grid},
            tuple(name for name in self.metric_ids if name in same_grid),
            period,
        )
        try:
            return metric_math.evaluate(query["Expression"], grid)
        except MetricMathError as error:
            raise ValidationException(f"Error in expression '{identifier}': {error}") from error

    def sample_counts(self, identifier: str, start: int, count: int) -> list[float | None]:
        """How many samples each of the series' values has; an expression has none of its own."""
        if "MetricStat" not in self.by_id[identifier]:
            return [None] * count
        return [
            None if point is None else point.count for point in self.distributions(identifier, start, count)
        ]

    def distributions(self, identifier: str, start: int, count: int) -> list[Distribution | None]:
        """The samples behind a metric query."""
        stat = self.by_id[identifier]["MetricStat"]
        metric = stat["Metric"]
        return STORE.periods(
            Metric.of(
                self._account,
                self._region,
                metric["Namespace"],
                metric["MetricName"],
                dimensions(metric.get("Dimensions")),
            ),
            start,
            stat["Period"],
            count,
            stat.get("Unit"),
        )
