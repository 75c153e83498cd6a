"""Service level objectives: what customers are promised, and how fast its error budget may burn.

An objective's alarms ring while the budget burns too fast in a long window and in a short one: the long one tells that
it matters, the short one that it goes on, so that the alarm ends soon after the cure. Rates and windows are those of
the Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # who judges a run by the objectives needs no CDK
    from aws_cdk import aws_cloudwatch as cloudwatch

    from infra.settings import Settings

ACCEPTANCE_PERCENT = 99.9
LATENCY_PERCENT = 99.0

Window = Literal["long", "short"]

LOCAL_LONG_WINDOW_DIVISOR = 60
"""In the local profile a long window has as many seconds as it has minutes on AWS; a short one is a single period,
for people wait until it is empty."""


@dataclass(frozen=True)
class Objective:
    """A share of what customers ask for, in percent, that must be served well; `bad` is the share that was not."""

    name: Literal["acceptance", "latency"]
    percent: float
    bad: "cloudwatch.MathExpression"
    promise: str


@dataclass(frozen=True)
class Burn:
    """So many times faster than the budget of 30 days allows, in two windows (seconds on AWS)."""

    severity: Literal["critical", "warning"]
    rate: float
    long: int
    short: int
    costs: str

    def threshold(self, objective: Objective) -> float:
        """The share in percent that may be bad at most."""
        return round(self.rate * (100 - objective.percent), 3)

    def seconds(self, window: Window, settings: "Settings") -> int:
        """The length of a window."""
        if settings.is_local:
            return {"long": self.long // LOCAL_LONG_WINDOW_DIVISOR, "short": settings.alarm_period_seconds}[
                window
            ]
        return {"long": self.long, "short": self.short}[window]


BURNS = (
    Burn("critical", 14.4, 3600, 300, "2 % of 30 days' error budget in an hour"),
    Burn("warning", 6, 21_600, 1800, "5 % of 30 days' error budget in six hours"),
)
