"""Alarms that say what they mean, where the runbook is, and whom they tell."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from collections.abc import Callable, Sequence
from typing import cast, get_args

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.components.names import AlarmName
from infra.components.slo import BURNS, Burn, Objective, Window
from infra.components.stack import LabStack

type Rule = tuple[int, int]
"""So many bad periods of so many make an alarm."""

ONE_BAD_PERIOD: Rule = (1, 1)
TWO_OF_THREE: Rule = (2, 3)
"""A warning's: one peak tells nobody."""

ONE_OF_THREE: Rule = (1, 3)
"""For what is no peak and may be told late, an age, and for what happens once and does not pass, a loss."""


class Alarms(Construct):
    """Makes an environment's alarms. Each notifies the topic on ALARM and on OK.

    Missing data is not a breach: an idle queue stops emitting after six hours, a function that is not called emits
    nothing at all.
    """

    def __init__(self, scope: LabStack, construct_id: str, topic: sns.Topic) -> None:
        super().__init__(scope, construct_id)
        self._names = scope.names
        self._settings = scope.settings
        self._runbooks = scope.settings.runbook_base.rstrip("/")
        self._action = actions.SnsAction(topic)
        self._told: dict[AlarmName, cloudwatch.AlarmBase] = {}

    @property
    def all(self) -> list[cloudwatch.AlarmBase]:
        """Every alarm that tells somebody."""
        return list(self._told.values())

    def add(
        self,
        name: AlarmName,
        metric: cloudwatch.Metric | cloudwatch.MathExpression,
        *,
        above: float,
        meaning: str,
        rule: Rule | None = None,
    ) -> None:
        """Alarm when the metric is above a value, by default in one period (critical) or in two of three (warning)."""
        usual = ONE_BAD_PERIOD if name.startswith("critical-") else TWO_OF_THREE
        period = cdk.Duration.seconds(self._settings.alarm_period_seconds)
        alarm = self._alarm(
            name, metric.with_(period=period), rule or usual, above, self._described(name, meaning)
        )
        self._tell(name, alarm)

    def add_burns(self, objective: Objective) -> None:
        """An alarm for each rate at which the objective's error budget burns too fast in both windows."""
        for burn in BURNS:
            name = cast(AlarmName, f"{burn.severity}-{objective.name}-burn")
            windows = [self._window(name, objective, burn, window) for window in get_args(Window)]
            meaning = (
                f"{objective.promise}: more than {burn.threshold(objective):g} % are not, "
                f"{burn.rate:g} times what {objective.percent:g} % allows. That is {burn.costs}."
            )
            self._tell(name, self._composite(name, cloudwatch.AlarmRule.all_of, windows, meaning))

    def add_any(self, name: AlarmName, rings: Sequence[AlarmName], *, meaning: str) -> None:
        """Alarm while any of these alarms rings."""
        alarms = [self._told[each] for each in rings]
        self._tell(name, self._composite(name, cloudwatch.AlarmRule.any_of, alarms, meaning))

    def _window(self, name: AlarmName, objective: Objective, burn: Burn, window: Window) -> cloudwatch.Alarm:
        """One window of a burn: it tells nobody, its name begins with no severity. On AWS it slides along.

        Without traffic nothing is bad: else an alarm would look at older periods, and end two windows later.
        """
        period = cdk.Duration.seconds(burn.seconds(window, self._settings))
        return self._alarm(
            f"slo-{name}-{window}",
            cloudwatch.MathExpression(
                expression="FILL(bad, 0)", using_metrics={"bad": objective.bad}, period=period
            ),
            ONE_BAD_PERIOD,
            burn.threshold(objective),
            f"The {window} window of {name}, which says what it means. Runbook: {self._runbooks}/{name}.md",
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        rule: Rule,
        above: float,
        description: str,
    ) -> cloudwatch.Alarm:
        datapoints, periods = rule
        return cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._names.of(name),
            alarm_description=description,
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=above,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _composite(
        self,
        name: AlarmName,
        joined: Callable[..., cloudwatch.IAlarmRule],
        alarms: Sequence[cloudwatch.AlarmBase],
        meaning: str,
    ) -> cloudwatch.CompositeAlarm:
        rings = [cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM) for alarm in alarms]
        return cloudwatch.CompositeAlarm(
            self,
            name,
            composite_alarm_name=self._names.alarm(name),
            alarm_description=self._described(name, meaning),
            alarm_rule=joined(*rings),
        )

    def _described(self, name: AlarmName, meaning: str) -> str:
        return f"{meaning} Runbook: {self._runbooks}/{name}.md"

    def _tell(self, name: AlarmName, alarm: cloudwatch.AlarmBase) -> None:
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self._told[name] = alarm
