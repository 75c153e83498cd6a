"""Long work: scenarios, the way back to the steady state, and cancelling whatever is under way."""

from typing import Any

from functions.common import codec
from lab.common import paths
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.job_kinds import RunnerProcess
from lab.console.routes.endpoints import get, post
from lab.report.index import lines
from lab.scenario.catalog import load
from lab.scenario.guesses import numbered


def run(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin a scenario; `guesses` are a person's predictions by the number of the question."""
    entry = load(fields.text("name"))
    guesses = [
        {"act": act, "name": name, "guess": guess}
        for (act, name), guess in numbered(entry, fields.object("guesses")).items()
    ]
    faultless = fields.flag("withoutFault")
    _ = state.pipeline  # says what is missing before a job is made that could only fail
    title = f"Scenario {entry.name}{' without its fault' if faultless else ''}"
    options = [*(["without-fault"] if faultless else []), *([codec.dumps(guesses)] if guesses else [])]
    return state.start(RunnerProcess("scenario", title, state.engine_port, state.env, entry.name, *options))


def steady(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Begin the way back to the steady state."""
    _ = state.pipeline
    return state.start(
        RunnerProcess("steady", "The way back to the steady state", state.engine_port, state.env)
    )


def cancel(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Ask what is under way to end."""
    return state.jobs.cancel().as_json()


def reports(_state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """The reports of runs, the latest first."""
    return {"reports": [vars(line) for line in lines(paths.REPORTS)]}


ROUTES = [
    post("/api/scenarios/run", run),
    post("/api/steady", steady),
    post("/api/job/cancel", cancel),
    get("/api/reports", reports),
]
