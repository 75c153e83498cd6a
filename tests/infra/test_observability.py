"""The observability stack: alarms, metrics from logs, dashboard, saved queries."""

import json
import re
from typing import Any

import pytest

from functions.common.errors import Category
from functions.worker import waiting
from infra.bundles import ROOT
from infra.components.log_metrics import FAILURE_CATEGORIES
from infra.components.names import ALARMS
from tests.infra.templates import Templates

QUERY_COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
QUERY_FUNCTIONS = {"bin", "count", "count_distinct", "avg", "sum", "min", "max", "pct"}


def test_the_stacks_have_exactly_the_listed_alarms(templates: Templates) -> None:
    names = {alarm.properties["AlarmName"] for alarm in templates.all("AWS::CloudWatch::Alarm")}
    assert names == {f"{templates.prefix}-{alarm}" for alarm in ALARMS}


def test_every_alarm_names_its_runbook_and_tells_the_topic_when_it_comes_and_goes(
    templates: Templates,
) -> None:
    for alarm in templates.all("AWS::CloudWatch::Alarm"):
        short = alarm.properties["AlarmName"].removeprefix(f"{templates.prefix}-")
        assert alarm.properties["AlarmDescription"].endswith(f"Runbook: ops/runbooks/{short}.md")
        assert alarm.properties["AlarmActions"] == ["observability/Alarms"]
        assert alarm.properties["OKActions"] == ["observability/Alarms"]


def test_a_critical_alarm_needs_one_bad_period_a_warning_two_of_three_and_an_age_one_of_three(
    templates: Templates,
) -> None:
    settings = templates.settings
    limits = {
        "warning-backlog": settings.backlog_alarm_messages,
        "warning-queue-age": 2 * settings.queue_visibility_seconds,
        "critical-queue-age": 4 * settings.queue_visibility_seconds,
        "warning-latency": 1000 * settings.worker_timeout_seconds,
    }
    for alarm in templates.all("AWS::CloudWatch::Alarm"):
        rule = alarm.properties
        short = rule["AlarmName"].removeprefix(f"{templates.prefix}-")
        assert (rule["ComparisonOperator"], rule["Threshold"]) == (
            "GreaterThanThreshold",
            limits.get(short, 0),
        ), short
        periods = (1, 3) if short.endswith("age") else (1, 1) if short.startswith("critical") else (2, 3)
        assert (rule["DatapointsToAlarm"], rule["EvaluationPeriods"]) == periods, short


def test_idle_times_set_off_no_alarm(templates: Templates) -> None:
    handling = {alarm.properties["TreatMissingData"] for alarm in templates.all("AWS::CloudWatch::Alarm")}
    assert handling == {"notBreaching"}


def test_alarms_look_at_simple_statistics_of_the_alarms_period(templates: Templates) -> None:
    for alarm in templates.all("AWS::CloudWatch::Alarm"):
        single: dict[str, Any] = {"Metric": alarm.properties, "Stat": alarm.properties.get("Statistic")}
        stats = [
            query["MetricStat"] for query in alarm.properties.get("Metrics", []) if "MetricStat" in query
        ]
        for stat in stats or [single | {"Period": alarm.properties["Period"]}]:
            assert stat["Stat"] in ("Sum", "Average", "Maximum")
            assert stat["Period"] == templates.settings.alarm_period_seconds
            assert stat["Metric"]["Dimensions"]


def test_the_age_of_the_oldest_order_is_the_queues_or_what_the_worker_tells_of_hidden_ones(
    templates: Templates,
) -> None:
    for severity in ("warning", "critical"):
        alarm = templates.one("AWS::CloudWatch::Alarm", f"AlarmSet/{severity}-queue-age").properties
        (compared,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
        assert compared["Expression"] == "MAX([age, IF(retried + requeued > 0, waiting, 0)])"
        metrics = {
            query["Id"]: query["MetricStat"]["Metric"]["MetricName"]
            for query in alarm["Metrics"]
            if "MetricStat" in query
        }
        assert metrics == {
            "age": "ApproximateAgeOfOldestMessage",
            "retried": "ApproximateNumberOfMessagesNotVisible",
            "requeued": "ApproximateNumberOfMessagesDelayed",
            "waiting": waiting.METRIC,
        }


def test_one_dead_letter_is_enough_for_an_alarm(aws: Templates) -> None:
    alarm = aws.one("AWS::CloudWatch::Alarm", "AlarmSet/critical-dlq-depth").properties
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "queue/OrdersDlq.QueueName"}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["EvaluationPeriods"] == 1


def test_the_alarm_topic_mails_and_accepts_alarms_of_this_account_only(aws: Templates) -> None:
    (subscription,) = aws.all("AWS::SNS::Subscription")
    assert subscription.properties["Protocol"] == "email"
    assert subscription.properties["Endpoint"] == "devops@example.com"
    policy = aws.one("AWS::SNS::TopicPolicy", "Alarms/Policy").properties["PolicyDocument"]["Statement"]
    (allowed,) = [statement for statement in policy if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.parametrize(
    ("metric", "function", "pattern"),
    [
        ("OrdersProcessed", "Worker", '{ $.event = "order.processed" }'),
        ("OrdersDuplicate", "Worker", '{ $.event = "order.duplicate" }'),
        ("OrdersFailed", "Worker", '{ $.event = "order.failed" }'),
        ("OrdersDeadLettered", "Worker", '{ $.event = "order.dead_lettered" }'),
        ("CircuitsOpened", "Worker", '{ ($.event = "circuit.changed") && ($.toState = "OPEN") }'),
        ("CircuitsClosed", "Worker", '{ ($.event = "circuit.changed") && ($.toState = "CLOSED") }'),
        ("OrdersRedriven", "Redrive", '{ $.event = "redrive.message_moved" }'),
        *(
            (
                f"Failed{category.capitalize()}",
                "Worker",
                f'{{ ($.event = "order.failed") && ($.errorCategory = "{category}") }}',
            )
            for category in Category
        ),
    ],
)
def test_a_log_line_is_counted(aws: Templates, metric: str, function: str, pattern: str) -> None:
    properties = aws.one("AWS::Logs::MetricFilter", metric).properties
    assert properties["LogGroupName"] == f"functions/{function}/Logs"
    assert properties["FilterPattern"] == pattern
    (transformation,) = properties["MetricTransformations"]
    assert transformation == {
        "MetricName": metric,
        "MetricNamespace": "Ingestion/dev/Logs",
        "MetricValue": "1",
    }


def test_the_failure_categories_are_those_of_the_functions() -> None:
    assert set(FAILURE_CATEGORIES) == set(Category)


def test_the_events_counted_and_queried_are_events_that_the_functions_log() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    logged = set(re.findall(r"\"((?:order|redrive|failure_mode|circuit)\.[a-z_]+)\"", code))
    read = "\n".join(path.read_text() for path in (ROOT / "ops" / "queries").glob("*.logs"))
    read += (ROOT / "infra" / "components" / "log_metrics.py").read_text()
    wanted = set(re.findall(r"[\"']((?:order|redrive|failure_mode|circuit)\.[a-z_]+)[\"']", read))
    assert wanted
    assert wanted <= logged


def test_the_metrics_of_alarms_and_dashboard_are_metrics_that_the_functions_emit(aws: Templates) -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    dashboard = aws.one("AWS::CloudWatch::Dashboard", "Dashboard/Dashboard").properties["DashboardBody"]
    emitted = set(re.findall(r"\"Ingestion/dev\",\"(\w+)\"", dashboard))
    assert {"OrdersAccepted", "OrdersProcessed", "EndToEndLatency", "BatchSize"} <= emitted
    assert [metric for metric in sorted(emitted) if f'"{metric}"' not in code] == []


def test_the_dashboard_shows_queues_functions_api_and_orders(templates: Templates) -> None:
    properties = templates.one("AWS::CloudWatch::Dashboard", "Dashboard/Dashboard").properties
    assert properties["DashboardName"] == templates.prefix
    titles = {
        widget["properties"].get("title") for widget in json.loads(properties["DashboardBody"])["widgets"]
    }
    assert {
        "Alarms",
        "Queue depth",
        "Dead letters",
        "Invocations",
        "Throttles",
        "Requests",
        "Orders",
    } <= titles


def test_every_query_file_becomes_a_query_definition_over_the_pipelines_logs(aws: Templates) -> None:
    definitions = {d.properties["Name"]: d.properties for d in aws.all("AWS::Logs::QueryDefinition")}
    files = {path.stem for path in (ROOT / "ops" / "queries").glob("*.logs")}
    assert files == {"error-analysis", "performance", "idempotency", "failure-modes", "redrive-audit"}
    assert definitions.keys() == {f"ingestion-dev/{name}" for name in files}
    for definition in definitions.values():
        assert len(definition["LogGroupNames"]) == 3


def test_saved_queries_keep_to_the_commands_that_every_engine_understands(aws: Templates) -> None:
    for definition in aws.all("AWS::Logs::QueryDefinition"):
        for part in definition.properties["QueryString"].replace("\n|", "|").split("|"):
            assert part.split()[0] in QUERY_COMMANDS
            assert set(re.findall(r"(\w+)\(", part)) <= QUERY_FUNCTIONS
