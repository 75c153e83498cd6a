"""`lab scenario ...`: list, show and run the scenarios."""

import time
from typing import Annotated

import typer
from rich.table import Table

from lab import engines, report
from lab.commands.options import Env, Port, console
from lab.common.output import Line, joined, styled
from lab.common.results import tally
from lab.errors import LabError
from lab.faults.healing import connect
from lab.parity.page import differences
from lab.report import Run
from lab.scenario.catalog import Entry, load, names
from lab.scenario.live import live, results, verdict
from lab.scenario.runner import Runner

app = typer.Typer(name="scenario", help="Break it, predict it, prove it.", no_args_is_help=True)

Chosen = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Scenarios to run.")]
Every = Annotated[bool, typer.Option("--all", help="Run all of them.")]


def say(line: Line) -> None:
    """One line of progress."""
    console.say(line)


@app.command("list")
def list_() -> None:
    """List the scenarios."""
    table = Table(box=None)
    for column in ("name", "hypothesis", "predictions"):
        table.add_column(column, overflow="fold")
    for name in names():
        scenario = load(name).scenario
        table.add_row(name, scenario.hypothesis, str(len(scenario.predictions)))
    console.print(table)


@app.command()
def show(name: str) -> None:
    """Show a scenario: its story, its phases, and what it predicts from which AWS API."""
    entry = load(name)
    say(joined(styled(entry.scenario.title, "bold"), f"\n\n{entry.story}\n"))
    table = Table(title="predictions", title_justify="left")
    for column in ("phase", "in force", "prediction", "expected", "read from"):
        table.add_column(column, overflow="fold")
    for phase, prediction in entry.scenario.predictions:
        changes = ", ".join(change.meaning for change in phase.changes)
        table.add_row(phase.name, changes, prediction.name, prediction.expected.text, prediction.probe.source)
    console.print(table)


@app.command()
def run(  # noqa: PLR0917  one parameter for each option
    chosen: Chosen = None,
    every: Every = False,
    predict: Annotated[
        bool,
        typer.Option("--predict", help="Ask for your own numbers first, and show them beside the result."),
    ] = False,
    faultless: Annotated[
        bool,
        typer.Option("--without-fault", help="Leave the faults out: predictions about them must be refuted."),
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Run scenarios one after the other. Exit code 1 if a prediction was refuted or an order is unaccounted for."""
    entries = entries_of(chosen, every=every)
    pipeline, engine = connect(port, env)
    runner = Runner(
        pipeline,
        engine,
        say,
        faultless,
        watch=lambda experiment, found: live(console, experiment, found),
        differs=differences(engines.present(port).packaging),
    )
    run_all(runner, entries, predict=predict)


def entries_of(chosen: list[str] | None, *, every: bool) -> list[Entry]:
    """The scenarios that were named, or all. Raises LabError unless it is one of both."""
    if bool(chosen) == every:
        raise LabError("Name the scenarios to run, or say --all.", "Run: lab scenario list")
    return [load(name) for name in (names() if every else chosen or [])]


def run_all(runner: Runner, entries: list[Entry], *, predict: bool = False) -> None:
    """Run them one after the other and tell how each went. Raises typer.Exit(1) if one did not pass."""
    runs: list[Run] = []
    start = time.monotonic()
    for entry in entries:
        guesses = ask(entry) if predict else {}
        finished = runner.run(entry, guesses)
        runs.append(finished)
        page = report.write(finished, entry.scenario.alarms)
        if predict or not finished.passed or len(entries) == 1:
            console.print(results(finished.findings))
        told = f" in {finished.seconds:.0f} s: {tally(finished.findings)}; report: {page}"
        say(joined(f"{entry.name} ", verdict(finished.passed), told))
    judged = [result for run in runs for result in run.findings]
    if len(runs) > 1:
        failed = [run.name for run in runs if not run.passed]
        seconds = time.monotonic() - start
        say(f"{len(runs) - len(failed)} of {len(runs)} scenarios passed in {seconds:.0f} s: {tally(judged)}")
        if failed:
            say(joined(styled("failed:", "red"), f" {', '.join(failed)}"))
    if codes := {run.exit_code for run in runs} - {0}:
        raise typer.Exit(min(codes))


def ask(entry: Entry) -> dict[tuple[str, str], str]:
    """The attendee's own numbers, by phase and prediction."""
    say(f"\n{entry.story}\n\nWhat do you predict? (Enter skips a question.)")
    return {
        (phase.name, prediction.name): guess
        for phase, prediction in entry.scenario.predictions
        if (guess := typer.prompt(f"  {phase.name}: {prediction.name}", default="", show_default=False))
    }
