"""`lab gameday ...`: play a scripted incident with a team. Guides: ops/gamedays/."""

import select
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.errors import LabError
from lab.gameday import GAMEDAYS, Game, ScoreCard, play, score
from lab.scenario.cli import Env, Port, connect

app = typer.Typer(name="gameday", help="Scripted incidents with injects on a clock.", no_args_is_help=True)
console = Console()
KEYS = (
    "keys: h a hint, d we have noticed (declare the incident), s the pipeline now, q end it early; then Enter"
)


def say(line: str) -> None:
    """One line of progress."""
    console.print(line, highlight=False, soft_wrap=True, markup=False)


@app.command("list")
def list_() -> None:
    """List the GameDays."""
    for day in GAMEDAYS.values():
        say(f"{day.name}: {day.title}, {day.seconds:.0f} s; guide: ops/gamedays/{day.name}.md")


@app.command()
def run(
    name: str,
    unattended: Annotated[bool, typer.Option("--unattended", help="Nobody is at the keys.")] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Play a GameDay. Exit code 1 if an order was lost or had its effect twice."""
    if name not in GAMEDAYS:
        raise LabError(f"There is no GameDay {name}.", f"Choose one of: {', '.join(GAMEDAYS)}")
    day = GAMEDAYS[name]
    pipeline, _ = connect(port, env)
    say(f"{day.title}. The clock runs for {day.seconds:.0f} s. {KEYS}")
    with play(day, pipeline, say) as game:
        attend(game, unattended=unattended)
        game.finished.set()
        card = score(game)
    console.print(table(card))
    if not card.accounted:
        raise typer.Exit(1)


def attend(game: Game, *, unattended: bool) -> None:
    """Serve the team until the time is up."""
    while game.timeline.now < game.day.seconds:
        if unattended or not sys.stdin.isatty():
            game.finished.wait(0.5)
            continue
        ready, _, _ = select.select([sys.stdin], [], [], 0.5)
        match sys.stdin.readline().strip().lower() if ready else "":
            case "h":
                say(f"hint {game.hints_given + 1}: {game.hint()}")
            case "d":
                game.declare()
                say(f"declared at {game.timeline.now:.0f} s")
            case "s":
                say(f"queue {game.pipeline.queue().total}, DLQ {game.pipeline.dlq().total}")
            case "q":
                return
            case _:
                pass


def table(card: ScoreCard) -> Table:
    """The score card."""
    shown = Table(title="Score card", title_justify="left", show_header=False)
    for name, seconds in (
        ("time to detect: first alarm", card.alarm_after),
        ("time to declare: the team said so", card.declared_after),
        ("time to recover: queue empty after the last inject", card.recovered_after),
    ):
        shown.add_row(name, "not at all" if seconds is None else f"{seconds:.1f} s")
    shown.add_row("hints taken", str(card.hints))
    shown.add_row("orders accepted", str(card.ledger.accepted))
    shown.add_row("orders processed", str(card.ledger.succeeded))
    shown.add_row("orders in the DLQ", str(card.ledger.in_dlq))
    shown.add_row("orders lost", str(card.ledger.lost))
    shown.add_row("effects repeated", str(card.ledger.duplicated))
    return shown
