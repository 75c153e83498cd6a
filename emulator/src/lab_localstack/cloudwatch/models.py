"""What CloudWatch keeps for each account and region besides metric data."""

# pyright: reportAssignmentType=false
# LocalStack declares store attributes by the type of their value and assigns a descriptor.

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from localstack.services.stores import AccountRegionBundle, BaseStore, CrossRegionAttribute, LocalAttribute

from lab_localstack.cloudwatch.alarm_rule import parse
from lab_localstack.cloudwatch.evaluation import Rule, State

HISTORY_KEPT = 5000
_COMMON_FIELDS = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
)
METRIC_FIELDS = (
    *_COMMON_FIELDS,
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
)
_DEFAULTS: dict[str, Any] = {
    "ActionsEnabled": True,
    "OKActions": [],
    "AlarmActions": [],
    "InsufficientDataActions": [],
}


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlarmState:
    """A state with its reason; `data` is the reason as JSON, `since` the last change of value."""

    value: State = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    data: str | None = None
    updated: datetime = field(default_factory=now)
    since: datetime = field(default_factory=now)


class Alarm:
    """An alarm of either kind: what was asked for (`config`) and the state it is in."""

    KIND: ClassVar[str]
    FIELDS: ClassVar[tuple[str, ...]]
    DEFAULTS: ClassVar[dict[str, Any]] = _DEFAULTS

    def __init__(self, arn: str, config: dict[str, Any]) -> None:
        self.arn = arn
        self.state = AlarmState()
        self.not_before = 0.0
        """Epoch seconds before which it is not evaluated: a state that was set by hand stays that long, and one of a
        long period changes slowly."""
        self.mutex = threading.RLock()
        self.configure(config)

    def configure(self, config: dict[str, Any]) -> None:
        """Overwrite the whole configuration and keep the state, as PutMetricAlarm does."""
        self.config = self.DEFAULTS | {key: config[key] for key in self.FIELDS if key in config}
        self.configured = now()

    @property
    def name(self) -> str:
        return self.config["AlarmName"]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def described(self) -> dict[str, Any]:
        """The alarm as DescribeAlarms shows it."""
        state = self.state
        shown = self.config | {
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": state.value,
            "StateReason": state.reason,
            "StateUpdatedTimestamp": state.updated,
            "StateTransitionedTimestamp": state.since,
        }
        return shown | ({"StateReasonData": state.data} if state.data else {})


class MetricAlarm(Alarm):
    """An alarm that compares a metric with a threshold."""

    KIND, FIELDS = "MetricAlarm", METRIC_FIELDS
    DEFAULTS: ClassVar[dict[str, Any]] = _DEFAULTS | {"Dimensions": []}

    @property
    def rule(self) -> Rule:
        """The alarm's condition."""
        return Rule(
            self.config["ComparisonOperator"],
            self.config["Threshold"],
            self.config["EvaluationPeriods"],
            self.config.get("DatapointsToAlarm"),
            self.config.get("TreatMissingData", "missing"),
        )


class CompositeAlarm(Alarm):
    """An alarm that follows the states of others. Raises ValidationException for a rule that cannot be read."""

    KIND, FIELDS = "CompositeAlarm", (*_COMMON_FIELDS, "AlarmRule")

    def configure(self, config: dict[str, Any]) -> None:
        self.rule = parse(config["AlarmRule"])
        self.evaluated = False
        """Whether this rule has been asked: later only a change of another alarm's state moves it."""
        super().configure(config)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard: its body is the JSON text as given."""

    name: str
    arn: str
    body: str
    modified: datetime = field(default_factory=now)


def _history() -> deque[dict[str, Any]]:
    return deque(maxlen=HISTORY_KEPT)


class CloudWatchStore(BaseStore):
    """Alarms and dashboards by name, the newest history items first, tags by ARN."""

    alarms: dict[str, Alarm] = LocalAttribute(default=dict)
    histories: deque[dict[str, Any]] = LocalAttribute(default=_history)
    dashboards: dict[str, Dashboard] = LocalAttribute(default=dict)
    TAGS: dict[str, dict[str, str]] = CrossRegionAttribute(default=dict)


STORES = AccountRegionBundle("cloudwatch", CloudWatchStore)
