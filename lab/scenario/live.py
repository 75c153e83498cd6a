"""The view of a run while it lasts: the pipeline now, and each prediction as it is decided."""

import contextlib
from collections.abc import Generator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from lab.common.grid import Grid
from lab.common.output import Line, Terminal, styled
from lab.common.results import Result, result_table
from lab.faults.changes import Changes
from lab.pipeline.circuits import circuit_states
from lab.scenario.experiment import Experiment

REFRESHES_A_SECOND = 2


class View:
    """Draws one run again at every refresh. Where a terminal is too low for all predictions it shows the newest."""

    def __init__(self, experiment: Experiment, findings: list[Result]) -> None:
        self._experiment = experiment
        self._findings = findings

    def __rich_console__(self, console: Any, options: ConsoleOptions) -> RenderResult:
        above = console.render_lines(styled(self._pipeline(), ""), options)
        room = options.max_height - len(above) - 1
        for line in [*above, *self._newest(console, options, room)]:
            yield from line
            yield Segment.line()

    def _newest(self, console: Any, options: ConsoleOptions, room: int) -> list[list[Segment]]:
        """The lines of as many predictions as there is room for: the last ones."""
        for first in range(max(0, len(self._findings) - room), len(self._findings)):
            lines = console.render_lines(predictions(self._findings[first:]), options, pad=False)
            if len(lines) <= room:
                return lines
        return []

    def _pipeline(self) -> str:
        name, samples = self._experiment.name, self._experiment.timeline.samples
        if not samples:
            return f"{name}: the pipeline now\n"
        now = samples[-1]
        ringing = [name for name, state in now.alarms.items() if state == "ALARM"]
        circuits, changes = self._asked()
        return (
            f"{name}: the pipeline now\n"
            f"queue {now.queued}, in flight {now.in_flight}, DLQ {now.dlq}, processed {now.processed}; "
            f"alarms {', '.join(ringing) or 'silent'}; circuits {circuits}; in force {changes}\n"
        )

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


def predictions(findings: Sequence[Result]) -> Grid:
    """Predictions beside what was seen."""
    return result_table("predictions", "prediction", findings)


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
        View(experiment, findings),
        console=console,
        refresh_per_second=REFRESHES_A_SECOND,
        transient=True,
    ):
        yield
