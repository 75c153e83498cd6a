"""What CloudWatch has of a metric, for tests whose metrics are their own by name or dimension."""

from datetime import UTC, datetime, timedelta
from typing import Any


def points(
    cloudwatch: Any, namespace: str, name: str, *statistics: str, **dimensions: str
) -> list[dict[str, Any]]:
    """The data points of the last hour, by whole days: one, none without data, two around midnight."""
    now = datetime.now(UTC)
    return cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": value} for dimension, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=statistics,
    )["Datapoints"]


def recent(cloudwatch: Any, namespace: str, name: str, statistic: str = "Sum", **dimensions: str) -> float:
    """One statistic of the last hour; 0 without data."""
    return sum(point[statistic] for point in points(cloudwatch, namespace, name, statistic, **dimensions))
