"""A dashboard's JSON is read as AWS documents it, and one widget that is not understood spoils no other."""

import json
from typing import Any

import pytest

from lab.console import dashboard as shape
from lab.console.dashboard import AlarmStatus, Dashboard, Graph, LogTable, Range, Text, Unknown, Widget
from lab.errors import LabError

HOUR = Range(0.0, 3600.0)


def board(*widgets: dict[str, Any], **more: Any) -> Dashboard:
    return shape.understood(json.dumps({"widgets": list(widgets), **more}))


def widget(kind: str, **properties: Any) -> dict[str, Any]:
    return {"type": kind, "x": 0, "y": 0, "width": 6, "height": 6, "properties": properties}


def only(dashboard: Dashboard) -> Widget:
    (found,) = dashboard.widgets
    return found


def graph(*metrics: list[Any], **properties: Any) -> Graph:
    found = only(board(widget("metric", metrics=list(metrics), **properties)))
    assert isinstance(found, Graph), found
    return found


def asked(*metrics: list[Any], period: shape.Period = "widget", **properties: Any) -> list[dict[str, Any]]:
    dashboard = board(widget("metric", metrics=list(metrics), **properties))
    found = only(dashboard)
    assert isinstance(found, Graph)
    return shape.queries(dashboard, found, HOUR, period)


def test_a_metric_is_asked_for_with_its_dimensions_statistic_and_period() -> None:
    (query,) = asked(
        ["AWS/SQS", "Sent", "QueueName", "orders", {"stat": "Sum", "period": 60, "label": "sent"}]
    )
    assert query == {
        "Id": "m1",
        "ReturnData": True,
        "Label": "sent",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "Sent",
                "Dimensions": [{"Name": "QueueName", "Value": "orders"}],
            },
            "Stat": "Sum",
            "Period": 60,
        },
    }


def test_a_metric_without_a_setting_takes_its_widgets_and_then_the_default() -> None:
    (by_widget,) = asked(["N", "M"], stat="p95", period=30)
    assert (by_widget["MetricStat"]["Stat"], by_widget["MetricStat"]["Period"]) == ("p95", 30)
    (by_default,) = asked(["N", "M"])
    assert (by_default["MetricStat"]["Stat"], by_default["MetricStat"]["Period"]) == ("Average", 300)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([".", "Errors", ".", "."], ["AWS/Lambda", "Errors", "FunctionName", "worker"]),
        (["...", "ingest"], ["AWS/Lambda", "Invocations", "FunctionName", "ingest"]),
        ([".", ".", ".", "redrive"], ["AWS/Lambda", "Invocations", "FunctionName", "redrive"]),
        (["...", {"stat": "Sum"}], ["AWS/Lambda", "Invocations", "FunctionName", "worker"]),
    ],
    ids=["one dot each", "three dots", "dots and a value", "three dots and options"],
)
def test_dots_repeat_the_values_of_the_previous_metric(second: list[Any], expected: list[str]) -> None:
    _, query = asked(["AWS/Lambda", "Invocations", "FunctionName", "worker"], second)
    metric = query["MetricStat"]["Metric"]
    pairs = [text for dimension in metric["Dimensions"] for text in (dimension["Name"], dimension["Value"])]
    assert [metric["Namespace"], metric["MetricName"], *pairs] == expected


def test_dots_do_not_look_at_expressions_in_between() -> None:
    _, _, query = asked(["N", "A", {"id": "a"}], [{"expression": "a * 2"}], [".", "B"])
    assert query["MetricStat"]["Metric"]["Namespace"] == "N"


def test_an_expression_may_use_metrics_that_are_not_shown() -> None:
    queries = asked(
        ["N", "Failed", {"id": "failed", "visible": False}],
        ["N", "All", {"id": "m1", "visible": False}],
        [{"expression": "100 * failed / m1", "label": "failed, %", "id": "share"}],
        ["N", "Other"],
    )
    assert [(query["Id"], query["ReturnData"]) for query in queries] == [
        ("failed", False),
        ("m1", False),
        ("share", True),
        ("m2", True),
    ]
    assert queries[2] | {"Period": 0} == {
        "Id": "share",
        "ReturnData": True,
        "Expression": "100 * failed / m1",
        "Label": "failed, %",
        "Period": 0,
    }


def test_a_dashboard_that_adapts_decides_the_period_by_its_range() -> None:
    dashboard = board(widget("metric", metrics=[["N", "M", {"period": 10}]]))
    found = only(dashboard)
    assert isinstance(found, Graph)

    def period(seconds: float, wanted: shape.Period = "dashboard") -> int:
        (query,) = shape.queries(dashboard, found, Range(0, seconds), wanted)
        return query["MetricStat"]["Period"]

    assert [period(3600), period(86_400), period(14 * 86_400)] == [60, 300, 3600]
    assert period(3600, "widget") == 10
    assert period(3600, 30) == 30


def test_a_dashboard_that_inherits_obeys_each_widget() -> None:
    dashboard = board(widget("metric", metrics=[["N", "M", {"period": 10}]]), periodOverride="inherit")
    found = only(dashboard)
    assert isinstance(found, Graph)
    (query,) = shape.queries(dashboard, found, HOUR)
    assert query["MetricStat"]["Period"] == 10


def test_a_single_value_over_the_whole_range_has_one_period() -> None:
    (query,) = asked(["N", "M"], view="singleValue", setPeriodToTimeRange=True)
    assert query["MetricStat"]["Period"] == 3600


def test_axes_colours_and_stacks_are_kept() -> None:
    found = graph(
        ["N", "A", {"yAxis": "right", "color": "#123456"}],
        ["N", "B"],
        stacked=True,
        yAxis={"left": {"min": 0, "max": 10, "label": "messages"}},
    )
    assert [(line.axis, line.color) for line in found.lines] == [("right", "#123456"), ("left", None)]
    assert (found.scales["left"].low, found.scales["left"].high, found.scales["left"].label) == (
        0,
        10,
        "messages",
    )
    assert found.stacked


def test_annotations_are_values_bands_and_times() -> None:
    found = graph(
        ["N", "A"],
        annotations={
            "horizontal": [{"value": 5, "label": "limit"}, [{"value": 1, "label": "good"}, {"value": 2}]],
            "vertical": [{"value": "2026-11-26T06:00:00Z", "label": "deployed"}],
        },
    )
    assert [(level.value, level.upper, level.label) for level in found.levels] == [
        (5, None, "limit"),
        (1, 2, "good"),
    ]
    assert [(moment.at, moment.label) for moment in found.moments] == [(1795672800.0, "deployed")]


def test_a_graph_of_an_alarm_shows_its_metric_and_threshold() -> None:
    found = graph(annotations={"alarms": ["arn:aws:cloudwatch:us-east-1:000000000000:alarm:dlq"]})
    assert found.alarm == "dlq"
    lines, threshold = shape.of_alarm(
        {
            "Namespace": "AWS/SQS",
            "MetricName": "Visible",
            "Dimensions": [{"Name": "QueueName", "Value": "dlq"}],
            "Statistic": "Maximum",
            "Period": 10,
            "Threshold": 3.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
    )
    assert [(line.period, line.query["MetricStat"]["Stat"]) for line in lines] == [(10, "Maximum")]
    assert (threshold.value, threshold.label) == (3.0, "> threshold")


def test_a_graph_of_a_metric_math_alarm_shows_the_compared_expression() -> None:
    lines, _ = shape.of_alarm(
        {
            "Metrics": [
                {
                    "Id": "a",
                    "MetricStat": {
                        "Metric": {"Namespace": "N", "MetricName": "M"},
                        "Stat": "Sum",
                        "Period": 60,
                    },
                    "ReturnData": False,
                },
                {"Id": "share", "Expression": "a / 2", "Label": "half"},
            ],
            "Threshold": 1.0,
            "ComparisonOperator": "LessThanThreshold",
        }
    )
    assert [(line.id, line.visible) for line in lines] == [("a", False), ("share", True)]


def test_alarm_log_and_text_widgets_are_understood() -> None:
    alarms, logs, text = board(
        widget("alarm", title="All", alarms=["arn:aws:cloudwatch:us-east-1:000000000000:alarm:one"]),
        widget(
            "log",
            title="Errors",
            query="SOURCE '/aws/lambda/a' | SOURCE '/aws/lambda/b' | fields @message\n| limit 5",
        ),
        widget("text", markdown="# Hello"),
    ).widgets
    assert isinstance(alarms, AlarmStatus)
    assert alarms.alarms == ("one",)
    assert isinstance(logs, LogTable)
    assert (logs.log_groups, logs.query) == (("/aws/lambda/a", "/aws/lambda/b"), "fields @message\n| limit 5")
    assert isinstance(text, Text)
    assert text.markdown == "# Hello"


@pytest.mark.parametrize(
    "strange",
    [
        widget("explorer"),
        widget("custom", endpoint="arn:aws:lambda:us-east-1:0:function:x"),
        widget("metric", metrics=[["N"]]),
        widget("metric", metrics=[["N", "M", "Dimension without value"]]),
        widget("metric", metrics=[["N", "M"]], view="hologram"),
        widget("text"),
        widget("log"),
        {"x": 1},
    ],
    ids=["explorer", "custom", "no name", "odd dimensions", "view", "no text", "no query", "no type"],
)
def test_a_widget_that_is_not_understood_is_shown_as_such_beside_the_others(strange: dict[str, Any]) -> None:
    first, second = board(strange, widget("text", markdown="fine")).widgets
    assert isinstance(first, Unknown)
    assert first.why
    assert isinstance(second, Text)


@pytest.mark.parametrize("body", ["", "[]", "no json", '{"widgets": 5}'])
def test_a_body_that_is_not_a_dashboard_is_an_error_with_a_fix(body: str) -> None:
    with pytest.raises(LabError) as raised:
        shape.understood(body)
    assert raised.value.fix


@pytest.mark.parametrize(
    ("start", "seconds"),
    [("-PT1H", 3600), ("-P1D", 86_400), ("-PT90M", 5400), ("-P1W", 604_800), (None, 10_800)],
)
def test_the_range_is_the_dashboards_own(start: str | None, seconds: int) -> None:
    found = board(start=start).range(now=1_000_000.0)
    assert (found.end - found.start, found.end) == (seconds, 1_000_000.0)


def test_a_range_may_be_absolute_and_may_be_overruled() -> None:
    dashboard = board(start="2026-11-26T06:00:00Z", end="2026-11-26T07:00:00Z")
    assert dashboard.range(now=0.0) == Range(1795672800.0, 1795676400.0)
    assert dashboard.range(now=1000.0, seconds=300) == Range(700.0, 1000.0)
