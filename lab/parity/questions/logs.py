"""CloudWatch Logs."""

import json
import time
from typing import Any

from lab.common.polling import wait_for
from lab.errors import LabError
from lab.parity.probe import documented, feature
from lab.parity.workbench import Workbench


@feature(
    "CloudWatch Logs",
    "FilterLogEvents with { $.n > 1 }",
    "1 of 2 events",
    documented("CloudWatch Logs guide, Filter pattern syntax"),
)
def _(bench: Workbench) -> str:
    logs = bench.client("logs")
    group = _logged(bench, ['{"n": 1}', '{"n": 2}'])
    found = logs.filter_log_events(logGroupName=group, filterPattern="{ $.n > 1 }")["events"]
    return f"{len(found)} of 2 events"


@feature(
    "CloudWatch Logs",
    "Insights: filter and stats",
    "count 1",
    documented("CloudWatch Logs guide, Logs Insights query syntax"),
)
def _(bench: Workbench) -> str:
    logs = bench.client("logs")
    group = _logged(bench, ['{"level": "ERROR"}', '{"level": "INFO"}'])
    query = logs.start_query(
        logGroupName=group,
        startTime=int(time.time()) - 600,
        endTime=int(time.time()) + 60,
        queryString="filter level = 'ERROR' | stats count(*) as n",
    )["queryId"]
    answer = wait_for(
        "the query",
        lambda: logs.get_query_results(queryId=query),
        lambda answer: answer["status"] in ("Complete", "Failed"),
        within=20,
    )
    return f"count {answer['results'][0][0]['value']}" if answer["results"] else answer["status"]


@feature(
    "CloudWatch Logs",
    "a metric filter with a pattern",
    "Sum 1.0",
    documented("CloudWatch Logs guide, Filter pattern syntax"),
)
def _(bench: Workbench) -> str:
    logs, namespace = bench.client("logs"), bench.name()
    group, stream = bench.log_group()
    logs.put_metric_filter(
        logGroupName=group,
        filterName="probe",
        filterPattern='{ $.event = "yes" }',
        metricTransformations=[{"metricName": "Seen", "metricNamespace": namespace, "metricValue": "1"}],
    )
    _put(bench, group, stream, ['{"event": "yes"}', '{"event": "no"}'])
    return _sum(bench, namespace, "Seen")


@feature(
    "CloudWatch Logs",
    "embedded metric format",
    "Sum 3.0",
    documented("CloudWatch guide, Embedded metric format specification"),
)
def _(bench: Workbench) -> str:
    namespace = bench.name()
    directive: dict[str, Any] = {"Namespace": namespace, "Dimensions": [[]], "Metrics": [{"Name": "Orders"}]}
    head: dict[str, Any] = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    _logged(bench, [json.dumps({"_aws": head, "Orders": 3})])
    return _sum(bench, namespace, "Orders")


@feature(
    "CloudWatch Logs",
    "a filter's name of 513 characters, a limit of 10,001",
    "InvalidParameterException",
    documented("CloudWatch Logs API reference, DeleteMetricFilter and FilterLogEvents"),
)
def _(bench: Workbench) -> str:
    logs, group = bench.client("logs"), bench.log_group()[0]
    refused = {
        bench.refused(logs.delete_metric_filter, logGroupName=group, filterName="x" * 513),
        bench.refused(logs.filter_log_events, logGroupName=group, limit=10_001),
    }
    return " and ".join(sorted(refused))


def _logged(bench: Workbench, messages: list[str]) -> str:
    group, stream = bench.log_group()
    _put(bench, group, stream, messages)
    return group


def _put(bench: Workbench, group: str, stream: str, messages: list[str]) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    bench.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _sum(bench: Workbench, namespace: str, metric: str) -> str:
    """The metric's sum of the last minutes, once there is one."""
    cloudwatch = bench.client("cloudwatch")

    def look() -> list[Any]:
        now = time.time()
        return cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            StartTime=now - 300,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]

    try:
        return f"Sum {sum(point['Sum'] for point in wait_for('a data point', look, bool, within=15))}"
    except LabError:
        return "no metric"
