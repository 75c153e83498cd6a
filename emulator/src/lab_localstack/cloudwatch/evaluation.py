"""When an alarm is in which state: the documented evaluation of M out of N data points and of missing ones.

Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data".

An alarm is looked at every second, or sixty times in a long period; on AWS once a minute, or a short period. A single
period ends at the moment of evaluation, so that its data point always spans a whole one. Several periods begin at
multiples of their length, and the newest one is still running: if they slid along, two samples a second apart would for
a moment lie in different periods, and "2 out of 3" would be true of one peak.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

type State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

EXTRA_PERIODS = 2
"""How many more periods than EvaluationPeriods are looked at; the guide's examples look at 5 for 3."""

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
_TREATED_AS = {"missing": "Missing", "breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True)
class Rule:
    """An alarm's condition: M (`datapoints_to_alarm`) out of N (`evaluation_periods`) data points breach."""

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int | None = None
    """M; None where the alarm does not say it, and all N must breach."""
    missing: str = "missing"

    @property
    def needed(self) -> int:
        """How many data points must breach."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def range(self) -> int:
        """How many periods are looked at."""
        return self.evaluation_periods + EXTRA_PERIODS

    def start(self, at: int, period: int) -> int:
        """Where the first period begins for an evaluation at a time; both in epoch seconds."""
        end = at + 1
        if self.evaluation_periods > 1:
            end += -end % period
        return end - period * self.range

    def breaches(self, value: float) -> bool:
        """Whether one data point is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


def evaluate(rule: Rule, points: list[float | None]) -> State | None:
    """The state for these data points, oldest first, None for a missing one; None to keep the state."""
    real = [(age, rule.breaches(value)) for age, value in enumerate(reversed(points)) if value is not None]
    if not real:
        return {"missing": "INSUFFICIENT_DATA", "ignore": None, "breaching": "ALARM", "notBreaching": "OK"}[
            rule.missing
        ]  # pyright: ignore[reportReturnType]
    newest = real[: rule.evaluation_periods]
    breaching = sum(breaches for _, breaches in newest)
    to_fill = rule.evaluation_periods - len(newest)
    if rule.missing == "breaching":
        breaching += to_fill
    if breaching >= rule.needed:
        return "ALARM"
    if to_fill and all(breaches for _, breaches in real):
        if rule.missing == "ignore":
            return None
        # AWS does not wait for more points once the oldest is at least as old as M
        if rule.missing == "missing" and real[-1][0] + 1 >= rule.needed:
            return "ALARM"
    return "OK"


def reason(rule: Rule, state: State, old: State, points: list[tuple[float, str]]) -> str:
    """The StateReason. `points` are the real values with their times, newest first.

    As AWS words it: recorded with and without DatapointsToAlarm, which alone makes it name a minimum.
    """
    periods = rule.evaluation_periods
    if not points:
        if state == "INSUFFICIENT_DATA":
            return f"Insufficient Data: {periods} datapoint{_s(periods)} {_was(periods)} unknown."
        return (
            f"Threshold Crossed: no datapoints were received for {periods} period{_s(periods)} and {periods} "
            f"missing datapoint{_s(periods)} {_was(periods)} treated as [{_TREATED_AS[rule.missing]}]."
        )
    used = points[:periods]
    breaching = [point for point in used if rule.breaches(point[0])]
    shown = (
        breaching if state == "ALARM" and breaching else [p for p in used if not rule.breaches(p[0])] or used
    )
    listed = ", ".join(f"{value} ({at})" for value, at in shown)
    count = len(shown)
    verb = _was(count) if state == "ALARM" else f"{_was(count)} not"
    crossed = f"{verb} {COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold})"
    if rule.datapoints_to_alarm is None:
        return f"Threshold Crossed: {count} datapoint{_s(count)} [{listed}] {crossed}."
    minimum = rule.needed if state == "ALARM" else periods - rule.needed + 1
    return (
        f"Threshold Crossed: {count} out of the last {periods} datapoints [{listed}] {crossed} "
        f"(minimum {minimum} datapoint{_s(minimum)} for {old} -> {state} transition)."
    )


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
