"""`lab break`, `hint`, `check`, `repair`: find one hidden misconfiguration by its symptoms."""

from typing import Annotated

import typer

from lab.commands.options import Env, Port, say
from lab.common.output import joined, styled
from lab.common.results import STYLES, Result, Verdict, exit_code
from lab.errors import LabError
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.faults.healing import connect
from lab.games import breakfix
from lab.games.check import check as results_of
from lab.games.check import leftovers

MARKS = {Verdict.PROVED: "yes", Verdict.REFUTED: "NO "}


def break_(
    name: Annotated[
        str | None, typer.Argument(help="Which puzzle, for whoever sets it; without: one by chance.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed breaks the same thing.")] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Tell what is broken, and how to mend it.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Break one thing, hidden. Find it with the runbooks, mend it through AWS APIs, prove it with lab check."""

    if name:
        breakfix.chosen(name)
    pipeline, _ = connect(port, env)
    if reveal:
        puzzle = breakfix.require_broken(pipeline)
        say(f"{puzzle.name}: {puzzle.revealed}")
        return
    steady.require(pipeline)
    breakfix.break_it(pipeline, seed, name)
    say(
        "One thing is broken now. Symptoms: lab check. A hint: lab hint. Giving up: lab break --reveal, lab repair"
    )


def hint(
    number: Annotated[int, typer.Argument(min=1, help="Which hint; the first says least.")] = 1,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Give a hint about what is broken."""

    pipeline, _ = connect(port, env)
    hints = breakfix.require_broken(pipeline).hints
    if number > len(hints):
        raise LabError(f"There are {len(hints)} hints.", "The solution: lab break --reveal")
    say(f"hint {number} of {len(hints)}: {hints[number - 1]}")


def check(port: Port = 4566, env: Env = "dev") -> None:
    """Judge the pipeline by what it does to orders of its own. Exit code 1 if a behaviour is missing."""

    pipeline, _ = connect(port, env)
    if left := leftovers(pipeline):
        say(f"{left}. To clear them, once nothing is broken on purpose: make steady")
    results: list[Result] = []
    for result in results_of(pipeline):
        results.append(result)
        mark = styled(MARKS.get(result.verdict, "-  "), STYLES[result.verdict])
        say(joined(mark, f" {result.name}: {result.seen}"))
    if code := exit_code(results):
        raise typer.Exit(code)
    if puzzle := breakfix.active(pipeline):
        Changes(pipeline).forget(puzzle.setting)
        say(f"Mended. It was: {breakfix.puzzle_of(puzzle.setting).revealed}")


def repair(port: Port = 4566, env: Env = "dev") -> None:
    """Mend what lab break has broken, and bring the steady state back."""

    pipeline, _ = connect(port, env)
    say(f"It was: {breakfix.require_broken(pipeline).revealed}")
    steady.restore(pipeline, say)
