"""Alarms that say what they mean, where the runbook is, and whom they tell."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.components.names import AlarmName
from infra.components.stack import LabStack

WARNING_PERIODS = 3
WARNING_DATAPOINTS = 2
"""A warning needs two bad periods of three, so that one peak tells nobody; a critical alarm needs one."""

AGE_PERIODS = 3
"""An age is no peak, and may be told late: one bad period of so many is enough, and rings until as many are good."""


class Alarms(Construct):
    """Makes an environment's alarms. Each notifies the topic on ALARM and on OK.

    Missing data is not a breach: an idle queue stops emitting after six hours, a function that is not called emits
    nothing at all.
    """

    def __init__(self, scope: LabStack, construct_id: str, topic: sns.Topic) -> None:
        super().__init__(scope, construct_id)
        self._names = scope.names
        self._runbooks = scope.settings.runbook_base.rstrip("/")
        self._period = cdk.Duration.seconds(scope.settings.alarm_period_seconds)
        self._action = actions.SnsAction(topic)
        self.all: list[cloudwatch.Alarm] = []

    def add(
        self,
        name: AlarmName,
        metric: cloudwatch.Metric,
        statistic: str,
        *,
        above: float,
        meaning: str,
    ) -> None:
        """Alarm when the metric is above a value in one period (critical) or in two of three (warning)."""
        rule = (1, 1) if name.startswith("critical-") else (WARNING_DATAPOINTS, WARNING_PERIODS)
        self._add(name, metric.with_(period=self._period, statistic=statistic), rule, above, meaning)

    def add_age(self, name: AlarmName, age: cloudwatch.MathExpression, *, above: float, meaning: str) -> None:
        """Alarm when an age in seconds is above a value in one period of the last few."""
        self._add(name, age.with_(period=self._period), (1, AGE_PERIODS), above, meaning)

    def _add(
        self,
        name: AlarmName,
        metric: cloudwatch.IMetric,
        rule: tuple[int, int],
        above: float,
        meaning: str,
    ) -> None:
        datapoints, periods = rule
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._names.alarm(name),
            alarm_description=f"{meaning} Runbook: {self._runbooks}/{name}.md",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=above,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self.all.append(alarm)
