"""The shapes of a load: how many users there are when. Bounded in count and time, whatever is asked for.

A user sends about one request a second. Users of the closed model wait for each answer, so they are requests a
second until the API answers more slowly than that; users of the open model (loadtests/arrivals.py) send all the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.errors import LabError, unknown
from loadtests.arrivals import Gaps

USUAL_USERS = 5
"""As many as it takes to have one of every kind (loadtests/users.py)."""

MAX_USERS = 200
MAX_SECONDS = 7200
SPIKE_FACTOR = 10
SPIKE_RISE_SECONDS = 5
RAMP_STEPS = 20
KNEE_SHARE = 0.1
"""A step is beyond the knee when more than this share of what it sent still waits at its end."""


class Model(StrEnum):
    """Who decides when the next request is sent: the answer to the one before, or a schedule."""

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True)
class Stage:
    """`users` users for `seconds`; they come and go at `spawn_rate` a second."""

    name: str
    seconds: float
    users: int
    spawn_rate: float


@dataclass(frozen=True)
class Plan:
    """The stages of one run, in order. `until_knee` ends it after the first stage that the pipeline cannot follow.

    Where it has both models, half of the users are of each.
    """

    shape: str
    stages: tuple[Stage, ...]
    until_knee: bool = False
    models: tuple[Model, ...] = (Model.CLOSED,)
    gaps: Gaps = Gaps.CONSTANT

    @property
    def seconds(self) -> float:
        """How long all stages take."""
        return sum(stage.seconds for stage in self.stages)

    def at(self, seconds: float) -> int | None:
        """The number of the stage at a moment since the start; None when it is over."""
        end = 0.0
        for number, stage in enumerate(self.stages):
            end += stage.seconds
            if seconds < end:
                return number
        return None


def steady(usual: int, seconds: float) -> Plan:
    """The usual load, and nothing else."""
    return Plan("steady", (Stage("steady", seconds, usual, usual),))


def spike(usual: int, seconds: float) -> Plan:
    """The usual load; ten times that within five seconds, held; the usual load again."""
    peak = usual * SPIKE_FACTOR
    rise = peak / SPIKE_RISE_SECONDS
    return Plan(
        "spike",
        (
            Stage("usual", seconds, usual, usual),
            Stage("spike", seconds, peak, rise),
            Stage("back", seconds, usual, rise),
        ),
    )


def ramp(usual: int, seconds: float) -> Plan:
    """One usual load more at every step, until the pipeline cannot follow any more."""
    return Plan(
        "ramp",
        tuple(Stage(f"step {n}", seconds, usual * n, usual) for n in range(1, RAMP_STEPS + 1)),
        until_knee=True,
    )


def soak(usual: int, seconds: float) -> Plan:
    """The usual load for long: what leaks, shows."""
    return Plan("soak", (Stage("soak", seconds, usual, usual),))


def opened(of: Callable[[int, float], Plan], gaps: Gaps = Gaps.CONSTANT) -> Callable[[int, float], Plan]:
    """A closed plan's stages, with arrivals on a schedule."""

    def plan(usual: int, seconds: float) -> Plan:
        closed = of(usual, seconds)
        return replace(closed, shape=f"open-{closed.shape}", models=(Model.OPEN,), gaps=gaps)

    return plan


def poisson(usual: int, seconds: float) -> Plan:
    """As many orders as the usual load on average, which come as they come: a Poisson process."""
    return replace(opened(steady, Gaps.POISSON)(usual, seconds), shape="poisson")


def models(usual: int, seconds: float) -> Plan:
    """The usual load of either model at the same time: what the one hides, the other shows."""
    return replace(steady(2 * usual, seconds), shape="models", models=(Model.CLOSED, Model.OPEN))


@dataclass(frozen=True)
class Shape:
    """How a shape's plan is made, how long one of its stages lasts unless told otherwise, and what it is for."""

    plan: Callable[[int, float], Plan]
    seconds: float
    story: str


SHAPES = {
    "steady": Shape(steady, 60, "The usual load goes through as it comes."),
    "spike": Shape(
        spike,
        20,
        "Ten times the usual load within five seconds: the queue takes what the worker cannot, and drains.",
    ),
    "ramp": Shape(
        ramp, 15, "One usual load more at every step, until the pipeline cannot follow any more: the knee."
    ),
    "soak": Shape(soak, 1800, "The usual load for long: what leaks, shows."),
    "open-steady": Shape(
        opened(steady), 60, "Orders come on a schedule, whether or not those before were answered."
    ),
    "open-spike": Shape(
        opened(spike),
        20,
        "Ten times the arrivals, which no slow answer holds back: the queue takes them, and drains.",
    ),
    "open-ramp": Shape(
        opened(ramp),
        15,
        "One usual load of arrivals more at every step, until the pipeline cannot follow: the knee.",
    ),
    "poisson": Shape(
        poisson, 60, "Orders come at random, as they do from many people who know nothing of each other."
    ),
    "models": Shape(
        models,
        60,
        "Users who wait for answers beside arrivals that do not: what the first hide, the second show.",
    ),
}


def planned(shape: str, usual: int, seconds: float) -> Plan:
    """The plan of a shape for `usual` users and stages of `seconds` (0: the shape's own).

    Raises LabError where that is unknown, too many or too long.
    """
    if shape not in SHAPES:
        raise unknown("shape", shape, SHAPES)
    if usual < 1 or seconds < 0:
        raise LabError(
            f"{usual} users for {seconds:g} s make no load.", "Ask for 1 user or more, and no negative time"
        )
    plan = SHAPES[shape].plan(usual, seconds or SHAPES[shape].seconds)
    most = max(stage.users for stage in plan.stages)
    if most > MAX_USERS:
        raise LabError(
            f"The shape {shape} with --usual {usual} means {most} users; at most {MAX_USERS} are allowed.",
            f"Ask for at most --usual {usual * MAX_USERS // most}",
        )
    if plan.seconds > MAX_SECONDS:
        raise LabError(
            f"The shape {shape} would take {plan.seconds:g} s; at most {MAX_SECONDS} s are allowed.",
            f"Ask for at most --seconds {MAX_SECONDS // len(plan.stages)}",
        )
    return plan


@dataclass(frozen=True)
class Step:
    """What one stage did: orders accepted in it, and how many more waited at its end than at its beginning."""

    stage: Stage
    accepted: int
    backlog_growth: int

    @property
    def followed(self) -> bool:
        """Whether the pipeline kept up."""
        return self.backlog_growth <= KNEE_SHARE * self.accepted

    @property
    def rate(self) -> float:
        """Orders accepted a second."""
        return self.accepted / self.stage.seconds


def knee(steps: Sequence[Step]) -> Step | None:
    """The first step that the pipeline could not follow; None if it kept up. The very first only warms it up."""
    return next((step for step in steps[1:] if not step.followed), None)


def fastest_followed(steps: Sequence[Step]) -> Step | None:
    """The step with the most orders a second of those that the pipeline kept up with; None if it never did."""
    return max((step for step in steps if step.followed), key=lambda step: step.rate, default=None)
