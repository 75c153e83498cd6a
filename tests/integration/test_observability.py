"""What the deployed pipeline shows of itself: metrics, saved queries and the dashboard, after traffic of every kind."""

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually

PERIOD = 60


@dataclass(frozen=True)
class Traffic:
    """Orders of each fate, all from `started` on (epoch seconds, in which nothing of an earlier test falls)."""

    started: int
    processed: str
    repeated: str
    dead: str


@pytest.fixture(scope="module")
def traffic(pipeline: Pipeline, api: Api) -> Traffic:
    """One order processed, one submitted twice, one that dies, and its redrive, in which it dies again."""
    started = int(time.time()) + 1
    time.sleep(started - time.time())
    good, twice = orders(2, label="observed")
    api.submit(good)
    for _ in range(2):
        api.submit(twice)
    dead = f"dead-{uuid.uuid4().hex[:8]}"
    body = json.dumps({"orderId": dead, "amount": -1})
    pipeline.aws.client("sqs").send_message(QueueUrl=pipeline.stack.queue_url, MessageBody=body)
    api.post_order(good | {"amount": -1})
    pipeline.set_failure_mode("duplicate_submit")
    eventually(lambda: _notices(pipeline, api), within=30, every=0.5)
    pipeline.set_failure_mode("none")
    eventually(lambda: pipeline.dlq().visible == 1 and pipeline.queue().total == 0, within=30)
    operation = api.start_redrive(minAgeSeconds=0, maxMessages=10)
    eventually(lambda: api.redrive(operation)["status"] not in ("PENDING", "RUNNING"), within=60)
    return Traffic(started, good["orderId"], twice["orderId"], dead)


def _notices(pipeline: Pipeline, api: Api) -> bool:
    """Whether the ingest function has the mode `duplicate_submit`: an order is published twice then."""
    api.submit(next(orders(1, label="mode")))
    noticed = (
        'filter event = "failure_mode.active" and failureMode = "duplicate_submit" and service = "ingest"'
    )
    return bool(_rows(pipeline, f"{noticed} | limit 1", minutes=1))


def _rows(
    pipeline: Pipeline, text: str, groups: list[str] | None = None, minutes: int = 15
) -> list[dict[str, str]]:
    logs = pipeline.aws.client("logs")
    stack = pipeline.stack
    names = (stack.ingest_function_name, stack.worker_function_name, stack.redrive_function_name)
    query = logs.start_query(
        logGroupNames=groups or [f"/aws/lambda/{name}" for name in names],
        queryString=text,
        startTime=int(time.time()) - 60 * minutes,
        endTime=int(time.time()) + 60,
    )["queryId"]
    answer = eventually(
        lambda: (found := logs.get_query_results(queryId=query))["status"] == "Complete" and found, within=30
    )
    assert answer
    return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]


def saved(pipeline: Pipeline, name: str) -> list[dict[str, str]]:
    """Run a query as it was deployed, over the log groups it was deployed with."""
    prefix = f"{pipeline.stack.prefix}/{name}"
    found = pipeline.aws.client("logs").describe_query_definitions(queryDefinitionNamePrefix=prefix)
    (definition,) = found["queryDefinitions"]
    return _rows(pipeline, definition["queryString"], definition["logGroupNames"])


def test_every_saved_query_is_executed_here(pipeline: Pipeline) -> None:
    found = pipeline.aws.client("logs").describe_query_definitions(
        queryDefinitionNamePrefix=f"{pipeline.stack.prefix}/"
    )
    names = {query["name"].removeprefix(f"{pipeline.stack.prefix}/") for query in found["queryDefinitions"]}
    assert names == {"error-analysis", "failure-modes", "idempotency", "performance", "redrive-audit"}


def test_error_analysis_counts_failures_by_cause(pipeline: Pipeline, traffic: Traffic) -> None:
    def row() -> bool:
        causes = {(row["errorCategory"], row["errorType"]): row for row in saved(pipeline, "error-analysis")}
        found = causes[("VALIDATION", "SchemaViolation")]
        return int(found["failures"]) >= 2 and found["willRetry"] in ("0", "false")

    eventually(row, within=10)


def test_failure_modes_tells_which_mode_was_active_in_which_function(
    pipeline: Pipeline, traffic: Traffic
) -> None:
    def seen() -> set[tuple[str, str]]:
        return {(row["failureMode"], row["service"]) for row in saved(pipeline, "failure-modes")}

    eventually(lambda: ("duplicate_submit", "ingest") in seen(), within=10)


def test_idempotency_tells_which_orders_came_more_than_once(pipeline: Pipeline, traffic: Traffic) -> None:
    def deliveries() -> bool:
        found = {
            row["orderId"]: (row["deliveries"], row["outcomes"]) for row in saved(pipeline, "idempotency")
        }
        return found.get(traffic.repeated) == ("2", "2") and traffic.processed not in found

    eventually(deliveries, within=10)


def test_performance_tells_durations_and_memory(pipeline: Pipeline, traffic: Traffic) -> None:
    rows = saved(pipeline, "performance")
    assert sum(int(row["invocations"]) for row in rows) >= 5
    for row in rows:
        assert 0 < float(row["avg(@duration)"]) <= float(row["max(@duration)"])
        assert float(row["max(@maxMemoryUsed)"]) > 0


def test_redrive_audit_lists_each_moved_message_with_its_operation(
    pipeline: Pipeline, traffic: Traffic
) -> None:
    def told() -> bool:
        rows = saved(pipeline, "redrive-audit")
        moved = next(row for row in rows if row.get("orderId") == traffic.dead)
        events = {row["event"] for row in rows if row.get("operationId") == moved["operationId"]}
        return events == {
            "redrive.requested", "redrive.started", "redrive.message_moved", "redrive.finished"
        }  # fmt: skip

    eventually(told, within=10)


def _sum(pipeline: Pipeline, traffic: Traffic, namespace: str, name: str, **dimensions: str) -> float:
    return sum(
        point["Sum"]
        for point in pipeline.aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=datetime.fromtimestamp(traffic.started, UTC),
            EndTime=datetime.now(UTC) + timedelta(seconds=PERIOD),
            Period=1,
            Statistics=["Sum"],
        )["Datapoints"]
    )


@pytest.mark.parametrize(
    ("name", "service", "at_least"),
    [
        ("OrdersProcessed", "worker", 2),
        ("OrdersDuplicate", "worker", 1),
        ("OrdersFailed", "worker", 2),
        ("OrdersDeadLettered", "worker", 2),
        ("OrdersRedriven", "redrive", 1),
    ],
)
def test_a_functions_metric_and_the_metric_filter_of_its_log_agree(
    pipeline: Pipeline, traffic: Traffic, name: str, service: str, at_least: int
) -> None:
    def agree() -> bool:
        emitted = _sum(pipeline, traffic, pipeline.stack.metric_namespace, name, service=service)
        counted = _sum(pipeline, traffic, pipeline.stack.log_metric_namespace, name)
        assert emitted == counted >= at_least, (emitted, counted)
        return True

    eventually(agree, within=15)


UNCAUSED = {f"Failed{cause}" for cause in ("Permanent", "Transient", "Timeout", "Processing")} | {
    "CircuitsOpened",
    "CircuitsClosed",
    "OrdersRequeued",
    "OldestOrderWaiting",
}
"""Metrics that exist once what they tell of has happened; no traffic here makes it happen."""


AUTHORIZED = timedelta(minutes=10)
"""More than an authorizer's answer is remembered: after earlier tests this traffic may not invoke the authorizer."""


def test_every_metric_of_the_dashboard_has_data(pipeline: Pipeline, traffic: Traffic) -> None:
    cloudwatch = pipeline.aws.client("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=pipeline.stack.dashboard_name)["DashboardBody"])
    rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", [])]
    metrics = [row for row in rows if "expression" not in row[0]]  # whose metrics are rows of their own
    assert len(metrics) > 30

    valve = f"{pipeline.stack.prefix}-valve"  # a function that only a pause invokes

    def missing() -> list[str]:
        return [
            " ".join(str(part) for part in metric)
            for metric in metrics
            if metric[1] not in UNCAUSED and valve not in metric and not _shown(metric)
        ]

    def _shown(metric: list[Any]) -> bool:
        namespace, name, *rest = metric
        options: dict[str, Any] = rest.pop() if isinstance(rest[-1], dict) else {}
        dimensions = [{"Name": key, "Value": value} for key, value in zip(rest[::2], rest[1::2], strict=True)]
        query = {
            "Id": "shown",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions},
                "Period": PERIOD,
                "Stat": options.get("stat", "Average"),
            },
        }
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=[query],
            StartTime=datetime.fromtimestamp(traffic.started, UTC) - AUTHORIZED,
            EndTime=datetime.now(UTC) + timedelta(seconds=PERIOD),
        )
        return bool(answer["MetricDataResults"][0]["Values"])

    def complete() -> bool:
        assert missing() == []
        return True

    eventually(complete, within=20, every=1)
