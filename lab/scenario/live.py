"""The view of a run while it lasts: the pipeline now, and each prediction as it is decided."""

import contextlib
from collections.abc import Generator

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table

from lab.common.output import Line, Terminal, styled
from lab.common.results import Result, ResultTable
from lab.faults.changes import Changes
from lab.pipeline.circuits import circuit_states
from lab.scenario.experiment import Experiment

REFRESHES_A_SECOND = 2


class View:
    """Draws one run again at every refresh."""

    def __init__(self, experiment: Experiment, findings: list[Result]) -> None:
        self._experiment = experiment
        self._findings = findings

    def __rich__(self) -> RenderableType:
        return Group(self._pipeline(), results(self._findings))

    def _pipeline(self) -> Table:
        table = Table(title=f"{self._experiment.name}: the pipeline now", title_justify="left")
        for name in ("queue", "in flight", "DLQ", "processed"):
            table.add_column(name, justify="right")
        for name in ("alarms", "circuits", "in force"):
            table.add_column(name, overflow="fold")
        samples = self._experiment.timeline.samples
        if samples:
            now = samples[-1]
            ringing = [name for name, state in now.alarms.items() if state == "ALARM"]
            table.add_row(
                str(now.queued),
                str(now.in_flight),
                str(now.dlq),
                str(now.processed),
                ", ".join(ringing) or "silent",
                *self._asked(),
            )
        return table

    def _asked(self) -> tuple[str, str]:
        """Circuits that are not closed, and the changes that stand."""
        try:
            circuits = [
                f"{name} {state}"
                for name, state in circuit_states(self._experiment.pipeline).items()
                if state != "CLOSED"
            ]
            changes = [active.setting for active in Changes(self._experiment.pipeline).active()]
        except (BotoCoreError, ClientError):
            return "?", "?"
        return ", ".join(circuits) or "closed", ", ".join(changes) or "nothing"


def results(findings: list[Result]) -> ResultTable:
    """Predictions beside results."""
    return ResultTable("predictions", "prediction", findings)


def verdict(passed: bool) -> Line:
    """How a run ended."""
    return styled("passed", "green") if passed else styled("FAILED", "red")


@contextlib.contextmanager
def live(console: Terminal, experiment: Experiment, findings: list[Result]) -> Generator[None]:
    """Show a run for the duration of a `with` block; where no terminal is, one line for the whole of it."""
    if not console.is_terminal:
        console.print(f"{experiment.name} ...")
        yield
        return
    with Live(
        get_renderable=View(experiment, findings).__rich__,
        console=console,
        refresh_per_second=REFRESHES_A_SECOND,
        transient=True,
    ):
        yield
