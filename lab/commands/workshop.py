"""`lab handin`, `lab scoreboard`: what a room full of learners has done."""

import re
from pathlib import Path
from typing import Annotated

import typer

from lab.commands.breakfix import clock
from lab.commands.options import console, say
from lab.common import paths
from lab.common.grid import Grid
from lab.common.progress import Progress
from lab.games.handin import Board, board, collected, written

Room = Annotated[
    str,
    typer.Option(
        "--room", envvar="LAB_ROOM", help="The room's key, of 8 characters or more, from the facilitator."
    ),
]


def handin(
    name: Annotated[str, typer.Option(help="Your name, as it is to stand on the board.")],
    room: Room,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it; without: handin-NAME.json here.")
    ] = None,
) -> None:
    """Write one file with what you have done: puzzles, hints, checks, guesses, reports. It is signed for the room."""
    found = collected(name, Progress(), paths.REPORTS)
    file = out or Path(f"handin-{re.sub(r'[^A-Za-z0-9]+', '-', found.name).strip('-') or 'me'}.json")
    file.write_text(written(found, room))
    say(f"{file}: {len(found.steps)} steps, {len(found.runs)} reports. Give it to the facilitator.")


def scoreboard(
    files: Annotated[list[Path], typer.Argument(help="What was handed in.")],
    room: Room,
) -> None:
    """Rank what was handed in, and show where people got stuck. Exit code 1 if a file was changed or is none."""
    found = board(files, room)
    console.print(ranks(found), where_stuck(found))
    for file, why in found.refused.items():
        say(f"NOT RANKED {file}: {why}")
    if found.refused:
        raise typer.Exit(1)


def ranks(found: Board) -> Grid:
    """The learners of a room, the best first."""
    scores = found.scores
    return Grid(
        "Score board",
        {
            "rank": [str(1 + sum(other.points > score.points for other in scores)) for score in scores],
            "name": [score.name for score in scores],
            "points": [str(score.points) for score in scores],
            "puzzles": [str(score.solved) for score in scores],
            "hints": [str(score.hints) for score in scores],
            "guesses": [f"{score.right} of {score.guesses}" if score.guesses else "" for score in scores],
            "modules": [str(score.modules or "") for score in scores],
            "GameDays": [str(score.gamedays or "") for score in scores],
            "stuck at": [", ".join(score.stuck) for score in scores],
        },
        right=("rank", "points", "puzzles", "hints", "modules", "GameDays"),
    )


def where_stuck(found: Board) -> Grid:
    """The puzzles of a room, the hardest first."""
    stuck = found.stuck
    return Grid(
        "Where people got stuck",
        {
            "puzzle": [line.puzzle for line in stuck],
            "level": [str(line.level) for line in stuck],
            "begun": [str(line.begun) for line in stuck],
            "solved": [str(line.solved) for line in stuck],
            "given up": [str(line.given_up) for line in stuck],
            "hints": [str(line.hints) for line in stuck],
            "median": [clock(line.median_seconds) for line in stuck],
        },
        right=("level", "begun", "solved", "given up", "hints", "median"),
    )
