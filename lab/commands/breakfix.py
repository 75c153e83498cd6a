"""`lab break`, `hint`, `check`, `repair`, `puzzles`: find one hidden misconfiguration by its symptoms."""

from typing import Annotated

import typer

from lab.commands.options import Env, Port, console, say
from lab.common.grid import Grid
from lab.common.output import joined, several, styled, utc
from lab.common.progress import Progress
from lab.common.results import STYLES, Result, Verdict, exit_code
from lab.faults import steady_state as steady
from lab.faults.healing import connect
from lab.games import breakfix
from lab.games.breakfix import Record
from lab.games.check import check as results_of
from lab.games.check import leftovers
from lab.games.puzzles import PAR_MINUTES, PUZZLES

MARKS = {Verdict.PROVED: "yes", Verdict.REFUTED: "NO "}


def puzzle_names() -> list[str]:
    """What the shell completes."""
    return [puzzle.name for puzzle in PUZZLES]


def break_(
    name: Annotated[
        str | None,
        typer.Argument(help="Which puzzle; without: one by chance.", autocompletion=puzzle_names),
    ] = None,
    *,
    level: Annotated[int | None, typer.Option(min=1, max=3, help="One of this level, 1 to 3.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed breaks the same thing.")] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the puzzles, and what was solved of them.")
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Give up: tell what is broken, and how to mend it.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Break one thing, hidden. Find it with the runbooks, mend it through AWS APIs, prove it with lab check."""

    if list_:
        puzzles()
        return
    if name:
        breakfix.chosen(name)
    pipeline, _ = connect(port, env)
    if reveal:
        puzzle = breakfix.give_up(pipeline)
        say(f"{puzzle.name}: {puzzle.revealed}")
        say(f"How: ops/runbooks/settings.md, under: {puzzle.section}")
        return
    steady.require(pipeline, say)
    puzzle = breakfix.break_it(pipeline, seed, name, level=_level(level))
    say(f"{puzzle.name}, level {puzzle.level}, {PAR_MINUTES[puzzle.level]} minutes. The clock runs.")
    say(f"What people say: {puzzle.symptom}")
    say('Symptoms: lab check. A hint: lab hint. Where to look: ops/runbooks. A shell: eval "$(lab env)"')
    say("Giving up: lab break --reveal, lab repair")


def puzzles() -> None:
    """List the puzzles, with what was solved of them, when, and with how many hints."""

    found = breakfix.records(Progress())
    console.print(
        Grid(
            "Puzzles",
            {
                "puzzle": [record.puzzle.name for record in found],
                "level": [str(record.puzzle.level) for record in found],
                "state": [record.state for record in found],
                "when (UTC)": [_when(record) for record in found],
                "time": [clock(record.seconds) for record in found],
                "best": [clock(record.best_seconds) for record in found],
                "hints": [str(record.hints or "") for record in found],
                "checks": [str(record.checks or "") for record in found],
            },
            right=("level", "time", "best", "hints", "checks"),
            note=f"{sum(record.state == 'solved' for record in found)} of {len(found)} solved. Next: lab break",
        )
    )


def _when(record: Record) -> str:
    at = record.ended_at or record.started_at
    return utc(at, "%Y-%m-%d %H:%M:%S") if at else ""


def clock(seconds: int | None) -> str:
    """A time as a clock shows it, such as `4:05`; empty for none."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"


def hint(
    number: Annotated[
        int | None, typer.Argument(min=1, help="Which hint; the first says least. Without: the next one.")
    ] = None,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Give a hint about what is broken. The list of puzzles says how many it took."""

    pipeline, _ = connect(port, env)
    given = breakfix.hint(pipeline, number)
    say(f"hint {given.number} of {given.of}: {given.text}")


def check(
    nothing_wrong: Annotated[
        bool, typer.Option("--nothing-wrong", help="Say that nothing is wrong, where you are sure of it.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Judge the pipeline by what it does to orders of its own. Exit code 1 if a behaviour is missing."""

    pipeline, _ = connect(port, env)
    if left := leftovers(pipeline):
        say(f"{left}. To clear them, once nothing is broken on purpose: make steady")
    results: list[Result] = []
    for result in results_of(pipeline, say):
        results.append(result)
        mark = styled(MARKS.get(result.verdict, "-  "), STYLES[result.verdict])
        say(joined(mark, f" {result.name}: {result.seen}"))
    outcome = breakfix.judge(pipeline, results, nothing_wrong=nothing_wrong)
    if outcome:
        say(f"{outcome.told} {taken(outcome.record)}")
    if code := exit_code(results):
        raise typer.Exit(code)


def taken(record: Record) -> str:
    """The clock of a puzzle, beside the time it should take, and its hints."""
    return f"({clock(record.seconds)} of {clock(record.par_seconds)} min, {several(record.hints, 'hint')})"


def repair(port: Port = 4566, env: Env = "dev") -> None:
    """Mend what lab break has broken, and bring the steady state back. The puzzle counts as given up."""

    pipeline, _ = connect(port, env)
    say(f"It was: {breakfix.give_up(pipeline).revealed}")
    steady.restore(pipeline, say)


def _level(number: int | None) -> breakfix.Level | None:
    return next((level for level in PAR_MINUTES if level == number), None)
