"""The pages, the entrance, and the files they are made of."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markdown_it import MarkdownIt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from functions.redrive.plan import PARAMETERS
from lab.challenge.catalog import CHALLENGES, Challenge
from lab.common import paths, web
from lab.console import switches
from lab.console.fields import InputError, read
from lab.console.routes.endpoints import state_of
from lab.console.routes.runbooks import RUNBOOKS, RUNNABLE
from lab.console.security import ENTRANCE, SESSION, same
from lab.faults.catalogue import FAULTS, NamedFault
from lab.games.gameday import GAMEDAYS, ROLES
from lab.learn.course import HINT_COSTS
from lab.learn.module import modules
from lab.report import flight
from lab.scenario.answers import Choice
from lab.scenario.catalog import Entry, load, names
from lab.scenario.guesses import questions
from lab.scenario.model import Scenario

HERE = Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z0-9-]+")
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TTLS = (30, 60, 120, 300, 900, switches.MAX_SECONDS)

PAGES = (
    ("/", "Pipeline", "overview"),
    ("/course", "Course", "course"),
    ("/dashboard", "Dashboard", "dashboard"),
    ("/alarms", "Alarms", "alarms"),
    ("/dlq", "Dead letters", "dlq"),
    ("/faults", "Faults", "faults"),
    ("/scenarios", "Scenarios", "scenarios"),
    ("/puzzles", "Puzzles", "puzzles"),
    ("/gamedays", "GameDays", "gamedays"),
    ("/challenges", "Challenges", "challenges"),
    ("/trace", "Trace", "trace"),
    ("/logs", "Logs", "logs"),
    ("/cost", "Cost", "cost"),
)
"""Path, title and template of each page, in the order of the navigation."""

# Starlette's own environment escapes by the file's ending, and takes .j2 for plain text.
templates = Jinja2Templates(
    env=jinja2.Environment(
        loader=jinja2.FileSystemLoader([HERE / "templates", flight.SCRIPT.parent]), autoescape=True
    )
)
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def _page(path: str, title: str, template: str, **more: Callable[[], Any]) -> Route:
    """A page; `more` are values that its template needs, made when it is asked for."""

    async def endpoint(request: Request) -> Response:
        values = {name: await run_in_threadpool(make) for name, make in more.items()}
        return _rendered(request, template, title, path, **values)

    return Route(path, endpoint)


def _rendered(request: Request, template: str, title: str, path: str, **values: Any) -> Response:
    state = state_of(request)
    return templates.TemplateResponse(
        request,
        f"{template}.html.j2",
        {
            "title": title,
            "path": path,
            "pages": PAGES,
            "csrf": state.guard.keys.csrf,
            "engine_port": state.engine_port,
            "env": state.env,
            **values,
        },
    )


def _scenarios() -> list[Entry]:
    return [load(name) for name in names()]


def _html(markdown: str) -> str:
    """A text of ours as HTML. Code that is wider than the window can be scrolled with the keyboard."""
    return _MARKDOWN.render(markdown).replace("<pre>", '<pre tabindex="0">')


def _challenges() -> list[tuple[Challenge, str]]:
    """Every challenge with its page, without the heading."""
    return [(each, _html(each.page.partition("\n")[2])) for each in CHALLENGES.values()]


def _asked(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """A scenario's questions for a form: the premise where a phase opens, and what may be answered."""
    before = None
    for phase, prediction, _ in questions(scenario):
        answer = prediction.probe.answer
        yield {
            "premise": phase.setting,
            "opens": phase is not before,
            "name": prediction.name,
            "varies": not prediction.expected.exact,
            "options": answer.options if isinstance(answer, Choice) else (),
            "hint": answer.hint,
        }
        before = phase


def _switches() -> list[tuple[str, list[NamedFault]]]:
    return [(group, list(members)) for group, members in groupby(FAULTS.values(), lambda fault: fault.group)]


async def entrance(request: Request) -> Response:
    """The page that trades the token in the address's fragment, which no server sees, for a session."""
    return templates.TemplateResponse(request, "enter.html.j2", {})


async def session(request: Request) -> Response:
    """Give the browser that knows this start's token its session."""
    guard = state_of(request).guard
    given = (await read(request)).text("token")
    if not same(given, guard.keys.token):
        raise InputError(
            "This is not the token of this start.",
            "Open the address that `make console` printed when it started.",
            HTTPStatus.FORBIDDEN,
        )
    answer = JSONResponse({"next": "/"})
    answer.set_cookie(guard.cookie, guard.keys.session, path="/", httponly=True, samesite="strict")
    return answer


async def runbook(request: Request) -> Response:
    """One runbook as a page; its first line is the page's heading."""
    name = request.path_params["name"]
    file = RUNBOOKS / f"{name}.md"
    if not NAME.fullmatch(name) or not file.is_file():
        return await missing(request, None)
    heading, _, text = file.read_text().partition("\n")
    values = {"html": _html(text), "name": name, "runs": name == RUNNABLE}
    return _rendered(request, "runbook", heading.removeprefix("# "), "/alarms", **values)


async def course_module(request: Request) -> Response:
    """One module of the course."""
    found = {module.name: module for module in await run_in_threadpool(modules)}
    module = found.get(request.path_params["name"])
    if module is None:
        return await missing(request, None)
    titles = {path: title for path, title, _ in PAGES}
    values = {"module": module, "titles": titles, "hint_costs": HINT_COSTS}
    return _rendered(request, "module", module.title, "/course", **values)


async def recorder(request: Request) -> Response:
    """The flight recorder of a run, as a page of the console: reports run no scripts."""
    name = request.path_params["name"]
    folder = paths.REPORTS / name
    if not RUN_NAME.fullmatch(name) or not (folder / "history.jsonl").is_file():
        return await missing(request, None)
    data = await run_in_threadpool(flight.of_folder, folder)
    values = {"flight": data, "embedded": flight.embedded(data), "report": name, "trace": "/trace?name="}
    return _rendered(request, "recorder", f"Flight recorder: {name}", "/scenarios", **values)


async def to_recorder(request: Request) -> Response:
    """From the file that a report links to."""
    return RedirectResponse(f"/flight/{quote(request.path_params['name'])}", HTTPStatus.SEE_OTHER)


async def chart_file(request: Request) -> Response:
    """One of the files of the live charts."""
    file = web.assets().get(request.path_params["name"])
    if file is None:
        return await missing(request, None)
    return Response(file.read_bytes(), media_type=web.media_type(request.path_params["name"]))


async def recorder_file(request: Request) -> Response:
    """The recorder's script or style, which are the report's."""
    name = request.path_params["name"]
    if name not in ("flight.js", "flight.css"):
        return await missing(request, None)
    return Response((flight.SCRIPT.parent / name).read_bytes(), media_type=web.media_type(name))


async def missing(request: Request, _error: Any) -> Response:
    """404 as a page of the console, which holds its token; as JSON for programs and for whoever has no session."""
    if request.url.path.startswith("/api/") or not state_of(request).guard.has_session(request.cookies):
        return JSONResponse({"what": "There is no such thing.", "fix": "See /"}, HTTPStatus.NOT_FOUND)
    answer = _rendered(request, "missing", "Not here", "")
    answer.status_code = HTTPStatus.NOT_FOUND
    return answer


def _with(path: str, **more: Callable[[], Any]) -> Route:
    title, template = next((title, template) for known, title, template in PAGES if known == path)
    return _page(path, title, template, **more)


ROUTES = [
    _with("/"),
    _with("/dashboard"),
    _with("/alarms"),
    _with("/dlq", parameters=lambda: PARAMETERS),
    _with("/faults", groups=_switches, ttls=lambda: TTLS, ttl=lambda: switches.DEFAULT_SECONDS),
    _with("/scenarios", scenarios=_scenarios, asked=lambda: _asked),
    _with("/course", modules=modules),
    Route("/course/{name}", course_module),
    _with("/puzzles"),
    _with("/gamedays", days=lambda: list(GAMEDAYS.values()), roles=lambda: ROLES),
    _with("/challenges", challenges=_challenges),
    _with("/trace"),
    _with("/logs"),
    _with("/cost"),
    Route(ENTRANCE, entrance),
    Route(SESSION, session, methods=["POST"]),
    Route("/runbooks/{name}", runbook),
    Route("/static/web/{name}", chart_file),
    Route("/flight/{name}", recorder),
    Route("/reports/{name}/flight.html", to_recorder),
    Route("/static/flight/{name}", recorder_file),
    Mount("/static", StaticFiles(directory=HERE / "static")),
    Mount("/reports", StaticFiles(directory=paths.REPORTS, check_dir=False)),
]
