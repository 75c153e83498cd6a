"""The course: where somebody stands in it, and what a module's page can do."""

from dataclasses import asdict
from typing import Any

from lab.common.progress import Progress
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.routes.endpoints import get, post
from lab.learn.course import FULL, Course, Standing
from lab.learn.letters import prepare
from lab.learn.module import Module, load


def course(_state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Every module with where somebody stands, the next one, and what was predicted so far."""
    mine = Course()
    standings = mine.standings()
    coming = mine.next()
    return {
        "modules": [_module(module, where) for module, where in standings],
        "next": coming.name if coming else None,
        "points": sum(where.score for _, where in standings if where.finished),
        "of": FULL * len(standings),
        "predictions": [
            {"at": step.at, "name": step.name, **step.facts} for step in Progress().steps("prediction")
        ],
    }


def module(_state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Where somebody stands in one module."""
    return _standing(load(fields.text("name")))


def begin(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin a module, with the dead letters that it needs."""
    chosen = load(fields.text("name"))
    pipeline = state.pipeline
    state.require_idle("redrive", "scenario", "steady")
    Course().begin(chosen, lambda count: prepare(pipeline, count))
    state.live.look_soon()
    return _standing(chosen)


def check(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Look at the checkpoints; `typed` has what was typed for those that ask."""
    chosen = load(fields.text("name"))
    typed = {name: str(text) for name, text in fields.object("typed").items()}
    found = Course().check(chosen, state.pipeline, typed)
    return _standing(chosen) | {"checkpoints": {name: asdict(looked) for name, looked in found.items()}}


def answer(_state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Answer the question; the explanation comes with the right answer."""
    chosen = load(fields.text("name"))
    right = Course().answer(chosen, fields.whole("choice", 1, 100))
    return _standing(chosen) | {"answeredRight": right}


def hint(_state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The next hint, which costs points."""
    chosen = load(fields.text("name"))
    told = Course().hint(chosen)
    return _standing(chosen) | {"hint": told}


def reset(_state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin again."""
    chosen = load(fields.text("name"))
    Course().reset(chosen)
    return _standing(chosen)


def _standing(chosen: Module) -> dict[str, Any]:
    where = Course().of(chosen)
    told = _module(chosen, where) | {"passed": where.passed, "given": list(chosen.hints[: where.hints])}
    return told | ({"why": chosen.question.why, "answer": where.answer} if where.right else {})


def _module(chosen: Module, where: Standing) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "state": where.state,
        "begun": where.begun,
        "finished": where.finished,
        "seconds": where.seconds,
        "hints": where.hints,
        "hintsLeft": len(chosen.hints) - where.hints,
        "score": where.score,
    }


ROUTES = [
    get("/api/course", course),
    get("/api/course/{name}", module),
    post("/api/course/begin", begin),
    post("/api/course/check", check),
    post("/api/course/answer", answer),
    post("/api/course/hint", hint),
    post("/api/course/reset", reset),
]
