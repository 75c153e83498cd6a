"""`lab gameday ...`: play a scripted incident with a team. Guides: ops/gamedays/."""

import select
import sys
import time
from typing import Annotated, Any

import typer

from lab import report
from lab.commands.options import Env, Port, console
from lab.common.grid import Facts, Grid
from lab.common.person import person
from lab.common.progress import Progress
from lab.common.results import result_table
from lab.errors import LabError, unknown
from lab.faults.healing import connect
from lab.games.desk import Action, Desk
from lab.games.game import Game, play
from lab.games.gameday import GAMEDAYS, ROLES, moment
from lab.games.score import ScoreCard, report_of, score, times

app = typer.Typer(name="gameday", help="Scripted incidents with injects on a clock.", no_args_is_help=True)
KEYS = (
    "keys, then Enter: h a hint, d declare the incident, x TEXT what it is, n TEXT a note, s the pipeline now, "
    "i the next inject now, p pause or go on, q end it early"
)
SHOW_SECONDS = 1.0

Text = Annotated[str, typer.Argument(help="The words, as they are to stand in the report.")]

say = console.say


@app.command("list")
def list_() -> None:
    """List the GameDays: demonstrations heal themselves, exercises are to be repaired."""
    days = GAMEDAYS.values()
    columns = {
        "gameday": [day.name for day in days],
        "kind": [day.kind for day in days],
        "length": [moment(day.seconds) for day in days],
        "title": [day.title for day in days],
    }
    console.print(Grid("GameDays", columns, right=("length",), note="Guides: ops/gamedays/NAME.md"))


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Which GameDay.", autocompletion=lambda: list(GAMEDAYS))],
    team: Annotated[
        list[str] | None, typer.Option("--team", help="Who plays, such as 'Ada: commander'. Again for each.")
    ] = None,
    *,
    unattended: Annotated[bool, typer.Option("--unattended", help="Nobody is at the keys.")] = False,
    faster: Annotated[
        float, typer.Option(min=1, max=20, help="Run the clock this many times as fast: a rehearsal.")
    ] = 1,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Play a GameDay. Exit code 1 if an order was lost, had its effect twice, or is unaccounted for."""
    if name not in GAMEDAYS:
        raise unknown("GameDay", name, GAMEDAYS)
    day = GAMEDAYS[name].faster(faster)
    pipeline, engine = connect(port, env)
    if day.kind == "exercise":
        console.print(Facts("Roles", ROLES))
    say(f"{day.title}. The clock runs for {moment(day.seconds)}. {'' if unattended else KEYS}")
    say("From another terminal: lab gameday show --follow, lab gameday --help")
    with play(day, pipeline, say, team=tuple(team or ())) as game:
        attend(game, unattended=unattended or not sys.stdin.isatty())
        card = score(game)
        finished = report_of(game, card, engine.name)
        page = report.write(finished, ["critical-dlq-depth"])
    console.print(table(card), result_table("Ledger", "of what was accepted", finished.findings))
    say(f"report: {page}")
    Progress().note("gameday", name, "played", times=times(card), hints=card.hints, team=list(team or ()))
    raise typer.Exit(finished.exit_code)


def attend(game: Game, *, unattended: bool) -> None:
    """Serve the team until the time is up or something ends the game."""
    while not game.over:
        if unattended:
            game.finished.wait(0.2)
            continue
        ready, _, _ = select.select([sys.stdin], [], [], 0.2)
        if ready and not obeyed(game, sys.stdin.readline().strip()):
            say("ended early")
            return
    say("time is up" if game.clock >= game.day.seconds else "ended early")


def obeyed(game: Game, line: str) -> bool:
    """Do what a line of keys asks for. False if it ends the game."""
    key, _, text = line.partition(" ")
    match key.lower():
        case "h":
            if game.hint() is None:
                say("there are no more hints")
        case "d":
            game.declare()
        case "x" if text:
            game.diagnose(text)
        case "n" if text:
            game.note(text)
        case "i":
            if not game.inject_next():
                say("there are no more injects")
        case "p":
            (game.resume if game.paused else game.pause)()
        case "s":
            say(standing(game.state()))
        case "q":
            return False
        case "":
            pass
        case _:
            say(KEYS)
    return True


@app.command()
def show(
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Stay, with the clock on the screen, until the game is over."),
    ] = False,
    facilitator: Annotated[
        bool,
        typer.Option("--facilitator", help="With what comes next and what repairs it: not for the team."),
    ] = False,
) -> None:
    """Show the game that is under way: clock, pipeline, and what has happened."""
    desk = Desk()
    state = desk.under_way()
    if state is None:
        raise LabError("No GameDay is under way.", "Start one: lab gameday run spared-database")
    console.print(board(state, facilitator=facilitator))
    told = len(state["moments"])
    with console.status(standing(state)) as status:
        while follow and (now := desk.under_way()):
            for each in now["moments"][told:]:
                say(_line(each))
            told = len(now["moments"])
            status.update(standing(now))
            time.sleep(SHOW_SECONDS)
    if not follow:
        say(standing(state))


def board(state: dict[str, Any], *, facilitator: bool) -> Grid:
    """What has happened so far; for the facilitator also what comes, and what repairs it."""
    moments = state["moments"]
    note = ""
    if facilitator:
        repairs = [
            f"To repair: {incident['repair']}." for incident in state["incidents"] if not incident["repaired"]
        ]
        upcoming = state["nextInject"]
        if upcoming:
            repairs.append(f"Next, at {moment(upcoming['at'])}: {upcoming['told']}")
        left = state["hints"][state["hintsGiven"] :]
        repairs += [f"Next hint: {left[0]}"] if left else []
        note = "\n".join(repairs)
    columns = {
        "clock": [each["clock"] for each in moments],
        "what": [each["kind"] for each in moments],
        "who": [each["who"] for each in moments],
        "told": [each["text"] for each in moments],
    }
    return Grid(f"{state['title']} ({state['name']})", columns, right=("clock",), note=note)


def standing(state: dict[str, Any]) -> str:
    """One line: the clock, the depths, what rings."""
    now: dict[str, Any] = state["pipeline"] or {"queued": 0, "in_flight": 0, "dlq": 0, "alarms": {}}
    ringing = [name for name, value in now["alarms"].items() if value == "ALARM"]
    clock = f"{moment(state['clock'])} of {moment(state['seconds'])}{', PAUSED' if state['paused'] else ''}"
    return (
        f"{clock} · queue {now['queued']}, in flight {now['in_flight']}, DLQ {now['dlq']} · "
        f"in ALARM: {', '.join(ringing) or 'none'}"
    )


def _line(each: dict[str, Any]) -> str:
    who = f"{each['who']}: " if each["who"] else ""
    return f"[{each['clock']}] {each['kind']}: {who}{each['text']}"


def _ask(action: Action, text: str = "") -> None:
    Desk().ask(action, text, person())
    say("asked; see: lab gameday show")


@app.command()
def inject() -> None:
    """Facilitator: let the next inject happen now, whatever the clock says."""
    _ask("inject")


@app.command()
def pause() -> None:
    """Facilitator: stop the clock. Traffic flows on, and no inject comes."""
    _ask("pause")


@app.command()
def resume() -> None:
    """Facilitator: let the clock go on."""
    _ask("resume")


@app.command()
def hint() -> None:
    """Give the team its next hint, which is on the score card."""
    _ask("hint")


@app.command()
def note(text: Text) -> None:
    """Scribe: put a note on the timeline."""
    _ask("note", text)


@app.command()
def declare() -> None:
    """Commander: declare the incident. The time to declare ends."""
    _ask("declare")


@app.command()
def diagnose(text: Text) -> None:
    """Say what it is, in your words. The time to diagnose ends."""
    _ask("diagnose", text)


@app.command()
def end() -> None:
    """Facilitator: end the game early. Score card and report follow."""
    _ask("end")


def table(card: ScoreCard) -> Facts:
    """The score card."""
    ledger = card.account.ledger
    facts = {f"time {name}" if not card.incidents else name: value for name, value in times(card).items()} | {
        "hints taken": str(card.hints),
        "orders accepted": str(ledger.accepted),
        "requests refused": str(card.refused),
        "orders processed": str(len(ledger.done)),
        "orders in the DLQ": str(len(ledger.dead)),
        "orders still queued": str(len(ledger.waiting)),
    }
    return Facts("Score card", facts)
