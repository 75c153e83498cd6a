"""The page that lists all runs under `.lab/reports/`, the latest first."""

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from lab.common.output import shown
from lab.history.states import STATES

INDEX = "index.html"


@dataclass(frozen=True)
class Line:
    """One run in the list. `page` is relative to the index."""

    page: str
    title: str
    started: str
    engine: str
    seconds: float
    passed: bool
    proved: int
    refuted: int
    not_provable: int
    not_read: int = 0
    reached: tuple[str, ...] = ()
    recorded: bool = False
    """Whether its history is there, which the flight recorder shows."""


def templates() -> jinja2.Environment:
    """The reports' pages. Whatever is put into them is text; only what this code makes as HTML is not escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "."), autoescape=True, trim_blocks=True, finalize=_visible
    )
    environment.filters["code"] = _code
    return environment


def _visible(value: object) -> object:
    return shown(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    pieces = [escape(shown(piece, lines=True)) for piece in text.split("`")]
    marked = (Markup("<code>{}</code>").format(piece) if i % 2 else piece for i, piece in enumerate(pieces))
    return Markup("").join(marked)


def write_index(reports: Path) -> Path:
    """Write the index from what the folders hold; returns its path."""
    page = reports / INDEX
    text = templates().get_template("index.html.j2").render(lines=lines(reports), states=sightings(reports))
    page.write_text(text, encoding="utf-8")
    return page


def lines(reports: Path) -> list[Line]:
    """The runs whose reports are there, the latest first."""
    folders = reports.iterdir() if reports.exists() else ()
    found = [line for folder in folders if folder.is_dir() and (line := _line(folder))]
    return sorted(found, key=lambda line: line.started, reverse=True)


def sightings(reports: Path) -> dict[str, list[Line]]:
    """The runs that have been in each of the states worth having been in, the latest first."""
    runs = lines(reports)
    return {state.name: [run for run in runs if state.name in run.reached] for state in STATES}


def _line(folder: Path) -> Line | None:
    try:
        run = json.loads((folder / "report.json").read_text())
        verdicts = [finding["verdict"] for finding in run["findings"]]
        return Line(
            page=f"{folder.name}/report.html",
            title=run["title"],
            started=run["startedAt"],
            engine=run["engine"],
            seconds=run["seconds"],
            passed=run["passed"],
            proved=verdicts.count("proved"),
            refuted=verdicts.count("refuted"),
            not_provable=verdicts.count("not provable here"),
            not_read=verdicts.count("not read"),
            reached=tuple(run.get("reached", ())),
            recorded=(folder / "history.jsonl").exists(),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a folder that is not a report of this version
