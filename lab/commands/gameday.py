"""`lab gameday ...`: play a scripted incident with a team. Guides: ops/gamedays/."""

import select
import sys
from typing import Annotated

import typer

from lab import report
from lab.commands.options import Env, Port, console
from lab.common.grid import Facts
from lab.common.results import result_table
from lab.errors import unknown
from lab.faults.healing import connect
from lab.games.gameday import GAMEDAYS, Game, ScoreCard, play, score
from lab.history.results import results
from lab.report import Run

app = typer.Typer(name="gameday", help="Scripted incidents with injects on a clock.", no_args_is_help=True)
KEYS = (
    "keys: h a hint, d we have noticed (declare the incident), s the pipeline now, q end it early; then Enter"
)


say = console.say


@app.command("list")
def list_() -> None:
    """List the GameDays."""
    for day in GAMEDAYS.values():
        say(f"{day.name}: {day.title}, {day.seconds:.0f} s; guide: ops/gamedays/{day.name}.md")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Which GameDay.", autocompletion=lambda: list(GAMEDAYS))],
    unattended: Annotated[bool, typer.Option("--unattended", help="Nobody is at the keys.")] = False,
    faster: Annotated[
        float, typer.Option(min=1, max=5, help="Run the clock this many times as fast: a rehearsal.")
    ] = 1,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Play a GameDay. Exit code 1 if an order was lost, had its effect twice, or is unaccounted for."""
    if name not in GAMEDAYS:
        raise unknown("GameDay", name, GAMEDAYS)
    day = GAMEDAYS[name].faster(faster)
    pipeline, engine = connect(port, env)
    say(f"{day.title}. The clock runs for {day.seconds:.0f} s. {'' if unattended else KEYS}")
    with play(day, pipeline, say) as game:
        attend(game, unattended=unattended or not sys.stdin.isatty())
        card = score(game)
        finished = Run(
            f"gameday-{day.name}",
            f"GameDay: {day.title}",
            engine.name,
            game.timeline.so_far(),
            account=card.account,
            findings=list(results(card.account)),
            timings=rows(card),
        )
        page = report.write(finished, ["critical-dlq-depth"])
    console.print(table(card), result_table("Ledger", "of what was accepted", finished.findings))
    say(f"report: {page}")
    raise typer.Exit(finished.exit_code)


def attend(game: Game, *, unattended: bool) -> None:
    """Serve the team until the time is up or something ends the game."""
    while game.timeline.now < game.day.seconds and not game.finished.is_set():
        if unattended:
            game.finished.wait(0.2)
            continue
        ready, _, _ = select.select([sys.stdin], [], [], 0.2)
        match sys.stdin.readline().strip().lower() if ready else "":
            case "h":
                hint = game.hint()
                say(f"hint {game.hints_given}: {hint}" if hint else "there are no more hints")
            case "d":
                game.declare()
                say(f"declared at {game.declared_at or 0:.0f} s")
            case "s":
                ringing = [name for name, state in game.pipeline.alarm_states().items() if state == "ALARM"]
                say(
                    f"queue {game.pipeline.queue().total}, DLQ {game.pipeline.dlq().total}, "
                    f"in ALARM: {', '.join(ringing) or 'none'}"
                )
            case "q":
                say("ended early")
                return
            case "":
                pass
            case _:
                say(KEYS)
    say("time is up")


def rows(card: ScoreCard) -> dict[str, str]:
    """The times of a score card."""
    return {
        name: "not at all" if seconds is None else f"{seconds:.1f} s"
        for name, seconds in (
            ("to detect: first alarm", card.alarm_after),
            ("to declare: the team said so", card.declared_after),
            ("to recover: queue empty after the last inject", card.recovered_after),
        )
    }


def table(card: ScoreCard) -> Facts:
    """The score card."""
    ledger = card.account.ledger
    facts = {f"time {name}": value for name, value in rows(card).items()} | {
        "hints taken": str(card.hints),
        "orders accepted": str(ledger.accepted),
        "requests refused": str(card.refused),
        "orders processed": str(len(ledger.done)),
        "orders in the DLQ": str(len(ledger.dead)),
        "orders still queued": str(len(ledger.waiting)),
    }
    return Facts("Score card", facts)
