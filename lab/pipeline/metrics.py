"""CloudWatch metrics: several in one call, and sums since a moment."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.deployment.stack import Stack
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

PERIOD_SECONDS = 60


@dataclass(frozen=True)
class Metric:
    """One metric, by its namespace, its name and its dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


def emitted(stack: Stack, name: str, service: str) -> Metric:
    """A metric that a function writes into its log."""
    return Metric(stack.metric_namespace, name, (("service", service),))


def counted(stack: Stack, name: str) -> Metric:
    """A metric that a filter counts from the logs."""
    return Metric(stack.log_metric_namespace, name)


@dataclass(frozen=True)
class Query:
    """A statistic of a metric by periods of `period` seconds, such as `Sum`, `Maximum` or `p95`.

    AWS keeps whole minutes of most metrics; the engine takes shorter periods for all of them.
    """

    metric: Metric
    statistic: str = "Sum"
    period: int = PERIOD_SECONDS


def values(
    cloudwatch: "CloudWatchClient", queries: Mapping[str, Query], start: float, end: float
) -> dict[str, dict[float, float]]:
    """What GetMetricData answers in one call, by the names of the queries (at most 500).

    Times are epoch seconds; values are by the start of their period. A period without data is missing.
    """
    asked: list[MetricDataQueryTypeDef] = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": query.metric.namespace,
                    "MetricName": query.metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in query.metric.dimensions],
                },
                "Period": query.period,
                "Stat": query.statistic,
            },
        }
        for number, query in enumerate(queries.values())
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=asked,
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
    )
    found = {result.get("Id", ""): result for result in answer["MetricDataResults"]}
    return {
        name: {
            moment.timestamp(): value
            for moment, value in zip(
                found[f"q{number}"].get("Timestamps", []), found[f"q{number}"].get("Values", []), strict=True
            )
        }
        for number, name in enumerate(queries)
    }


class Sums:
    """What was added to metrics since this was made.

    CloudWatch counts by whole minutes, so what the first minute held before is subtracted: `watch` reads it.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
        self._start = math.floor(time.time() / PERIOD_SECONDS) * PERIOD_SECONDS
        self._before: dict[Metric, float] = {}

    def watch(self, metric: Metric) -> None:
        """Begin to count a metric."""
        self._before[metric] = self._sum(metric)

    def of(self, metric: Metric) -> float:
        """What was added since `watch`."""
        return self._sum(metric) - self._before[metric]

    def _sum(self, metric: Metric) -> float:
        until = time.time() + PERIOD_SECONDS
        return sum(values(self._cloudwatch, {"sum": Query(metric)}, self._start, until)["sum"].values())
