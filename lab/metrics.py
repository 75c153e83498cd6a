"""Sums of CloudWatch metrics since a moment."""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

PERIOD_SECONDS = 60
LOG_NAMESPACE = "Ingestion/Logs"


@dataclass(frozen=True)
class Metric:
    """One metric, by its namespace, its name and its dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


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
        dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
        answer = self._cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "sum",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": metric.namespace,
                            "MetricName": metric.name,
                            "Dimensions": dimensions,  # pyright: ignore[reportArgumentType]  plain dicts
                        },
                        "Period": PERIOD_SECONDS,
                        "Stat": "Sum",
                    },
                }
            ],
            StartTime=datetime.fromtimestamp(self._start, UTC),
            EndTime=datetime.fromtimestamp(time.time() + PERIOD_SECONDS, UTC),
        )
        return sum(value for result in answer["MetricDataResults"] for value in result.get("Values", []))
