"""What CloudWatch tells: the deployed dashboard, and alarms with their history."""

import json
import re
import time
from typing import TYPE_CHECKING, Any

from lab.console.console_state import ConsoleState
from lab.console.dashboard import Period
from lab.console.dashboard_data import read
from lab.console.fields import Fields, InputError
from lab.console.routes.endpoints import get
from lab.pipeline.metrics import PERIOD_SECONDS, Query, emitted, values
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

MOST_SECONDS = 14 * 86_400
HISTORY_ITEMS = 200
LOOK_BACK_SECONDS = 3 * 3600
LEAST_SECONDS = 600.0
RUNBOOK = re.compile(r"\s*Runbook: ops/runbooks/([a-z0-9-]+)\.md\s*")
ALARM_ARN = r"arn:[a-z-]+:cloudwatch:[a-z0-9-]*:[0-9]*:alarm:"


def dashboard(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The deployed dashboard with its figures. `seconds` and `period` overrule its own; `data` is what there is."""
    seconds, period = fields.values.get("seconds", ""), _period(fields.values.get("period", "dashboard"))
    if seconds == "data":
        return read(state.pipeline, since_first_data(state.pipeline, time.time()), period)
    if seconds and not 60 <= (_whole(seconds) or 0) <= MOST_SECONDS:
        raise InputError(f"seconds must be a whole number from 60 to {MOST_SECONDS}.")
    return read(state.pipeline, float(seconds) if seconds else None, period)


def since_first_data(pipeline: Pipeline, now: float) -> float:
    """How many seconds back the first order of the last hours is; ten minutes where there is none."""
    cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
    asked = {"accepted": Query(emitted(pipeline.stack, "OrdersAccepted", "ingest"))}
    starts = values(cloudwatch, asked, now - LOOK_BACK_SECONDS, now)["accepted"]
    return max(LEAST_SECONDS, now - min(starts, default=now) + PERIOD_SECONDS)


def alarms(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Every alarm of the deployment, and the latest of what happened to any."""
    cloudwatch: CloudWatchClient = state.pipeline.aws.client("cloudwatch")
    prefix = f"{state.pipeline.stack.prefix}-"
    described: list[Any] = []
    for page in cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    ):
        described += [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]
    history = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate",
        ScanBy="TimestampDescending",
        PaginationConfig={"MaxItems": HISTORY_ITEMS},
    )
    items = [item for page in history for item in page["AlarmHistoryItems"]]
    return {
        "alarms": [_alarm(alarm, prefix) for alarm in described],
        "history": [_event(item, prefix) for item in items if item.get("AlarmName", "").startswith(prefix)],
    }


def _period(given: str) -> Period:
    if given in ("dashboard", "widget"):
        return given
    period = _whole(given)
    if period and (period in (1, 5, 10, 30) or period % 60 == 0):
        return period
    raise InputError("period must be dashboard, widget, or 1, 5, 10, 30 or a multiple of 60 seconds.")


def _whole(text: str) -> int | None:
    """The number that a query spells; Python itself refuses thousands of digits."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _alarm(alarm: Any, prefix: str) -> dict[str, Any]:
    description = alarm.get("AlarmDescription", "")
    runbook = RUNBOOK.search(description)
    return {
        "name": alarm["AlarmName"].removeprefix(prefix),
        "state": alarm.get("StateValue", ""),
        "reason": _named(alarm.get("StateReason", ""), prefix),
        "since": alarm["StateUpdatedTimestamp"].timestamp(),
        "meaning": RUNBOOK.sub("", description),
        "runbook": runbook[1] if runbook else None,
        "rule": _named(_rule(alarm), prefix),
        "actionsEnabled": alarm.get("ActionsEnabled", False),
    }


def _named(text: str, prefix: str) -> str:
    """The text with alarms by their names: composite ones speak of others by ARN."""
    return re.sub(f"{ALARM_ARN}({re.escape(prefix)})?", "", text)


def _rule(alarm: Any) -> str:
    """When it rings, in one line."""
    if "AlarmRule" in alarm:
        return alarm["AlarmRule"]
    signs = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="} | {
        "LessThanThreshold": "<",
        "LessThanOrEqualToThreshold": "<=",
    }
    what = alarm.get("MetricName") or ", ".join(
        query.get("Label") or query.get("Expression") or query["Id"]
        for query in alarm.get("Metrics", [])
        if query.get("ReturnData", True)
    )
    stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or ""
    periods = alarm.get("EvaluationPeriods", 1)
    bad = alarm.get("DatapointsToAlarm", periods)
    sign = signs.get(alarm.get("ComparisonOperator", ""), alarm.get("ComparisonOperator", ""))
    span = f"in {bad} of {periods} periods" + (f" of {alarm['Period']} s" if "Period" in alarm else "")
    return f"{what} {stat} {sign} {alarm.get('Threshold', 0):g} {span}".replace("  ", " ")


def _event(item: Any, prefix: str) -> dict[str, Any]:
    data = json.loads(item.get("HistoryData") or "{}")
    return {
        "at": item["Timestamp"].timestamp(),
        "name": item["AlarmName"].removeprefix(prefix),
        "from": data.get("oldState", {}).get("stateValue", ""),
        "to": data.get("newState", {}).get("stateValue", ""),
        "reason": _named(data.get("newState", {}).get("stateReason", item.get("HistorySummary", "")), prefix),
    }


ROUTES = [get("/api/dashboard", dashboard), get("/api/alarms", alarms)]
