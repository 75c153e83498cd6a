"""The messages that alarms send, as AWS words them."""

import json
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.session import get_session

from lab_localstack import documents
from lab_localstack.cloudwatch.models import AlarmState

SUBJECT_LIMIT = 100


def iso(at: datetime) -> str:
    """`2026-11-24T02:00:00.000+0000`, the form of alarm messages."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


@lru_cache
def region_description(region: str) -> str:
    """The region's long name, such as `US East (N. Virginia)`."""
    for partition in get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return partition["regions"][region]["description"]
    return region


def subject(name: str, state: str, region: str) -> str:
    """The subject of the e-mail, cut to SNS's limit."""
    return f'{state}: "{name}" in {region_description(region)}'[:SUBJECT_LIMIT]


def sns_message(config: dict[str, Any], arn: str, old_state: str, state: dict[str, Any]) -> str:
    """What SNS subscribers receive when an alarm changes state."""
    account, region = arn.split(":")[4], arn.split(":")[3]
    return json.dumps(
        {
            "AlarmName": config["AlarmName"],
            "AlarmDescription": config.get("AlarmDescription"),
            "AWSAccountId": account,
            "AlarmConfigurationUpdatedTimestamp": iso(state["configured"]),
            "NewStateValue": state["value"],
            "NewStateReason": state["reason"],
            "StateChangeTime": iso(state["updated"]),
            "Region": region_description(region),
            "AlarmArn": arn,
            "OldStateValue": old_state,
            "OKActions": config.get("OKActions", []),
            "AlarmActions": config.get("AlarmActions", []),
            "InsufficientDataActions": config.get("InsufficientDataActions", []),
        }
        | (_triggering_children(config, state) if "AlarmRule" in config else {"Trigger": _trigger(config)})
    )


def triggered(children: list[tuple[str, AlarmState]]) -> tuple[str, dict[str, Any]]:
    """Reason and reason data of a composite alarm, for the ARNs and states of the alarms that moved it."""
    told = [
        f"{arn} transitioned to {state.value} at {state.since:%A %d %B, %Y %H:%M:%S} UTC"
        for arn, state in children
    ]
    data = [
        {"arn": arn, "state": {"value": state.value, "timestamp": iso(state.since)}}
        for arn, state in children
    ]
    return ", ".join(told) or "The alarm rule names no alarm.", {"triggeringAlarms": data}


def _triggering_children(config: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"""
    data = documents.loads(state["data"]) if state["data"] else {}
    children = [
        {"Arn": child["arn"], "State": {name.capitalize(): value for name, value in child["state"].items()}}
        for child in data.get("triggeringAlarms", ())
    ]
    return {"AlarmRule": config["AlarmRule"], "TriggeringChildren": children}


def lambda_event(config: dict[str, Any], arn: str, previous: dict[str, Any], state: dict[str, Any]) -> str:
    """What a Lambda function that is an alarm action is invoked with."""
    account, region = arn.split(":")[4], arn.split(":")[3]

    def described(of: dict[str, Any]) -> dict[str, Any]:
        return {
            "value": of["value"],
            "reason": of["reason"],
            "timestamp": iso(of["updated"]),
            **({"reasonData": of["data"]} if of.get("data") else {}),
        }

    return json.dumps(
        {
            "source": "aws.cloudwatch",
            "alarmArn": arn,
            "accountId": account,
            "time": iso(state["updated"]),
            "region": region,
            "alarmData": {
                "alarmName": config["AlarmName"],
                "state": described(state),
                "previousState": described(previous),
                "configuration": {
                    "description": config.get("AlarmDescription", ""),
                    **(
                        {"alarmRule": config["AlarmRule"]}
                        if "AlarmRule" in config
                        else {"metrics": _lambda_metrics(config, arn)}
                    ),
                },
            },
        }
    )


def _trigger(config: dict[str, Any]) -> dict[str, Any]:
    common = {
        "Period": config.get("Period"),
        "EvaluationPeriods": config["EvaluationPeriods"],
        **({"DatapointsToAlarm": config["DatapointsToAlarm"]} if "DatapointsToAlarm" in config else {}),
        "ComparisonOperator": config["ComparisonOperator"],
        "Threshold": config["Threshold"],
        "TreatMissingData": config.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": config.get("EvaluateLowSampleCountPercentile", ""),
    }
    if metrics := config.get("Metrics"):
        return common | {"Metrics": [_trigger_metric(query) for query in metrics]}
    extended = config.get("ExtendedStatistic")
    kind = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": _UPPER[config["Statistic"]]}
    )
    return {
        "MetricName": config["MetricName"],
        "Namespace": config["Namespace"],
        **kind,
        "Unit": config.get("Unit"),
        "Dimensions": _lower_dimensions(config.get("Dimensions")),
    } | common


def _trigger_metric(query: dict[str, Any]) -> dict[str, Any]:
    shown = {key: query[key] for key in ("Id", "Expression", "Label", "ReturnData") if key in query}
    if stat := query.get("MetricStat"):
        metric = stat["Metric"]
        shown["MetricStat"] = {
            "Metric": {
                "Dimensions": _lower_dimensions(metric.get("Dimensions")),
                "MetricName": metric["MetricName"],
                "Namespace": metric["Namespace"],
            },
            "Period": stat["Period"],
            "Stat": stat["Stat"],
        }
    return shown


def _lambda_metrics(config: dict[str, Any], arn: str) -> list[dict[str, Any]]:
    def stat(metric: dict[str, Any], period: int, name: str) -> dict[str, Any]:
        named = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or ()}
        return {
            "metric": {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": named},
            "period": period,
            "stat": name,
        }

    if "Metrics" not in config:
        name = config.get("Statistic") or config["ExtendedStatistic"]
        identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, arn))
        return [{"id": identifier, "metricStat": stat(config, config["Period"], name), "returnData": True}]
    shown: list[dict[str, Any]] = []
    for query in config["Metrics"]:
        entry: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
        if "MetricStat" in query:
            given = query["MetricStat"]
            entry["metricStat"] = stat(given["Metric"], given["Period"], given["Stat"])
        else:
            entry["expression"] = query["Expression"]
        shown.append(entry)
    return shown


_UPPER = {
    "SampleCount": "SAMPLE_COUNT",
    "Sum": "SUM",
    "Average": "AVERAGE",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
}


def _lower_dimensions(given: list[dict[str, str]] | None) -> list[dict[str, str]]:
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in given or ()]
