"""What a scenario is made of: phases, predictions, and what became of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from infra.components.names import AlarmName
from lab.common.results import shown
from lab.faults.changes import Change
from lab.pipeline.metrics import Metric
from lab.scenario.answers import NUMBER, Answer

if TYPE_CHECKING:
    from lab.pipeline.observe import Pipeline
    from lab.scenario.experiment import Experiment

type Action = Callable[["Experiment"], None]


@dataclass(frozen=True)
class Tolerance:
    """What a probe is predicted to find. `text` says it in words; `exact` that one value alone will do."""

    text: str
    holds: Callable[[Any], bool]
    exact: bool = False


def exactly(value: Any) -> Tolerance:
    """This value and no other."""
    return Tolerance(shown(value), lambda seen: seen == value, exact=True)


def at_least(low: float) -> Tolerance:
    """This number or more."""
    return Tolerance(f"at least {low:g}", lambda seen: seen is not None and seen >= low)


def at_most(high: float) -> Tolerance:
    """This number or less."""
    return Tolerance(f"at most {high:g}", lambda seen: seen is not None and seen <= high)


def between(low: float, high: float) -> Tolerance:
    """A number within bounds, both included."""
    return Tolerance(f"{low:g} to {high:g}", lambda seen: seen is not None and low <= seen <= high)


@dataclass(frozen=True)
class Probe:
    """How a number is read from the running pipeline. `source` names the AWS API and what it is asked.

    `relies_on` is the question of `lab probe` that an engine must answer as AWS does, or the number says nothing.
    `answer` is what a person who predicts it may type, `why` the rule that the number follows. `alarms` is a pattern
    of the alarms whose states it reads: they are silent when a run begins.
    """

    source: str
    read: "Callable[[Experiment], Any]"
    metric: "Callable[[Pipeline], Metric] | None" = None
    relies_on: str = ""
    answer: Answer = NUMBER
    why: str = ""
    alarms: str = ""


@dataclass(frozen=True)
class Prediction:
    """One number foretold: its name, what it is read from, and how long the pipeline may take to get there.

    `own_why` is the rule behind it where that is another than its probe's.
    """

    name: str
    probe: Probe
    expected: Tolerance
    own_why: str = ""
    within: float = 30

    @property
    def why(self) -> str:
        """The rule behind it in one sentence, with its source where the rule is AWS's."""
        return self.own_why or self.probe.why


@dataclass(frozen=True)
class Phase:
    """A part of a scenario: changes in force while it lasts, what is done, what is then foretold.

    Predictions are looked at in their order, each until it holds or its time is up. What must stay at zero
    therefore stands behind what must happen first. `unprovable` gives the reason why the deployment at hand cannot
    show the phase, or None; with a reason it is not played. `premise` says what is done, for whoever is to predict.
    """

    name: str
    do: Action
    predictions: tuple[Prediction, ...]
    changes: tuple[Change, ...] = ()
    unprovable: "Callable[[Experiment], str | None]" = lambda _experiment: None
    premise: str = ""

    @property
    def setting(self) -> str:
        """The phase, what is in force in it, and what is done."""
        changes = " and ".join(change.meaning for change in self.changes)
        return f"{self.name}{f', with {changes}' if changes else ''}: {self.premise}"


def steady(do: Action, *predictions: Prediction, premise: str = "", name: str = "steady state") -> Phase:
    """The pipeline when nothing is wrong."""
    return Phase(name, do, predictions, premise=premise)


def under(
    *changes: Change, do: Action, predict: tuple[Prediction, ...], premise: str = "", name: str = "fault"
) -> Phase:
    """The pipeline under faults."""
    return Phase(name, do, predict, changes, premise=premise)


def where(possible: "Callable[[Experiment], str | None]", *phases: Phase) -> tuple[Phase, ...]:
    """Phases that are played only where `possible` gives no reason against it."""
    return tuple(replace(phase, unprovable=possible) for phase in phases)


def recovery(
    do: Action,
    *predictions: Prediction,
    premise: str = "nothing more is sent.",
    name: str = "recovery",
) -> Phase:
    """The pipeline once the fault is gone."""
    return Phase(name, do, predictions, premise=premise)


@dataclass(frozen=True)
class Scenario:
    """One experiment. `seconds` is all the time it may take; its faults do not outlive that.

    `alarms` are those whose states the report plots. `ends_with` is how many orders are meant to be in the DLQ
    when it is over; the ledger balances with them. `relies_on` are the questions of `lab probe` that an engine must
    answer as AWS does, or the fault is none. `needs_local_functions` says that the fault reaches functions only
    where they run as processes of this machine.
    """

    title: str
    hypothesis: str
    phases: tuple[Phase, ...]
    alarms: tuple[AlarmName, ...] = ("critical-dlq-depth",)
    seconds: int = 150
    ends_with: int = 0
    relies_on: tuple[str, ...] = ()
    needs_local_functions: bool = False

    def reads_alarm(self, name: str) -> bool:
        """Whether a prediction is about an alarm, which has to be silent when the run begins."""
        return any(fnmatch(name, prediction.probe.alarms) for _, prediction in self.predictions)

    @property
    def predictions(self) -> list[tuple[Phase, Prediction]]:
        """Every prediction with its phase."""
        return [(phase, prediction) for phase in self.phases for prediction in phase.predictions]
