"""CloudWatch: metrics, alarms and dashboards, all in memory."""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these take what they use.

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.cloudwatch import (
    CloudwatchApi,
    DashboardInvalidInputError,
    DashboardNotFoundError,
    InvalidNextToken,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
    ResourceNotFound,
    ResourceNotFoundException,
)
from localstack.services.plugins import ServiceLifecycleHook
from localstack.state import StateVisitor
from localstack.utils.aws import arns

from lab_localstack import documents
from lab_localstack.cloudwatch.alarm_rule import parse
from lab_localstack.cloudwatch.alarms import AlarmEvaluator, parents, queries_of, set_by_hand
from lab_localstack.cloudwatch.errors import ValidationException
from lab_localstack.cloudwatch.evaluation import COMPARISONS, TREATMENTS
from lab_localstack.cloudwatch.metric_data import STORE, Metric, is_time, is_value
from lab_localstack.cloudwatch.models import (
    STORES,
    Alarm,
    CloudWatchStore,
    CompositeAlarm,
    Dashboard,
    MetricAlarm,
)
from lab_localstack.cloudwatch.queries import MetricQueries, dimensions, require_period, require_statistic
from lab_localstack.cloudwatch.statistics import BASIC, statistic

MAX_DATA_POINTS = 100_800
MAX_STATISTICS_POINTS = 1440
PAGE_METRICS = 500
PAGE_ALARMS = 50
MAX_PUT_METRICS = 1000
MAX_PUT_VALUES = 150
MAX_DIMENSIONS = 30
ALARM_PERIODS = (10, 20, 30)
EVALUATION_SPAN = timedelta(days=7).total_seconds()
DASHBOARD_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
ACTION_SERVICES = ("sns", "lambda", "ssm", "ssm-incidents")
"""What an alarm may act on. There are neither OpsItems nor incidents here: those fail, and the history says so."""
ACTION_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")


class CloudWatchProvider(CloudwatchApi, ServiceLifecycleHook):
    """Metric data lives in `store`, alarms are moved by `alarms`; operations not defined here are refused."""

    def __init__(self) -> None:
        super().__init__()
        self._evaluator = AlarmEvaluator()

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(STORES)

    def on_before_start(self) -> None:
        self._evaluator.start()

    def on_before_stop(self) -> None:
        self._evaluator.stop()

    def on_after_state_reset(self) -> None:
        STORE.clear()

    # Metric data

    @handler("PutMetricData", expand=False)
    def put_metric_data(self, context: RequestContext, request: Any) -> None:
        namespace = request["Namespace"]
        data = request.get("MetricData") or []
        if request.get("EntityMetricData"):
            raise ValidationException("EntityMetricData is not supported.")
        if not data:
            raise MissingRequiredParameterException("The parameter MetricData is required.")
        if len(data) > MAX_PUT_METRICS:
            raise ValidationException(
                f"The collection MetricData must not have a size greater than {MAX_PUT_METRICS}."
            )
        if namespace.startswith("AWS/") and not _is_internal(context):
            raise InvalidParameterValueException(
                "The value AWS/ for parameter Namespace is invalid: it is reserved for AWS services."
            )
        checked = [_datum(datum, f"MetricData.member.{number}") for number, datum in enumerate(data, 1)]
        for datum, (at, samples, summary) in zip(data, checked, strict=True):
            metric = Metric.of(
                context.account_id,
                context.region,
                namespace,
                datum["MetricName"],
                dimensions(datum.get("Dimensions")),
            )
            unit = datum.get("Unit") or "None"
            if summary:
                STORE.add_summary(metric, **summary, unit=unit, at=at)
            else:
                STORE.add(metric, samples, unit, at)

    @handler("GetMetricData", expand=False)
    def get_metric_data(self, context: RequestContext, request: Any) -> Any:
        queries = MetricQueries(request["MetricDataQueries"], context.account_id, context.region)
        start, end = request["StartTime"].timestamp(), request["EndTime"].timestamp()
        if start >= end:
            raise ValidationException("The parameter StartTime must be less than the parameter EndTime.")
        ascending = request.get("ScanBy") == "TimestampAscending"
        limit = request.get("MaxDatapoints") or MAX_DATA_POINTS
        skipped = _offset(request.get("NextToken"))
        differing = _differing(queries.by_id.values())
        position, results = 0, []
        for identifier, query in queries.by_id.items():
            if not query.get("ReturnData", True):
                continue
            period = queries.period(identifier)
            first = _aligned(start, period)
            series = queries.series(identifier, first, max(0, math.ceil((end - first) / period)))
            points = [(first + period * i, value) for i, value in enumerate(series) if value is not None]
            if not ascending:
                points.reverse()
            page = points[max(0, skipped - position) : max(0, skipped + limit - position)]
            partial = position + len(points) > skipped + limit
            if page or not skipped:
                results.append(
                    {
                        "Id": identifier,
                        "Label": _label(query, differing),
                        "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in page],
                        "Values": [value for _, value in page],
                        "StatusCode": "PartialData" if partial else "Complete",
                    }
                )
            position += len(points)
        result: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
        if position > skipped + limit:
            result["NextToken"] = str(skipped + limit)
        return result

    @handler("GetMetricStatistics", expand=False)
    def get_metric_statistics(self, context: RequestContext, request: Any) -> Any:
        basic = request.get("Statistics") or []
        extended = request.get("ExtendedStatistics") or []
        if not basic and not extended:
            raise InvalidParameterCombinationException("Must specify either Statistics or ExtendedStatistics")
        for name in (*basic, *extended):
            require_statistic(name)
        period = request["Period"]
        require_period(period)
        start, end = request["StartTime"].timestamp(), request["EndTime"].timestamp()
        if start >= end:
            raise InvalidParameterValueException(
                "The parameter StartTime must be less than the parameter EndTime."
            )
        wanted = (end - start) / period
        if wanted > MAX_STATISTICS_POINTS:
            raise InvalidParameterCombinationException(
                f"You have requested up to {int(wanted)} datapoints, which exceeds the limit of "
                f"{MAX_STATISTICS_POINTS}. You may reduce the datapoints requested by increasing Period, or "
                "decreasing the time range."
            )
        metric = Metric.of(
            context.account_id,
            context.region,
            request["Namespace"],
            request["MetricName"],
            dimensions(request.get("Dimensions")),
        )
        first = _aligned(start, period)
        count = math.ceil((end - first) / period)
        datapoints: list[dict[str, Any]] = []
        for unit in [request["Unit"]] if request.get("Unit") else STORE.units(metric):
            for index, found in enumerate(STORE.periods(metric, first, period, count, unit)):
                if found is None:
                    continue
                point: dict[str, Any] = {
                    "Timestamp": datetime.fromtimestamp(first + period * index, UTC),
                    "Unit": unit,
                    **{name: statistic(name)(found) for name in basic},
                }
                computed = {name: value for name in extended if (value := statistic(name)(found)) is not None}
                if computed:
                    point["ExtendedStatistics"] = computed
                datapoints.append(point)
        return {"Label": request["MetricName"], "Datapoints": datapoints}

    @handler("ListMetrics", expand=False)
    def list_metrics(self, context: RequestContext, request: Any) -> Any:
        recent = time.time() - 3 * 3600 if request.get("RecentlyActive") else None
        namespace, name = request.get("Namespace"), request.get("MetricName")
        filters = request.get("Dimensions") or []
        found = [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in metric.dimensions],
            }
            for metric in STORE.metrics(context.account_id, context.region, active_since=recent)
            if (not namespace or metric.namespace == namespace)
            and (not name or metric.name == name)
            and all(_has_dimension(metric, wanted) for wanted in filters)
        ]
        page, token = _page(found, request.get("NextToken"), PAGE_METRICS)
        return {"Metrics": page, **token}

    # Alarms

    @handler("PutMetricAlarm", expand=False)
    def put_metric_alarm(self, context: RequestContext, request: Any) -> None:
        _check_alarm(request, context)
        self._put(context, request, MetricAlarm)

    @handler("PutCompositeAlarm", expand=False)
    def put_composite_alarm(self, context: RequestContext, request: Any) -> None:
        if given := sorted(name for name in request if name.startswith("ActionsSuppressor")):
            raise ValidationException(
                f"{given[0]} is not supported: no action of a composite alarm is suppressed here."
            )
        _check_actions(request)
        _check_children(_store(context).alarms, request["AlarmName"], parse(request["AlarmRule"]).names)
        self._put(context, request, CompositeAlarm)

    def _put(self, context: RequestContext, request: Any, kind: type[Alarm]) -> None:
        store = _store(context)
        name = request["AlarmName"]
        alarm = store.alarms.get(name)
        if alarm and not isinstance(alarm, kind):
            raise ValidationException(f"{name} is the name of an alarm of the type {alarm.KIND}.")
        if alarm:
            with alarm.mutex:
                alarm.configure(request)
                alarm.not_before = 0.0
        else:
            arn = arns.cloudwatch_alarm_arn(name, context.account_id, context.region)
            alarm = store.alarms[name] = kind(arn, request)
            store.TAGS.setdefault(arn, {}).update(
                {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
            )
        done = "updated" if alarm.state.reason != "Unchecked: Initial alarm creation" else "created"
        self._evaluator.remember(alarm, "ConfigurationUpdate", f'Alarm "{name}" {done}', {"version": "1.0"})

    def delete_alarms(self, context: RequestContext, alarm_names: list[str], **_: Any) -> None:
        store = _store(context)
        unknown = [name for name in alarm_names if name not in store.alarms]
        if unknown and len(alarm_names) == 1:
            raise ResourceNotFound(f"Alarm {unknown[0]} does not exist")
        _check_deletion([store.alarms[name] for name in alarm_names if name in store.alarms])
        for name in alarm_names:
            if alarm := store.alarms.pop(name, None):
                store.TAGS.pop(alarm.arn, None)
                self._evaluator.remember(
                    alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"version": "1.0"}
                )

    @handler("DescribeAlarms", expand=False)
    def describe_alarms(self, context: RequestContext, request: Any) -> Any:
        for unsupported in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if request.get(unsupported):
                raise ValidationException(f"The parameter {unsupported} is not supported.")
        names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix")
        if names and prefix:
            raise ValidationException("AlarmNames and AlarmNamePrefix are mutually exclusive.")
        state, action = request.get("StateValue"), request.get("ActionPrefix")
        kinds = request.get("AlarmTypes") or [MetricAlarm.KIND]
        found = [
            alarm
            for name, alarm in sorted(_store(context).alarms.items())
            if alarm.KIND in kinds
            and (not names or name in names)
            and (not prefix or name.startswith(prefix))
            and (not state or alarm.state.value == state)
            and (not action or any(a.startswith(action) for key in ACTION_LISTS for a in alarm.config[key]))
        ]
        page, token = _page(found, request.get("NextToken"), request.get("MaxRecords") or PAGE_ALARMS)
        shown = {
            f"{kind.KIND}s": [alarm.described() for alarm in page if isinstance(alarm, kind)]
            for kind in (MetricAlarm, CompositeAlarm)
        }
        return shown | token

    @handler("DescribeAlarmsForMetric", expand=False)
    def describe_alarms_for_metric(self, context: RequestContext, request: Any) -> Any:
        wanted = dimensions(request.get("Dimensions"))
        optional = ("Statistic", "ExtendedStatistic", "Period", "Unit")
        return {
            "MetricAlarms": [
                alarm.described()
                for alarm in _store(context).alarms.values()
                if alarm.config.get("MetricName") == request["MetricName"]
                and alarm.config.get("Namespace") == request["Namespace"]
                and dimensions(alarm.config["Dimensions"]) == wanted
                and all(not request.get(key) or alarm.config.get(key) == request[key] for key in optional)
            ]
        }

    @handler("DescribeAlarmHistory", expand=False)
    def describe_alarm_history(self, context: RequestContext, request: Any) -> Any:
        start, end = request.get("StartDate"), request.get("EndDate")
        found = [
            item
            for item in list(_store(context).histories)
            if (not request.get("AlarmName") or item["AlarmName"] == request["AlarmName"])
            and (not request.get("HistoryItemType") or item["HistoryItemType"] == request["HistoryItemType"])
            and (not start or item["Timestamp"] >= start)
            and (not end or item["Timestamp"] <= end)
        ]
        if request.get("ScanBy") == "TimestampAscending":
            found.reverse()
        page, token = _page(found, request.get("NextToken"), request.get("MaxRecords") or 100)
        return {"AlarmHistoryItems": page, **token}

    @handler("SetAlarmState", expand=False)
    def set_alarm_state(self, context: RequestContext, request: Any) -> None:
        alarm = _store(context).alarms.get(request["AlarmName"])
        if alarm is None:
            raise ResourceNotFound("")  # AWS's message is empty
        data = _json(request.get("StateReasonData"), "StateReasonData")
        set_by_hand(self._evaluator, alarm, request["StateValue"], request["StateReason"], data)

    def enable_alarm_actions(self, context: RequestContext, alarm_names: list[str], **_: Any) -> None:
        self._switch_actions(context, alarm_names, enabled=True)

    def disable_alarm_actions(self, context: RequestContext, alarm_names: list[str], **_: Any) -> None:
        self._switch_actions(context, alarm_names, enabled=False)

    @staticmethod
    def _switch_actions(context: RequestContext, names: list[str], *, enabled: bool) -> None:
        for name in names:
            if alarm := _store(context).alarms.get(name):
                alarm.config["ActionsEnabled"] = enabled

    # Dashboards

    def put_dashboard(
        self, context: RequestContext, dashboard_name: str, dashboard_body: str, **_: Any
    ) -> Any:
        if not DASHBOARD_NAME.fullmatch(dashboard_name):
            raise InvalidParameterValueException(
                "The value for field DashboardName contains invalid characters. It can only contain "
                "alphanumerics, dash (-) and underscore (_).\n"
            )
        try:
            body = documents.loads(dashboard_body)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("widgets", []), list):
            raise DashboardInvalidInputError("The field DashboardBody must be a valid JSON object")
        arn = arns.cloudwatch_dashboard_arn(dashboard_name, context.account_id, context.region)
        _store(context).dashboards[dashboard_name] = Dashboard(dashboard_name, arn, dashboard_body)
        return {"DashboardValidationMessages": []}

    def get_dashboard(self, context: RequestContext, dashboard_name: str, **_: Any) -> Any:
        dashboard = _store(context).dashboards.get(dashboard_name)
        if dashboard is None:
            raise DashboardNotFoundError(f"Dashboard {dashboard_name} does not exist")
        return {
            "DashboardName": dashboard.name,
            "DashboardArn": dashboard.arn,
            "DashboardBody": dashboard.body,
        }

    def list_dashboards(
        self,
        context: RequestContext,
        dashboard_name_prefix: str | None = None,
        next_token: str | None = None,
        **_: Any,
    ) -> Any:
        found = [
            {
                "DashboardName": dashboard.name,
                "DashboardArn": dashboard.arn,
                "LastModified": dashboard.modified,
                "Size": len(dashboard.body.encode()),
            }
            for name, dashboard in sorted(_store(context).dashboards.items())
            if name.startswith(dashboard_name_prefix or "")
        ]
        page, token = _page(found, next_token, 1000)
        return {"DashboardEntries": page, **token}

    def delete_dashboards(self, context: RequestContext, dashboard_names: list[str], **_: Any) -> Any:
        dashboards = _store(context).dashboards
        missing = [name for name in dashboard_names if name not in dashboards]
        if missing:
            raise DashboardNotFoundError(f"Dashboard {missing[0]} does not exist")
        for name in dashboard_names:
            del dashboards[name]
        return {}

    # Tags

    def list_tags_for_resource(self, context: RequestContext, resource_arn: str, **_: Any) -> Any:
        tags = _store(context).TAGS.get(resource_arn, {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag_resource(
        self, context: RequestContext, resource_arn: str, tags: list[dict[str, str]], **_: Any
    ) -> Any:
        _tags(context, resource_arn).update({tag["Key"]: tag["Value"] for tag in tags})
        return {}

    def untag_resource(
        self, context: RequestContext, resource_arn: str, tag_keys: list[str], **_: Any
    ) -> Any:
        for key in tag_keys:
            _tags(context, resource_arn).pop(key, None)
        return {}


def _store(context: RequestContext) -> CloudWatchStore:
    return STORES[context.account_id][context.region]


def _tags(context: RequestContext, arn: str) -> dict[str, str]:
    store = _store(context)
    if arn not in {alarm.arn for alarm in store.alarms.values()}:
        raise ResourceNotFoundException(f"Unknown resource {arn}")
    return store.TAGS.setdefault(arn, {})


def _is_internal(context: RequestContext) -> bool:
    return context.is_internal_call


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise InvalidNextToken("The NextToken is invalid.")
    return int(token)


def _page(items: list[Any], token: str | None, size: int) -> tuple[list[Any], dict[str, str]]:
    start = _offset(token)
    end = start + size
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


def _aligned(start: float, period: int) -> int:
    """The start rounded down as AWS documents: to the period below a minute, else to the whole minute."""
    step = period if period < 60 else 60
    return int(start // step) * step


def _differing(queries: Iterable[dict[str, Any]]) -> list[str]:
    """By which of statistic and period the metrics of one call differ: labels name these."""
    stats = [query["MetricStat"] for query in queries if "MetricStat" in query]
    return [name for name in ("Stat", "Period") if len({stat[name] for stat in stats}) > 1]


def _label(query: dict[str, Any], differing: list[str]) -> str:
    if query.get("Label"):
        return query["Label"]
    if "MetricStat" not in query:
        return query["Id"]
    stat = query["MetricStat"]
    return " ".join([stat["Metric"]["MetricName"], *(str(stat[name]) for name in differing)])


def _has_dimension(metric: Metric, wanted: dict[str, str]) -> bool:
    return any(
        name == wanted["Name"] and ("Value" not in wanted or value == wanted["Value"])
        for name, value in metric.dimensions
    )


def _json(text: str | None, field: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return documents.loads(text)
    except ValueError as error:
        raise InvalidParameterValueException(f"{field} was not correctly formatted JSON") from error


type _Summary = dict[str, float] | None


def _datum(datum: dict[str, Any], where: str) -> tuple[float, list[tuple[float, float]], _Summary]:
    """Check one entry of PutMetricData; its time, its values with their counts, or its statistic set."""
    if not datum.get("MetricName"):
        raise MissingRequiredParameterException(f"The parameter {where}.MetricName is required.")
    given = [key for key in ("Value", "Values", "StatisticValues") if datum.get(key) is not None]
    if len(given) > 1 and "Value" in given:  # Values and StatisticValues may stand together: the values count
        raise InvalidParameterCombinationException(
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive and you have "
            "specified both."
        )
    if not given:
        raise MissingRequiredParameterException(
            f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues "
            "must be specified."
        )
    names = [dimension["Name"] for dimension in datum.get("Dimensions") or ()]
    if len(names) > MAX_DIMENSIONS:
        raise ValidationException(
            f"The collection {where}.Dimensions must not have a size greater than {MAX_DIMENSIONS}."
        )
    if len(set(names)) != len(names):
        raise InvalidParameterValueException(f"The parameter {where}.Dimensions has a duplicate name.")
    at = datum["Timestamp"].timestamp() if datum.get("Timestamp") else time.time()
    if not is_time(at):
        raise InvalidParameterValueException(
            f"The parameter {where}.Timestamp must specify a time no more than two weeks in the past and no "
            "more than two hours in the future."
        )
    if (summary := datum.get("StatisticValues")) and "Values" not in given:
        numbers = {
            "count": summary["SampleCount"],
            "total": summary["Sum"],
            "low": summary["Minimum"],
            "high": summary["Maximum"],
        }
        _require_numbers(numbers.values(), where)
        if numbers["count"] <= 0:
            raise InvalidParameterValueException(
                f"The parameter {where}.StatisticValues.SampleCount must be above 0."
            )
        return at, [], numbers
    values = datum["Values"] if "Values" in given else [datum["Value"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    if len(values) != len(counts):
        raise InvalidParameterValueException(
            f"The parameters {where}.Values and {where}.Counts must be of the same size."
        )
    if len(values) > MAX_PUT_VALUES:
        raise InvalidParameterValueException(
            f"The collection {where}.Values must not have a size greater than {MAX_PUT_VALUES}."
        )
    _require_numbers((*values, *counts), where)
    return at, list(zip(values, counts, strict=True)), None


def _require_numbers(numbers: Any, where: str) -> None:
    if not all(map(is_value, numbers)):
        raise InvalidParameterValueException(
            f"The value for parameter {where} is invalid: NaN or out of range."
        )


def _check_alarm(request: dict[str, Any], context: RequestContext) -> None:
    """Raise ValidationException on an alarm that AWS refuses or that is not evaluated here."""
    comparison = request.get("ComparisonOperator")
    if comparison not in COMPARISONS or "ThresholdMetricId" in request:
        raise ValidationException(
            f"ComparisonOperator {comparison} is not supported: anomaly detection is not available."
        )
    if request.get("Threshold") is None:
        raise ValidationException("The parameter Threshold is required.")
    missing = request.get("TreatMissingData", "missing")
    if missing not in TREATMENTS:
        raise ValidationException(
            f"The value {missing} is not supported for TreatMissingData parameter. Supported values are "
            "[breaching, notBreaching, ignore, missing]."
        )
    low = request.get("EvaluateLowSampleCountPercentile", "evaluate")
    if low not in ("evaluate", "ignore"):
        raise ValidationException(
            f"Option {low} is not supported. Supported options for parameter "
            "EvaluateLowSampleCountPercentile are evaluate and ignore."
        )
    periods = request.get("EvaluationPeriods") or 0
    if periods < 1 or not 1 <= request.get("DatapointsToAlarm", 1) <= periods:
        raise ValidationException(
            "EvaluationPeriods must be at least 1 and DatapointsToAlarm between 1 and EvaluationPeriods."
        )
    _check_alarm_metric(request)
    queries, compared = queries_of(request, context.account_id, context.region)
    period = queries.period(compared)
    require_period(period, ALARM_PERIODS)
    if period * periods > EVALUATION_SPAN:
        raise ValidationException(
            "Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period)."
        )
    _check_actions(request)


def _check_actions(request: dict[str, Any]) -> None:
    for key in ACTION_LISTS:
        for action in request.get(key) or ():
            parts = action.split(":")
            if len(parts) < 6 or parts[0] != "arn" or parts[2] not in ACTION_SERVICES:
                raise ValidationException(
                    f"Invalid or unsupported arn for an alarm action. Unsupported: {action}"
                )


def _check_children(alarms: Mapping[str, Alarm], name: str, children: Sequence[str]) -> None:
    """Raise ValidationException where a composite alarm's rule names an alarm that is not there, or leads to itself."""
    if missing := [child for child in children if child not in alarms]:
        raise ValidationException(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    below, seen = list(children), set[str]()
    while below:
        if (child := below.pop()) == name:
            raise ValidationException(
                f"The rule of {name} leads back to {name}: cycles of alarms are not served here."
            )
        alarm = alarms.get(child)
        if isinstance(alarm, CompositeAlarm) and child not in seen:
            below += alarm.rule.names
        seen.add(child)


def _check_deletion(alarms: Sequence[Alarm]) -> None:
    """Raise ValidationException for alarms that a composite alarm needs, and for two composite alarms in one call."""
    needed = [alarm.name for alarm in alarms if any(parent not in alarms for parent in parents(alarm))]
    if needed:
        them = "it" if len(needed) == 1 else "them"
        raise ValidationException(
            f"Cannot delete {','.join(needed)} as there are composite alarm(s) depending on {them}."
        )
    if sum(isinstance(alarm, CompositeAlarm) for alarm in alarms) > 1:
        raise ValidationException("At most one composite alarm can be deleted in one call.")


def _check_alarm_metric(request: dict[str, Any]) -> None:
    metrics = request.get("Metrics")
    single = [
        key
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period")
        if key in request
    ]
    if metrics:
        if single:
            raise ValidationException(
                "Metrics cannot be combined with MetricName, Statistic, Period or Namespace."
            )
        if sum(bool(query.get("ReturnData", True)) for query in metrics) != 1:
            raise ValidationException("Exactly one element of the metrics list should return data.")
        return
    for key in ("MetricName", "Namespace", "Period"):
        if key not in request:
            raise ValidationException(f"The parameter {key} is required for a metric alarm.")
    stat, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if bool(stat) == bool(extended):
        raise ValidationException("Exactly one of Statistic and ExtendedStatistic must be specified.")
    if stat and stat not in BASIC:
        raise ValidationException(
            f"Value '{stat}' at 'statistic' failed to satisfy constraint: Member must satisfy enum value "
            "set: [Maximum, SampleCount, Sum, Minimum, Average]"
        )
    if extended:
        if extended in BASIC:
            raise ValidationException(
                f"The value {extended} for parameter ExtendedStatistic is not supported."
            )
        require_statistic(extended)
