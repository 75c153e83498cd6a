"""`lab break`, `hint`, `check`, `repair`: find one hidden misconfiguration by its symptoms."""

from typing import Annotated

import typer

from lab.commands.options import Env, Port, say
from lab.common.output import joined, styled
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.faults.healing import connect
from lab.games import breakfix


def break_(
    seed: Annotated[int | None, typer.Option(help="The same seed breaks the same thing.")] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Tell what is broken, and how to mend it.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Break one thing, hidden. Find it with the runbooks, mend it through AWS APIs, prove it with lab check."""

    pipeline, _ = connect(port, env)
    if reveal:
        puzzle = breakfix.require_broken(pipeline)
        say(f"{puzzle.name}: {puzzle.revealed}")
        return
    steady.require(pipeline)
    breakfix.break_it(pipeline, seed)
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
    say(f"hint {min(number, len(hints))} of {len(hints)}: {hints[min(number, len(hints)) - 1]}")


def check(port: Port = 4566, env: Env = "dev") -> None:
    """Judge the pipeline by what it does, not by its settings. Exit code 1 if a behaviour is missing."""

    pipeline, _ = connect(port, env)
    missing = 0
    for judgement in breakfix.check(pipeline):
        missing += not judgement.shown
        mark = styled("yes", "green") if judgement.shown else styled("NO ", "red")
        say(joined(mark, f" {judgement.behaviour}: {judgement.seen}"))
    if missing:
        raise typer.Exit(1)
    if puzzle := breakfix.active(pipeline):
        Changes(pipeline).forget(puzzle.setting)
        say(f"Mended. It was: {breakfix.puzzle_of(puzzle.setting).revealed}")


def repair(port: Port = 4566, env: Env = "dev") -> None:
    """Mend what lab break has broken, and bring the steady state back."""

    pipeline, _ = connect(port, env)
    say(f"It was: {breakfix.require_broken(pipeline).revealed}")
    steady.restore(pipeline, say)
