"""The observability stack: alarms, metrics from logs, dashboard, saved queries."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from functions.common.errors import Category
from functions.worker import waiting
from infra.bundles import ROOT
from infra.components.log_metrics import FAILURE_CATEGORIES
from infra.components.names import ALARMS, PAUSER_ALARMS, SEVERITIES
from tests.infra.templates import Templates

QUERY_COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
QUERY_FUNCTIONS = {"bin", "count", "count_distinct", "avg", "sum", "min", "max", "pct"}


def told(templates: Templates) -> dict[str, Mapping[str, Any]]:
    """The alarms that tell somebody, by their names without the prefix."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    found = [alarm.properties for kind in kinds for alarm in templates.all(kind)]
    names = {alarm["AlarmName"].removeprefix(f"{templates.prefix}-"): alarm for alarm in found}
    return {name: alarm for name, alarm in names.items() if name.startswith(SEVERITIES)}


def windows(templates: Templates) -> dict[str, Mapping[str, Any]]:
    """The windows of burn rates, by their names without the prefix."""
    found = [alarm.properties for alarm in templates.all("AWS::CloudWatch::Alarm")]
    names = {alarm["AlarmName"].removeprefix(f"{templates.prefix}-"): alarm for alarm in found}
    return {name: alarm for name, alarm in names.items() if not name.startswith(SEVERITIES)}


def test_the_stacks_have_exactly_the_listed_alarms(templates: Templates) -> None:
    missing = () if templates.settings.has_pauser else PAUSER_ALARMS
    assert told(templates).keys() == set(ALARMS) - set(missing)


def test_every_alarm_names_its_runbook_and_tells_the_topic_when_it_comes_and_goes(
    templates: Templates,
) -> None:
    for name, alarm in told(templates).items():
        assert alarm["AlarmDescription"].endswith(f"Runbook: ops/runbooks/{name}.md")
        assert alarm["AlarmActions"] == ["observability/Alarms"]
        assert alarm["OKActions"] == ["observability/Alarms"]


def test_the_windows_of_a_burn_rate_name_its_runbook_and_tell_nobody(templates: Templates) -> None:
    burns = [name for name in ALARMS if name.endswith("-burn")]
    assert windows(templates).keys() == {
        f"slo-{burn}-{window}" for burn in burns for window in ("long", "short")
    }
    for name, alarm in windows(templates).items():
        burn = name.removeprefix("slo-").rpartition("-")[0]
        assert alarm["AlarmDescription"].endswith(f"Runbook: ops/runbooks/{burn}.md")
        assert not alarm.keys() & {"AlarmActions", "OKActions"}


RARE = {"warning-rule-failures", "warning-dropped-events", "warning-recursion"} | {
    "warning-authorizer-errors",
    "warning-pauser-errors",
}
"""Told of by one bad period of three: what is lost or fails once is not tried again."""


def test_a_critical_alarm_needs_one_bad_period_a_warning_two_of_three_and_an_age_or_a_loss_one_of_three(
    templates: Templates,
) -> None:
    settings = templates.settings
    limits = {
        "warning-backlog": settings.backlog_alarm_messages,
        "warning-queue-age": 2 * settings.queue_visibility_seconds,
        "critical-queue-age": 4 * settings.queue_visibility_seconds,
        "critical-dlq-age": settings.dlq_age_alarm_seconds,
        "critical-api-5xx": 5,
        "warning-pauser-age": 20,
        "warning-latency": 1000 * settings.worker_timeout_seconds,
    }
    for short, rule in told(templates).items():
        if "AlarmRule" in rule:
            continue
        limit = 5 if short.endswith("-errors") else limits.get(short, 0)
        assert (rule["ComparisonOperator"], rule["Threshold"]) == ("GreaterThanThreshold", limit), short
        late = short.endswith("queue-age") or short in RARE
        periods = (1, 3) if late else (1, 1) if short.startswith("critical") else (2, 3)
        assert (rule["DatapointsToAlarm"], rule["EvaluationPeriods"]) == periods, short


@pytest.mark.parametrize(
    ("burn", "percent", "aws_seconds", "local_seconds"),
    [
        ("critical-acceptance-burn", 1.44, (3600, 300), (60, 10)),
        ("warning-acceptance-burn", 0.6, (21_600, 1800), (360, 10)),
        ("critical-latency-burn", 14.4, (3600, 300), (60, 10)),
        ("warning-latency-burn", 6, (21_600, 1800), (360, 10)),
    ],
)
def test_a_burn_rate_rings_while_too_much_is_bad_in_its_long_and_in_its_short_window(
    templates: Templates,
    burn: str,
    percent: float,
    aws_seconds: tuple[int, int],
    local_seconds: tuple[int, int],
) -> None:
    found = windows(templates)
    lengths = local_seconds if templates.settings.is_local else aws_seconds
    for window, seconds in zip(("long", "short"), lengths, strict=True):
        rule = found[f"slo-{burn}-{window}"]
        assert (rule["ComparisonOperator"], rule["Threshold"]) == ("GreaterThanThreshold", percent)
        assert (rule["DatapointsToAlarm"], rule["EvaluationPeriods"]) == (1, 1)
        stats = [query["MetricStat"] for query in rule["Metrics"] if "MetricStat" in query]
        assert {stat["Period"] for stat in stats} == {seconds}
    arns = [f"observability/AlarmSet/slo-{burn}-{window}.Arn" for window in ("long", "short")]
    both = " AND ".join(f'ALARM("{arn}")' for arn in arns)
    assert told(templates)[burn]["AlarmRule"] == f"({both})"


def test_customers_are_hurt_by_what_is_refused_late_or_dead_or_waits(templates: Templates) -> None:
    rule = told(templates)["critical-customers-hurt"]["AlarmRule"]
    assert set(re.findall(r"AlarmSet/([a-z-]+)\.Arn", rule)) == {
        "critical-acceptance-burn",
        "critical-latency-burn",
        "critical-queue-age",
    }
    assert rule.count(" OR ") == 2
    assert " AND " not in rule


def metrics_of(alarm: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The metrics in an alarm's expression with their statistics, by their ids."""
    return {
        query["Id"]: (query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Stat"])
        for query in alarm["Metrics"]
        if "MetricStat" in query
    }


def expression_of(alarm: Mapping[str, Any]) -> str:
    (compared,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
    return compared["Expression"]


def test_an_order_is_well_served_if_it_is_processed_in_time_and_does_not_die(templates: Templates) -> None:
    alarm = windows(templates)["slo-critical-latency-burn-long"]
    target = 1000 * templates.settings.latency_objective_seconds
    assert expression_of(alarm) == "FILL(bad, 0)"
    assert {query["Id"]: query["Expression"] for query in alarm["Metrics"] if "Expression" in query}[
        "bad"
    ] == ("100 * SUM([processed * (100 - in_time) / 100, died]) / SUM([processed, died])")
    assert metrics_of(alarm) == {
        "processed": ("EndToEndLatency", "SampleCount"),
        "in_time": ("EndToEndLatency", f"PR(:{target})"),
        "died": ("OrdersDeadLettered", "Sum"),
    }


def test_idle_times_set_off_no_alarm(templates: Templates) -> None:
    handling = {alarm.properties["TreatMissingData"] for alarm in templates.all("AWS::CloudWatch::Alarm")}
    assert handling == {"notBreaching"}


def test_an_alarm_that_tells_somebody_looks_at_one_period_length_and_at_its_own_environment(
    templates: Templates,
) -> None:
    for name, alarm in told(templates).items():
        if "AlarmRule" in alarm:
            continue
        stats = [query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        single = {
            "Metric": alarm,
            "Stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
            "Period": alarm.get("Period"),
        }
        for stat in stats or [single]:
            assert stat["Stat"] in ("Sum", "Maximum", "p99"), name
            assert stat["Period"] == templates.settings.alarm_period_seconds
            assert stat["Metric"]["Dimensions"]
            namespace = stat["Metric"]["Namespace"]
            assert namespace.startswith("AWS/") or namespace == f"Ingestion/{templates.settings.env_name}"


def test_the_age_of_the_oldest_order_is_the_queues_or_what_the_worker_tells_of_hidden_ones(
    templates: Templates,
) -> None:
    for severity in ("warning", "critical"):
        alarm = templates.one("AWS::CloudWatch::Alarm", f"AlarmSet/{severity}-queue-age").properties
        assert expression_of(alarm) == "MAX([age, IF(retried + requeued > 0, waiting, 0)])"
        assert metrics_of(alarm) == {
            "age": ("ApproximateAgeOfOldestMessage", "Maximum"),
            "retried": ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
            "requeued": ("ApproximateNumberOfMessagesDelayed", "Maximum"),
            "waiting": (waiting.METRIC, "Maximum"),
        }


def test_one_dead_letter_is_enough_for_an_alarm(aws: Templates) -> None:
    alarm = aws.one("AWS::CloudWatch::Alarm", "AlarmSet/critical-dlq-depth").properties
    assert expression_of(alarm) == "visible + hidden"
    assert metrics_of(alarm) == {
        "visible": ("ApproximateNumberOfMessagesVisible", "Maximum"),
        "hidden": ("ApproximateNumberOfMessagesNotVisible", "Maximum"),
    }
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            dimensions = query["MetricStat"]["Metric"]["Dimensions"]
            assert dimensions == [{"Name": "QueueName", "Value": "queue/OrdersDlq.QueueName"}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["EvaluationPeriods"] == 1


def test_failures_of_the_rule_are_looked_for_by_its_own_name(templates: Templates) -> None:
    dimensions = {
        each["Name"]: each["Value"] for each in told(templates)["warning-rule-failures"]["Dimensions"]
    }
    assert dimensions["RuleName"] == f"{templates.prefix}-order-events"


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


def test_where_queues_are_fair_the_dashboard_shows_what_waits_of_quiet_customers(aws: Templates) -> None:
    quiet = "ApproximateNumberOfMessagesVisibleInQuietGroups"
    for templates, shown in ((aws, False), (Templates({"fairQueues": "true"}), True)):
        body = templates.one("AWS::CloudWatch::Dashboard", "Dashboard/Dashboard").properties["DashboardBody"]
        assert (quiet in json.dumps(body)) is shown


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
