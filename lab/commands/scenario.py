"""`lab scenario ...`: list, show and run the scenarios."""

import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Annotated

import typer

from lab import engines, report
from lab.commands.options import Env, Port, console
from lab.common.grid import Grid
from lab.common.output import Line, joined, styled
from lab.common.results import misses, score, tally
from lab.errors import LabError
from lab.faults.healing import connect
from lab.parity.page import differences
from lab.report import Run
from lab.scenario.catalog import Entry, load, names
from lab.scenario.guesses import Guesses, ask, guess_table, judged, read, remembered
from lab.scenario.live import live, predictions, verdict
from lab.scenario.runner import Runner

MOST_LINES, LONGEST_LINE = 1000, 1000
"""What is read of a file or a pipe of predictions, which may have no end: more than there are questions."""

app = typer.Typer(name="scenario", help="Break it, predict it, prove it.", no_args_is_help=True)

Chosen = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="Scenarios to run.", autocompletion=names)
]
Every = Annotated[bool, typer.Option("--all", help="Run all of them.")]


def say(line: Line) -> None:
    """One line of progress."""
    console.say(line)


@app.command("list")
def list_() -> None:
    """List the scenarios."""
    scenarios = {name: load(name).scenario for name in names()}
    columns = {
        "name": list(scenarios),
        "hypothesis": [scenario.hypothesis for scenario in scenarios.values()],
        "predictions": [str(len(scenario.predictions)) for scenario in scenarios.values()],
    }
    console.print(Grid("scenarios", columns, right=("predictions",)))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Which scenario.", autocompletion=names)],
) -> None:
    """Show a scenario: its story, its phases, and what it predicts from which AWS API."""
    entry = load(name)
    say(styled(entry.scenario.title, "bold"))
    for paragraph in entry.paragraphs:
        console.print(f"\n{paragraph}")
    say("")
    foretold = entry.scenario.predictions
    columns = {
        "prediction": [prediction.name for _, prediction in foretold],
        "expected": [prediction.expected.text for _, prediction in foretold],
        "why": [prediction.why for _, prediction in foretold],
        "read from": [prediction.probe.source for _, prediction in foretold],
    }
    console.print(Grid("predictions", columns, [phase.setting for phase, _ in foretold]))


@app.command()
def run(  # noqa: PLR0917  one parameter for each option
    chosen: Chosen = None,
    every: Every = False,
    predict: Annotated[
        bool,
        typer.Option(
            "--predict", help="Ask for your own predictions first, and judge them by what was seen."
        ),
    ] = False,
    predict_from: Annotated[
        Path | None,
        typer.Option("--predict-from", help="Take them from a file: an answer a line, empty for none."),
    ] = None,
    faultless: Annotated[
        bool,
        typer.Option("--without-fault", help="Leave the faults out: predictions about them must be refuted."),
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Run scenarios one after the other.

    Exit code 1 if a prediction was refuted or an order is unaccounted for, 3 if something was only not read.
    """
    entries = entries_of(chosen, every=every)
    pipeline, engine = connect(port, env)  # before anybody has answered questions in vain
    guesses = predicted(entries, predict, predict_from)
    runner = Runner(
        pipeline,
        engine,
        say,
        faultless,
        watch=lambda experiment, found: live(console, experiment, found),
        differs=differences(engines.present(port).packaging),
    )
    run_all(runner, entries, guesses)


def predicted(entries: list[Entry], predict: bool, file: Path | None) -> dict[str, Guesses]:
    """A person's predictions by scenario: from a file, from a pipe, or asked for at the terminal."""
    if file is None and not predict:
        return {}
    if file is None and sys.stdin.isatty():
        return {entry.name: ask(entry, console.input, say) for entry in entries}
    try:
        with file.open(encoding="utf-8") if file else nullcontext(sys.stdin) as stream:
            lines = list(islice(iter(partial(stream.readline, LONGEST_LINE), ""), MOST_LINES))
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(
            f"The predictions cannot be read: {error}.", "Name a text file, an answer a line"
        ) from error
    return read(entries, lines)


def entries_of(chosen: list[str] | None, *, every: bool) -> list[Entry]:
    """The scenarios that were named, or all. Raises LabError unless it is one of both."""
    if bool(chosen) == every:
        raise LabError("Name the scenarios to run, or say --all.", "Run: lab scenario list")
    return [load(name) for name in (names() if every else chosen or [])]


def run_all(runner: Runner, entries: list[Entry], guesses: Mapping[str, Guesses] | None = None) -> None:
    """Run them one after the other and tell how each went. Raises typer.Exit with their code unless all passed."""
    runs: list[Run] = []
    start = time.monotonic()
    for entry, then in zip_longest(entries, entries[1:]):
        own = (guesses or {}).get(entry.name, {})
        finished = runner.run(entry, then)
        finished.findings = judged(entry.scenario, finished.findings, own)
        runs.append(finished)
        page = report.write(finished, entry.scenario.alarms)
        if own or not finished.passed or len(entries) == 1:
            console.print(predictions(finished.findings))
        if own:
            remembered(entry.name, finished.findings)
            console.print(guess_table(finished.findings))
            say(f"you: {score(finished.findings)}")
            for miss, why in misses(finished.findings).items():
                console.print(f"- {miss}. {why}")
        told = f" in {finished.seconds:.0f} s: {tally(finished.findings)}; report: {page}"
        say(joined(f"{entry.name} ", verdict(finished.passed), told))
    if len(runs) > 1:
        results = [result for run in runs for result in run.findings]
        failed = [run.name for run in runs if not run.passed]
        seconds = time.monotonic() - start
        say(f"{len(runs) - len(failed)} of {len(runs)} scenarios passed in {seconds:.0f} s: {tally(results)}")
        if failed:
            say(joined(styled("failed:", "red"), f" {', '.join(failed)}"))
    if codes := {run.exit_code for run in runs} - {0}:
        raise typer.Exit(min(codes))
