"""Long work: scenarios, the way back to the steady state, and cancelling whatever is under way."""

from typing import Any

from lab.common import paths
from lab.console.desk import Desk
from lab.console.fields import Fields
from lab.console.routes.acting import get, post
from lab.console.work import Child
from lab.report.index import lines
from lab.scenario.catalog import load


def run(desk: Desk, fields: Fields) -> dict[str, Any]:
    """Begin a scenario."""
    entry = load(fields.text("name"))
    faultless = fields.flag("withoutFault")
    _ = desk.pipeline  # says what is missing before a job is made that could only fail
    title = f"Scenario {entry.name}{' without its fault' if faultless else ''}"
    options = ["without-fault"] if faultless else []
    return desk.start(Child("scenario", title, desk.engine_port, desk.env, entry.name, *options))


def steady(desk: Desk, _fields: Fields) -> dict[str, Any]:
    """Begin the way back to the steady state."""
    _ = desk.pipeline
    return desk.start(Child("steady", "The way back to the steady state", desk.engine_port, desk.env))


def cancel(desk: Desk, _fields: Fields) -> dict[str, Any]:
    """Ask what is under way to end."""
    return desk.jobs.cancel().as_json()


def reports(_desk: Desk, _fields: Fields) -> dict[str, Any]:
    """The reports of runs, the latest first."""
    return {"reports": [vars(line) for line in lines(paths.REPORTS)]}


ROUTES = [
    post("/api/scenarios/run", run),
    post("/api/steady", steady),
    post("/api/job/cancel", cancel),
    get("/api/reports", reports),
]
