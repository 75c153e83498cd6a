"""What a learner hands in after a workshop, and the score board of a room. Nothing here prints.

A file holds the learner's progress and what the reports of their runs say, under an HMAC-SHA256 with the room's key,
which the facilitator gives to everybody at the start. Whoever has the key sees offline that a file was written in that
room and was not changed since by anybody who lacks it. As the key is on each learner's machine, it does not prove that
they did what the file says: it finds a mix-up or an edit, not somebody who is out to cheat.
"""

import hashlib
import hmac
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.common.clock import now_ms
from lab.common.progress import Progress, Step
from lab.errors import LabError
from lab.games.breakfix import Record, record_of
from lab.games.puzzles import PUZZLES

FORMAT = 1
LONGEST_NAME = 64
SHORTEST_KEY = 8

SOLVED_POINTS = 10
"""For each level of a solved puzzle."""
HINT_POINTS = 3
"""Taken off for each hint of it, down to the points of one hint."""
IN_TIME_POINTS = 5
GUESS_POINTS = 1
MODULE_POINTS = 10
GAMEDAY_POINTS = 20


@dataclass(frozen=True)
class RunLine:
    """What a report says of one run."""

    name: str
    started: str
    passed: bool


@dataclass(frozen=True)
class Handin:
    """What one learner hands in. `written_at` is epoch milliseconds."""

    name: str
    written_at: int
    steps: Sequence[Step]
    runs: Sequence[RunLine]

    @property
    def puzzles(self) -> list[Record]:
        """What became of each puzzle, as the file says."""
        steps = [step for step in self.steps if step.area == "puzzle"]
        return [record_of(puzzle, [step for step in steps if step.name == puzzle.name]) for puzzle in PUZZLES]

    @property
    def guesses(self) -> tuple[int, int]:
        """How many predictions were right, and of how many: the first of each scenario, before it was known."""
        judged = [step for step in self.steps if (step.area, step.did) == ("prediction", "judged")]
        first = {step.name: step.facts for step in reversed(judged)}
        return sum(facts["right"] for facts in first.values()), sum(facts["of"] for facts in first.values())

    def done(self, area: str, did: str) -> set[str]:
        """The names of what was done in an area."""
        return {step.name for step in self.steps if (step.area, step.did) == (area, did)}


@dataclass(frozen=True)
class Score:
    """One line of the board. `stuck` are puzzles that were begun and not solved."""

    name: str
    points: int
    solved: int
    hints: int
    right: int
    guesses: int
    modules: int
    gamedays: int
    stuck: tuple[str, ...]


@dataclass(frozen=True)
class Stuck:
    """How a room fared with one puzzle. `median_seconds` is of those who solved it; None where nobody did."""

    puzzle: str
    level: int
    begun: int
    solved: int
    given_up: int
    hints: int
    median_seconds: int | None


@dataclass
class Board:
    """A room's score board, and the files that are not on it, each with the reason."""

    scores: list[Score] = field(default_factory=list[Score])
    stuck: list[Stuck] = field(default_factory=list[Stuck])
    refused: dict[str, str] = field(default_factory=dict[str, str])


def collected(name: str, progress: Progress, reports: Path) -> Handin:
    """What there is to hand in under a name. Raises LabError for a name that is none."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise LabError(
            f"{name!r} is not a name.", 'Give 1 to 64 characters: lab handin --name "Ada Lovelace"'
        )
    return Handin(name.strip(), now_ms(), progress.steps(), list(_runs(reports)))


def _runs(reports: Path) -> Iterator[RunLine]:
    for file in sorted(reports.glob("*/report.json")):
        try:
            told = json.loads(file.read_text())
            yield RunLine(told["name"], told["startedAt"], bool(told["passed"]))
        except (OSError, ValueError, KeyError, TypeError):  # of another version, or half written
            continue


def written(handin: Handin, key: str) -> str:
    """The text of a file. Raises LabError for a key that anybody would guess."""
    body = {"format": FORMAT, **asdict(handin)}
    return json.dumps({**body, "signature": _signature(body, key)}, indent=1, sort_keys=True)


def read(text: str, key: str) -> Handin:
    """What a file says. Raises LabError unless it is one, signed with the room's key and not changed since."""
    try:
        body = json.loads(text)
        signature = body.pop("signature")
        found = hmac.compare_digest(str(signature), _signature(body, key))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise LabError("not a file of lab handin", "Ask for it again: lab handin") from error
    if not found:
        raise LabError(
            "changed after it was signed, or signed with another room's key", "Ask for it again: lab handin"
        )
    if body.get("format") != FORMAT:
        raise LabError(
            f"of format {body.get('format')}, not {FORMAT}", "Use the version of the lab that wrote it."
        )
    return Handin(
        body["name"],
        body["written_at"],
        [Step(**step) for step in body["steps"]],
        [RunLine(**run) for run in body["runs"]],
    )


def _signature(body: Mapping[str, Any], key: str) -> str:
    if len(key) < SHORTEST_KEY:
        raise LabError(
            f"A room's key has {SHORTEST_KEY} characters or more.",
            "Ask the facilitator: --room KEY, or LAB_ROOM",
        )
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), canonical.encode(), hashlib.sha256).hexdigest()


def board(files: Sequence[Path], key: str) -> Board:
    """Rank what was handed in. Of several files of one name the newest counts. Raises LabError for no key."""
    result, latest = Board(), dict[str, Handin]()
    for file in files:
        try:
            handin = read(_text(file), key)
        except LabError as error:
            if not key or len(key) < SHORTEST_KEY:
                raise
            result.refused[str(file)] = error.what
            continue
        if handin.name not in latest or latest[handin.name].written_at < handin.written_at:
            latest[handin.name] = handin
    result.scores = sorted(
        map(scored, latest.values()), key=lambda score: (-score.points, score.hints, score.name)
    )
    result.stuck = _stuck([handin.puzzles for handin in latest.values()])
    return result


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"cannot be read: {error}", "") from error


def scored(handin: Handin) -> Score:
    """The points of one learner: puzzles by level, less their hints, more if in time; guesses, modules, GameDays."""
    solved = [record for record in handin.puzzles if record.state == "solved"]
    right, guesses = handin.guesses
    modules, gamedays = len(handin.done("module", "finished")), len(handin.done("gameday", "played"))
    points = sum(map(_points, solved)) + GUESS_POINTS * right
    return Score(
        handin.name,
        points + MODULE_POINTS * modules + GAMEDAY_POINTS * gamedays,
        len(solved),
        sum(record.hints for record in handin.puzzles),
        right,
        guesses,
        modules,
        gamedays,
        tuple(record.puzzle.name for record in handin.puzzles if record.state in ("open", "given up")),
    )


def _points(record: Record) -> int:
    earned = max(HINT_POINTS, SOLVED_POINTS * record.puzzle.level - HINT_POINTS * record.hints)
    in_time = record.seconds is not None and record.seconds <= record.par_seconds
    return earned + IN_TIME_POINTS * in_time


def _stuck(rooms: Sequence[Sequence[Record]]) -> list[Stuck]:
    """Puzzle by puzzle, those first that the most people did not solve; without those that nobody began."""
    lines: list[Stuck] = []
    for records in zip(*rooms, strict=True):
        begun = [record for record in records if record.state != "new"]
        times = [
            record.seconds for record in begun if record.state == "solved" and record.seconds is not None
        ]
        if begun:
            lines.append(
                Stuck(
                    begun[0].puzzle.name,
                    begun[0].puzzle.level,
                    len(begun),
                    len(times),
                    sum(record.state == "given up" for record in begun),
                    sum(record.hints for record in begun),
                    round(statistics.median(times)) if times else None,
                )
            )
    return sorted(lines, key=lambda line: (line.solved - line.begun, -line.hints, line.puzzle))
