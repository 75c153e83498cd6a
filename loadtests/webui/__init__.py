"""The pipeline's charts in Locust's web UI: a tab of their own, and a page at /pipeline/.

Built on what Locust documents for extending its web UI: `extended_tabs` and `extended_tables` in the template's
arguments, rows for them in the answer of /stats/requests, and a Flask blueprint. Locust's tabs hold tables only, so
a script that the blueprint serves draws the charts below the table. Below the form that starts a run stands what its
shapes mean.
"""

import json
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, abort, jsonify, request

from lab.common.web import assets, media_type
from loadtests.coordinator import Coordinator
from loadtests.shapes import SHAPES

if TYPE_CHECKING:
    from locust.web import WebUI

TAB = "pipeline"
FIRST = f"<head><script>if (!location.search) history.replaceState(null, '', '?tab={TAB}')</script>"
"""Locust shows the tab that the address names: ours, unless somebody asked for another."""

_STORIES = "".join(f"<dt>{name}</dt><dd>{escape(shape.story)}</dd>" for name, shape in SHAPES.items())
LAST = (
    '<section id="shapes" class="charts" hidden><h2>What the shape decides</h2>'
    "<p>How many users there are when, whether they wait for answers, and when the run ends. A user sends about one "
    f"request a second.</p><dl>{_STORIES}"
    '</dl></section><link rel="stylesheet" href="./pipeline/charts.css">'
    '<script type="module" src="./pipeline/tab.js"></script></body>'
)


def extend(web_ui: "WebUI", coordinator: Coordinator, base_path: str) -> None:
    """Add the tab and the page. Everything is served from this process."""
    web_ui.template_args |= {
        "extended_tabs": [{"title": "Pipeline", "key": TAB}],
        "extended_tables": [
            {"key": TAB, "structure": [{"key": "name", "title": "Figure"}, {"key": "now", "title": "Now"}]}
        ],
    }
    app: Flask = web_ui.app  # pyright: ignore[reportAssignmentType]  None only before the web UI is made
    app.register_blueprint(_blueprint(coordinator, web_ui.auth_required_if_enabled, base_path))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    @app.after_request
    def extended(response: Response) -> Response:  # pyright: ignore[reportUnusedFunction]
        if not response.is_json and request.path != f"{base_path}/":
            return response
        if request.path == f"{base_path}/stats/requests" and response.is_json:
            rows = {"extended_stats": [{"key": TAB, "data": figures(coordinator)}]}
            response.set_data(json.dumps({**response.get_json(), **rows}))
        elif request.path == f"{base_path}/" and response.mimetype == "text/html":
            page = response.get_data(as_text=True)
            response.set_data(page.replace("<head>", FIRST, 1).replace("</body>", LAST, 1))
        return response


def figures(coordinator: Coordinator) -> list[dict[str, str]]:
    """The rows of the tab's table: the latest reading in words."""
    latest = coordinator.monitor.latest
    if latest is None:
        return [{"name": "first reading", "now": "not yet"}]
    ringing = [name for name, state in latest.alarms.items() if state == "ALARM"]
    unwell = [f"{name} {state}" for name, state in latest.circuits.items() if state != "CLOSED"]
    told = {
        "messages waiting / in flight / delayed": f"{latest.queue.visible} / {latest.queue.in_flight} / "
        f"{latest.queue.delayed}",
        "queue empty, at this pace": "not in sight"
        if latest.drain_seconds is None
        else f"in {latest.drain_seconds:.0f} s",
        "age of the oldest message": f"{latest.oldest_seconds:.0f} s",
        "dead letters": str(latest.dlq.total),
        "accepted / processed a second": f"{latest.rates.accepted:.1f} / {latest.rates.processed:.1f}",
        "accepted to processed, p50 / p95 / p99": "nothing processed lately"
        if latest.latency is None
        else f"{latest.latency.p50:.0f} / {latest.latency.p95:.0f} / {latest.latency.p99:.0f} ms",
        "worker / ingest throttled a second": f"{latest.rates.worker_throttled:.1f} / "
        f"{latest.rates.ingest_throttled:.1f}",
        "circuits": ", ".join(unwell) or "closed",
        "alarms": ", ".join(ringing) or "silent",
    }
    return [{"name": name, "now": now} for name, now in told.items()]


def _blueprint(coordinator: Coordinator, protected: Callable[[Any], Any], base_path: str) -> Blueprint:
    blueprint = Blueprint("pipeline", __name__, url_prefix=f"{base_path}/pipeline")
    own = {file.name: file for file in files(__name__).iterdir() if media_type(file.name)}
    served = assets() | own

    @blueprint.get("/")
    @protected
    def page() -> Response:  # pyright: ignore[reportUnusedFunction]
        return asset("page.html")

    @blueprint.get("/vitals.json")
    @protected
    def signals() -> Response:  # pyright: ignore[reportUnusedFunction]
        return jsonify(coordinator.signals(request.args.get("since", 0.0, type=float)))

    @blueprint.get("/<name>")
    @protected
    def asset(name: str) -> Response:
        if name not in served:
            abort(404)
        return Response(served[name].read_bytes(), content_type=media_type(name))

    return blueprint
