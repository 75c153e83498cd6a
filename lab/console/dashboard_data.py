"""What the deployed dashboard's widgets show, read through AWS APIs: GetMetricData, DescribeAlarms, Insights."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from markdown_it import MarkdownIt

from lab.console import dashboard as shape
from lab.console.dashboard import AlarmStatus, Dashboard, Graph, LogTable, Period, Range, Text, Widget
from lab.errors import LabError
from lab.pipeline import insights
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient

CALLS = 4

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def read(pipeline: Pipeline, seconds: float | None, period: Period) -> dict[str, Any]:
    """The deployed dashboard: each widget with its figures, for the last `seconds` or its own range.

    Raises LabError if its body is not a dashboard.
    """
    cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
    name = pipeline.stack.dashboard_name
    dashboard = shape.understood(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    reading = _Reading(
        cloudwatch=cloudwatch,
        logs=pipeline.aws.client("logs"),
        dashboard=dashboard,
        range=dashboard.range(time.time(), seconds),
        period=period,
        alarms=_alarms(cloudwatch, dashboard.widgets),
    )
    with ThreadPoolExecutor(CALLS, thread_name_prefix="dashboard") as calls:
        widgets = list(calls.map(reading.shown, dashboard.widgets))
    return {"name": name, "start": reading.range.start, "end": reading.range.end, "widgets": widgets}


@dataclass(frozen=True)
class _Reading:
    """One reading of a dashboard. `alarms` are those that its widgets name, as DescribeAlarms gives them."""

    cloudwatch: "CloudWatchClient"
    logs: "CloudWatchLogsClient"
    dashboard: Dashboard
    range: Range
    period: Period
    alarms: Mapping[str, Any]

    def shown(self, widget: Widget) -> dict[str, Any]:
        """One widget. What AWS refuses is said in its place, and the others are shown all the same."""
        told: dict[str, Any] = {"place": asdict(widget.place), "title": widget.title}
        try:
            return told | self._figures(widget)
        except ClientError as error:
            return told | {"type": "unknown", "why": f"AWS refuses what it asks for: {error}"}
        except LabError as error:
            return told | {"type": "unknown", "why": error.what}

    def _figures(self, widget: Widget) -> dict[str, Any]:
        match widget:
            case Graph():
                return self._graph(widget)
            case AlarmStatus():
                return {"type": "alarms", "alarms": self._states(widget)}
            case LogTable():
                return self._log_table(widget)
            case Text():
                return {"type": "text", "html": _MARKDOWN.render(widget.markdown)}
            case _:
                return {"type": "unknown", "why": widget.why}

    def _graph(self, graph: Graph) -> dict[str, Any]:
        levels = list(graph.levels)
        if graph.alarm:
            if graph.alarm not in self.alarms:
                raise LabError(f"There is no alarm {graph.alarm}.", "Run: make deploy-local")
            lines, threshold = shape.of_alarm(self.alarms[graph.alarm])
            levels.append(threshold)
            graph = replace(graph, lines=lines, title=graph.title or graph.alarm)
        asked = shape.queries(self.dashboard, graph, self.range, self.period)
        found = self._values(asked) if asked else []
        return {
            "type": "graph",
            "title": graph.title,
            "view": graph.view,
            "stacked": graph.stacked,
            "periods": sorted({query.get("Period") or query["MetricStat"]["Period"] for query in asked}),
            "scales": {axis: asdict(scale) for axis, scale in graph.scales.items()},
            "levels": [asdict(level) for level in levels],
            "moments": [asdict(moment) for moment in graph.moments],
            "series": [
                series | {"axis": line.axis, "color": line.color}
                for line in graph.lines
                if line.visible
                for series in found
                if series["id"] == line.id
            ],
        }

    def _values(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The series that GetMetricData answers; a search may answer several for one id."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        queries: Any = asked
        pages = self.cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(self.range.start, UTC),
            EndTime=datetime.fromtimestamp(self.range.end, UTC),
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                key = result.get("Id", ""), result.get("Label", "")
                series = found.setdefault(key, {"id": key[0], "label": key[1], "times": [], "values": []})
                series["times"] += [moment.timestamp() for moment in result.get("Timestamps", [])]
                series["values"] += result.get("Values", [])
        return list(found.values())

    def _states(self, widget: AlarmStatus) -> list[dict[str, Any]]:
        states = [
            {"name": name, "state": self.alarms.get(name, {}).get("StateValue", "missing")}
            for name in widget.alarms
        ]
        return [state for state in states if not widget.states or state["state"] in widget.states]

    def _log_table(self, widget: LogTable) -> dict[str, Any]:
        found = insights.ask(self.logs, widget.query, widget.log_groups, self.range.start, self.range.end)
        return {"type": "log", "view": widget.view, "columns": list(found.columns), "rows": list(found.rows)}


def _alarms(cloudwatch: "CloudWatchClient", widgets: Iterable[Widget]) -> dict[str, Any]:
    names: set[str] = set()
    for widget in widgets:
        if isinstance(widget, AlarmStatus):
            names |= set(widget.alarms)
        elif isinstance(widget, Graph) and widget.alarm:
            names.add(widget.alarm)
    if not names:
        return {}
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNames=sorted(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return {
        alarm.get("AlarmName", ""): alarm
        for page in pages
        for alarm in (*page.get("MetricAlarms", []), *page.get("CompositeAlarms", []))
    }
