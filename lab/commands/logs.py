"""`lab logs`: what the functions and the engine have written; `lab look logs` asks the same of one function."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import typer

from lab import engines
from lab.commands.options import Env, Port, console, say
from lab.common.grid import Grid
from lab.common.output import Line, joined, shown, styled, utc
from lab.errors import unknown
from lab.faults.healing import connect
from lab.pipeline import logs as written
from lab.pipeline.logs import Entry
from lab.pipeline.observe import Pipeline

ENGINE = "engine"
FOLLOWED_EVERY = 1.0
ENGINE_LINES = 2000
"""How much of the end of the engine's log is compared to find what is new in it."""

LATE_MS = 5000
"""How much later than it happened a line may become readable."""

STYLES = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow"}

Minutes = Annotated[int, typer.Option(min=1, max=180, help="How far to look back.")]


def logs(  # noqa: PLR0917  one parameter for each option
    who: Annotated[
        str | None,
        typer.Argument(help="A function, such as worker, or `engine`; without: all functions."),
    ] = None,
    contains: Annotated[str, typer.Option(help="Only lines that hold this text.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option(min=1, max=ENGINE_LINES, help="Show the last ones.")] = 20,
    minutes: Minutes = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Each line as it was written.")] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Show the latest log lines of the functions or of the engine, and follow them."""
    if who == ENGINE:
        engine_log(engines.present(port), contains, lines, follow=follow)
        return
    pipeline, _ = connect(port, env)
    functions = chosen(pipeline, who)
    since = int((time.time() - 60 * minutes) * 1000)
    found = written.entries(pipeline, functions, since, contains)
    if as_json or follow:
        for entry in found[-lines:]:
            tell(entry, as_json=as_json)
    else:
        show(found, lines, f"{who or 'functions'}, last {minutes} min")
    if follow:
        followed(
            lambda since: written.entries(pipeline, functions, since, contains),
            found,
            partial(tell, as_json=as_json),
        )


def tell(entry: Entry, *, as_json: bool) -> None:
    """One line of a log: short, or as it was written, which no terminal breaks."""
    if as_json:
        console.print(entry.text, soft_wrap=True)
    else:
        say(line_of(entry))


def chosen(pipeline: Pipeline, who: str | None) -> list[str]:
    """The functions that are meant. Raises LabError if there is none of that name."""
    there = written.functions(pipeline)
    if who is None:
        return there
    if who not in there:
        raise unknown("function", who, [*there, ENGINE])
    return [who]


def show(found: Sequence[Entry], lines: int, title: str) -> None:
    """The last lines as a table, and how many there are."""
    last = found[-lines:]
    several = len({entry.function for entry in last}) > 1
    columns: dict[str, list[Line]] = {
        "UTC": [utc(entry.at, "%H:%M:%S.%f") for entry in last],
        "function": [entry.function if several else "" for entry in last],
        "event": [_event(entry) for entry in last],
        "order": [entry.order for entry in last],
        "what": [shown(entry.what) for entry in last],
    }
    console.print(Grid(title, columns))
    say(f"{len(last)} of {len(found)} lines; more: --lines, whole ones: --json")


def line_of(entry: Entry) -> Line:
    """A line of its own, for what is followed."""
    pieces = (
        utc(entry.at, "%H:%M:%S.%f"),
        entry.function,
        _event(entry),
        shown(entry.order),
        shown(entry.what),
    )
    return joined(*(part for piece in pieces if str(piece) for part in (piece, "  ")))


def followed(
    read: Callable[[int], Sequence[Entry]], before: Sequence[Entry], tell: Callable[[Entry], None]
) -> None:
    """Tell each entry once, as it comes, until Ctrl-C."""
    known = {entry.id for entry in before}
    since = max((entry.at for entry in before), default=int(time.time() * 1000))
    while True:
        time.sleep(FOLLOWED_EVERY)
        for entry in read(since - LATE_MS):
            if entry.id not in known:
                known.add(entry.id)
                since = max(since, entry.at)
                tell(entry)


def engine_log(engine: engines.Engine, contains: str, lines: int, *, follow: bool) -> None:
    """The end of the engine's log. Raises LabError where there is none."""
    before = engine.last_log_lines(ENGINE_LINES).splitlines()
    if not before:
        engine.require_running()
    for line in [line for line in before if contains in line][-lines:]:
        say(line)
    while follow:
        time.sleep(FOLLOWED_EVERY)
        now = engine.last_log_lines(ENGINE_LINES).splitlines()
        for line in newer(before, now):
            if contains in line:
                say(line)
        before = now


def newer(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """The lines that are new at the end of a log of which no more than the end is known."""
    for gone in range(len(before) + 1):
        if before[gone:] == now[: len(before) - gone]:
            return now[len(before) - gone :]
    return now


def _event(entry: Entry) -> Line:
    return styled(shown(entry.event), STYLES.get(entry.level, ""))
