"""What CloudWatch has of the engine's own metrics."""

from datetime import UTC, datetime, timedelta
from typing import Any


def recent(cloudwatch: Any, namespace: str, name: str, statistic: str = "Sum", **dimensions: str) -> float:
    """A statistic of a metric over the last ten minutes; 0 without data, and a sum of two where the hour changed."""
    end = datetime.now(UTC) + timedelta(minutes=1)
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": value} for dimension, value in dimensions.items()],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)
