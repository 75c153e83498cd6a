"""A CloudWatch dashboard's JSON, understood: what each widget shows, and what is to be asked for it.

The format is AWS's "Dashboard Body Structure and Syntax" (CloudWatch API reference). Nothing here asks anybody.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from lab.errors import LabError

COLUMNS = 24
DEFAULT_PERIOD = 300
DEFAULT_STATISTIC = "Average"
DEFAULT_SIZE = 6
DEFAULT_RANGE = timedelta(hours=3)
"""What CloudWatch shows of a dashboard that names no time range."""

PERIODS = (60, 300, 900, 3600, 21_600, 86_400)
MOST_POINTS = 360
"""A graph adapts its period so that it has no more points than this; AWS does not say how its own do."""

VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
DURATION = re.compile(
    r"-?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
UNIT_SECONDS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)

type Axis = Literal["left", "right"]
type Period = Literal["dashboard", "widget"] | int
"""Whose periods count: the dashboard's rule, each widget's own, or a number of seconds for all."""


@dataclass(frozen=True)
class Line:
    """One metric or expression of a graph. `query` lacks the period, which depends on the range shown."""

    id: str
    query: Mapping[str, Any]
    axis: Axis
    visible: bool
    period: int
    color: str | None = None


@dataclass(frozen=True)
class Scale:
    """One axis of values."""

    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Level:
    """A horizontal annotation: a value, or a band up to `upper`."""

    value: float
    label: str
    axis: Axis = "left"
    upper: float | None = None
    color: str | None = None


@dataclass(frozen=True)
class Moment:
    """A vertical annotation: a time, or a span up to `until` (epoch seconds)."""

    at: float
    label: str
    until: float | None = None
    color: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a widget lies on the grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Graph:
    """A metric widget. With `alarm`, it shows the metric of that alarm and its threshold."""

    place: Place
    title: str
    view: str
    stacked: bool
    lines: tuple[Line, ...]
    scales: Mapping[Axis, Scale]
    levels: tuple[Level, ...] = ()
    moments: tuple[Moment, ...] = ()
    alarm: str | None = None
    whole_range: bool = False


@dataclass(frozen=True)
class AlarmStatus:
    """An alarm widget: the states of some alarms, by name."""

    place: Place
    title: str
    alarms: tuple[str, ...]
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogTable:
    """A log widget: an Insights query of some log groups."""

    place: Place
    title: str
    view: str
    query: str
    log_groups: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A text widget."""

    place: Place
    markdown: str
    title: str = ""


@dataclass(frozen=True)
class Unknown:
    """A widget that the console does not show, and why."""

    place: Place
    title: str
    why: str


type Widget = Graph | AlarmStatus | LogTable | Text | Unknown


@dataclass(frozen=True)
class Range:
    """The time shown, in epoch seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def adapted_period(self) -> int:
        """The shortest usual period that leaves no more points than a graph can show."""
        return next((period for period in PERIODS if self.seconds / period <= MOST_POINTS), PERIODS[-1])


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. `adapts` says that the time range decides the period of all graphs, not they themselves."""

    widgets: tuple[Widget, ...]
    adapts: bool
    start: str | None = None
    end: str | None = None

    def range(self, now: float, seconds: float | None = None) -> Range:
        """The time to show: the last `seconds`, else what the dashboard says."""
        if seconds is not None:
            return Range(now - seconds, now)
        end = _time(self.end, now) if self.end else now
        start = _time(self.start, now) if self.start else end - DEFAULT_RANGE.total_seconds()
        return Range(start, end)

    def period(self, line: Line, shown: Range, wanted: Period = "dashboard") -> int:
        """The period of a line in seconds."""
        if isinstance(wanted, int):
            return wanted
        return shown.adapted_period if self.adapts and wanted == "dashboard" else line.period


def understood(body: str) -> Dashboard:
    """The dashboard of a body. Raises LabError if it is none; a widget alone that is none is shown as unknown."""
    try:
        document = json.loads(body)
        widgets = document.get("widgets", [])
        found = tuple(_widget(widget, number) for number, widget in enumerate(widgets))
    except (ValueError, AttributeError, TypeError) as error:
        raise LabError(f"The dashboard's body cannot be read: {error}.", "Run: make deploy-local") from error
    return Dashboard(
        widgets=found,
        adapts=document.get("periodOverride", "auto") == "auto",
        start=document.get("start"),
        end=document.get("end"),
    )


def queries(
    dashboard: Dashboard, graph: Graph, shown: Range, wanted: Period = "dashboard"
) -> list[dict[str, Any]]:
    """The MetricDataQueries of a graph."""
    asked: list[dict[str, Any]] = []
    for line in graph.lines:
        period = dashboard.period(line, shown, wanted)
        if graph.whole_range and graph.view != "timeSeries":
            period = max(60, round(shown.seconds / 60) * 60)
        query: dict[str, Any] = {"Id": line.id, "ReturnData": line.visible, **line.query}
        if "MetricStat" in query:
            query["MetricStat"] = query["MetricStat"] | {"Period": period}
        else:
            query["Period"] = period
        asked.append(query)
    return asked


def of_alarm(alarm: Mapping[str, Any]) -> tuple[tuple[Line, ...], Level]:
    """The lines and the threshold of an alarm, as DescribeAlarms gives it."""
    threshold = Level(
        float(alarm.get("Threshold", 0)), f"{_SIGNS.get(alarm['ComparisonOperator'], '')} threshold"
    )
    if alarm.get("Metrics"):
        lines = tuple(
            Line(
                id=one["Id"],
                query={name: one[name] for name in ("MetricStat", "Expression", "Label") if name in one},
                axis="left",
                visible=bool(one.get("ReturnData", True)),
                period=one.get("MetricStat", {}).get("Period", one.get("Period", DEFAULT_PERIOD)),
            )
            for one in alarm["Metrics"]
        )
        return lines, threshold
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if alarm.get(name)}
    stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or DEFAULT_STATISTIC
    line = Line("alarm", {"MetricStat": {"Metric": metric, "Stat": stat}}, "left", True, alarm["Period"])
    return (line,), threshold


_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}


def _widget(widget: dict[str, Any], number: int) -> Widget:
    place = Place(
        x=int(widget.get("x", 0)),
        y=int(widget.get("y", 0)),
        width=int(widget.get("width", DEFAULT_SIZE)),
        height=int(widget.get("height", DEFAULT_SIZE)),
    )
    properties: dict[str, Any] = widget.get("properties", {})
    title = str(properties.get("title", ""))
    try:
        return _KINDS.get(widget["type"], _unknown)(place, title, properties, widget)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        return Unknown(place, title or f"widget {number + 1}", f"its properties cannot be read: {error!r}")


def _graph(place: Place, title: str, properties: dict[str, Any], _widget: Any) -> Widget:
    view = properties.get("view", "timeSeries")
    if view not in VIEWS:
        return Unknown(place, title, f"the view {view} is not known here")
    annotations = properties.get("annotations", {})
    axes = properties.get("yAxis", {})
    alarms = annotations.get("alarms", [])
    return Graph(
        place=place,
        title=title,
        view=view,
        stacked=bool(properties.get("stacked", False)),
        lines=tuple(_lines(properties)),
        scales={"left": _scale(axes.get("left", {})), "right": _scale(axes.get("right", {}))},
        levels=tuple(_levels(annotations.get("horizontal", []))),
        moments=tuple(_moments(annotations.get("vertical", []))),
        alarm=_alarm_name(alarms[0]) if alarms else None,
        whole_range=bool(properties.get("setPeriodToTimeRange", False)),
    )


def _lines(properties: Mapping[str, Any]) -> Iterator[Line]:
    given = list(_metrics(properties.get("metrics", [])))
    taken = {options["id"] for _, options in given if "id" in options}
    numbers = (f"m{number}" for number in range(1, len(given) + len(taken) + 1) if f"m{number}" not in taken)
    for fields, options in given:
        query: dict[str, Any]
        if "expression" in options:
            query = {"Expression": options["expression"]}
        else:
            namespace, name, *dimensions = fields
            pairs = [
                {"Name": key, "Value": value}
                for key, value in zip(dimensions[::2], dimensions[1::2], strict=True)
            ]
            stat = options.get("stat", properties.get("stat", DEFAULT_STATISTIC))
            metric = {"Namespace": namespace, "MetricName": name, "Dimensions": pairs}
            query = {"MetricStat": {"Metric": metric, "Stat": stat}}
        if "label" in options:
            query["Label"] = options["label"]
        yield Line(
            id=options.get("id") or next(numbers),
            query=query,
            axis="right" if options.get("yAxis") == "right" else "left",
            visible=bool(options.get("visible", True)),
            period=int(options.get("period", properties.get("period", DEFAULT_PERIOD))),
            color=options.get("color"),
        )


def _metrics(rows: Iterable[list[Any]]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Namespace, name and dimensions of each row, written out, with its options.

    `.` stands for what the row before has in its place, `...` for all that it has there but for what follows.
    """
    before: list[str] = []
    for row in rows:
        last: Any = row[-1] if row else None
        options = cast("dict[str, Any]", last) if isinstance(last, dict) else {}
        fields: list[str] = list(row[:-1] if options or isinstance(last, dict) else row)
        if "..." in fields:
            at = fields.index("...")
            fields[at : at + 1] = before[at : len(before) - (len(fields) - at - 1)]
        fields = [before[place] if field == "." else field for place, field in enumerate(fields)]
        if "expression" not in options:
            if len(fields) < 2:
                raise ValueError(f"the metric {row} has no name")
            before = fields
        yield fields, options


def _scale(given: Mapping[str, Any]) -> Scale:
    return Scale(given.get("min"), given.get("max"), str(given.get("label", "")))


def _levels(given: Iterable[Any]) -> Iterator[Level]:
    for first, second in map(_pair, given):
        yield Level(
            value=float(first["value"]),
            label=str(first.get("label", "")),
            axis="right" if first.get("yAxis") == "right" else "left",
            upper=None if second is None else float(second["value"]),
            color=first.get("color"),
        )


def _moments(given: Iterable[Any]) -> Iterator[Moment]:
    for first, second in map(_pair, given):
        yield Moment(
            at=_time(first["value"], 0),
            label=str(first.get("label", "")),
            until=None if second is None else _time(second["value"], 0),
            color=first.get("color"),
        )


def _pair(annotation: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """An annotation is one object, or two for a band."""
    if isinstance(annotation, dict):
        return cast("dict[str, Any]", annotation), None
    first, second = annotation
    return first, second


def _alarm_status(place: Place, title: str, properties: dict[str, Any], _widget: Any) -> Widget:
    names = tuple(_alarm_name(arn) for arn in properties["alarms"])
    return AlarmStatus(place, title or "Alarms", names, tuple(properties.get("states", [])))


def _log_table(place: Place, title: str, properties: dict[str, Any], _widget: Any) -> Widget:
    """`SOURCE 'group' | SOURCE 'group' | query`, or the groups in properties of their own."""
    text = properties["query"]
    groups = tuple(properties.get("logGroupNames", ())) + tuple(re.findall(r"SOURCE\s+'([^']+)'", text))
    query = re.sub(r"SOURCE\s+'[^']+'\s*\|?\s*", "", text).strip()
    return LogTable(place, title or "Log lines", properties.get("view", "table"), query, groups)


def _text(place: Place, title: str, properties: dict[str, Any], _widget: Any) -> Widget:
    return Text(place, str(properties["markdown"]), title)


def _unknown(place: Place, title: str, _properties: Any, widget: dict[str, Any]) -> Widget:
    return Unknown(place, title, f"the console does not show widgets of the type {widget['type']}")


_KINDS = {"metric": _graph, "alarm": _alarm_status, "log": _log_table, "text": _text}


def _alarm_name(arn: str) -> str:
    """The name in `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`."""
    return arn.split(":alarm:", 1)[1] if ":alarm:" in arn else arn


def _time(text: str, now: float) -> float:
    """Epoch seconds of `-PT1H` (before now) or of an ISO 8601 time. Raises ValueError for anything else."""
    if match := DURATION.fullmatch(text):
        return now - sum(
            int(count or 0) * unit for count, unit in zip(match.groups(), UNIT_SECONDS, strict=True)
        )
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
