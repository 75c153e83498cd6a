"""Puzzles, GameDays and challenges: what `lab break`, `hint`, `check`, `lab gameday` and `lab challenge` do."""

from typing import Any

from lab.challenge.catalog import challenge as challenge_of
from lab.challenge.package import handler_of
from lab.common.person import person
from lab.common.progress import Progress
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields, InputError
from lab.console.job_kinds import RunnerProcess
from lab.console.routes.endpoints import get, post
from lab.errors import unknown
from lab.faults import steady_state as steady
from lab.games import breakfix
from lab.games.breakfix import Record
from lab.games.check import check, leftovers
from lab.games.desk import Action, Desk
from lab.games.gameday import GAMEDAYS
from lab.games.puzzles import PAR_MINUTES, Level

BUSY = ("redrive", "scenario", "steady", "gameday", "cost", "challenge")
ACTIONS: tuple[Action, ...] = ("inject", "pause", "resume", "hint", "note", "declare", "diagnose", "end")
MOST_WORDS = 1000
FASTEST = 20


def puzzles(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Every puzzle with what has become of it, and the one that is in force with its hints so far."""
    found = breakfix.active(state.pipeline)
    record = breakfix.record(Progress(), breakfix.puzzle_of(found.setting)) if found else None
    current = None
    if record:
        hints = record.puzzle.hints
        current = _record(record) | {
            "symptom": record.puzzle.symptom,
            "given": list(hints[: record.hints]),
            "hintsLeft": len(hints) - record.hints,
        }
    return {"puzzles": [_record(each) for each in breakfix.records(Progress())], "current": current}


def break_it(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Break one thing: a puzzle by its name, or one of a level, or by a seed."""
    state.require_idle(*BUSY)
    name, level = fields.text("name", least=0) or None, fields.whole("level", 0, 3)
    seed = fields.whole("seed", 0, 10**9) if fields.values.get("seed") is not None else None
    pipeline = state.pipeline
    steady.require(pipeline)
    chosen: Level | None = next((known for known in PAR_MINUTES if known == level), None)
    breakfix.break_it(pipeline, seed, name, level=chosen)
    state.live.look_soon()
    return puzzles(state, fields)


def hint(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The next hint, which the list counts."""
    breakfix.hint(state.pipeline)
    return puzzles(state, fields)


def judge(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Judge the pipeline by what it does to orders of its own. Takes some seconds."""
    state.require_idle(*BUSY)
    pipeline = state.pipeline
    left = leftovers(pipeline)
    results = list(check(pipeline))
    outcome = breakfix.judge(pipeline, results, nothing_wrong=fields.flag("nothingWrong"))
    state.live.look_soon()
    return puzzles(state, fields) | {
        "results": [{"name": each.name, "seen": each.seen, "verdict": each.verdict} for each in results],
        "leftovers": left,
        "told": outcome.told if outcome else "No puzzle is in force: this is how the pipeline does.",
        "solved": bool(outcome and outcome.solved),
    }


def give_up(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Have the solution told; the puzzle stays in force until it is mended."""
    puzzle = breakfix.give_up(state.pipeline)
    return puzzles(state, fields) | {
        "name": puzzle.name,
        "revealed": puzzle.revealed,
        "section": puzzle.section,
    }


def gamedays(_state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """The game that is under way, or the last one, as everybody may see it; and what was played."""
    desk = Desk()
    return {
        "now": desk.under_way(),
        "last": desk.state(),
        "played": [{"at": step.at, "name": step.name, **step.facts} for step in Progress().steps("gameday")],
    }


def play(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin a GameDay. `team` has a person and role on each line; `faster` is for rehearsals."""
    name = fields.text("name")
    if name not in GAMEDAYS:
        raise unknown("GameDay", name, GAMEDAYS)
    faster = fields.whole("faster", 1, FASTEST)
    team = [line.strip() for line in fields.text("team", least=0).splitlines() if line.strip()]
    _ = state.pipeline
    title = f"GameDay {GAMEDAYS[name].title}"
    return state.start(
        RunnerProcess("gameday", title, state.engine_port, state.env, name, str(faster), *team)
    )


def ask(_state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Have something done in the game: an inject, a pause, a hint, a note, a declaration."""
    wanted = fields.text("action")
    action: Action | None = next((known for known in ACTIONS if known == wanted), None)
    if action is None:
        raise InputError(f"There is no action {wanted}.", f"It is one of: {', '.join(ACTIONS)}")
    text = fields.text("text", least=1 if action in ("note", "diagnose") else 0, most=MOST_WORDS).strip()
    Desk().ask(action, text, fields.text("who", least=0, most=100).strip() or person())
    return {"asked": action}


def challenge(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin to judge a handler: a file of this machine, and the function in it."""
    chosen, handler = challenge_of(fields.text("name")), fields.text("handler", most=MOST_WORDS).strip()
    seed = fields.whole("seed", 0, 10**9)
    handler_of(handler)  # says what is wrong with it before a job is made
    title = f"Challenge {chosen.name}"
    return state.start(
        RunnerProcess("challenge", title, state.engine_port, state.env, chosen.name, handler, str(seed))
    )


def _record(record: Record) -> dict[str, Any]:
    return {
        "name": record.puzzle.name,
        "level": record.puzzle.level,
        "state": record.state,
        "startedAt": record.started_at,
        "seconds": record.seconds,
        "parSeconds": record.par_seconds,
        "bestSeconds": record.best_seconds,
        "hints": record.hints,
        "checks": record.checks,
    }


ROUTES = [
    get("/api/puzzles", puzzles),
    post("/api/puzzles/break", break_it),
    post("/api/puzzles/hint", hint),
    post("/api/puzzles/check", judge),
    post("/api/puzzles/reveal", give_up),
    get("/api/gamedays", gamedays),
    post("/api/gamedays/play", play),
    post("/api/gamedays/ask", ask),
    post("/api/challenges/run", challenge),
]
