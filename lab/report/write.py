"""Writes a run's report under `.lab/reports/`."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from infra.components.names import AlarmName
from lab.common import paths
from lab.common.results import misses, score
from lab.history import write as write_history
from lab.history.states import reached
from lab.report.flight import embedded, flight, script
from lab.report.index import templates, write_index
from lab.report.junit import junit
from lab.report.run import Run

RECORDER = "flight.html"


def write(run: Run, alarms: Sequence[AlarmName]) -> Path:
    """Write `NAME-DATE-TIME/` with report.html, flight.html, report.json and junit.xml, and the index.

    Returns the report's path.

    `alarms` are the alarms whose states the plot shows beside those that rang, without the deployment's prefix.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(paths.LAB / "cache" / "matplotlib"))
    from lab.report.plot import legend, percentiles_svg, svg  # noqa: PLC0415  matplotlib takes a second to import: only when needed

    started = time.localtime(run.timeline.started)
    folder = paths.REPORTS / f"{run.name}-{time.strftime('%Y%m%d-%H%M%S', started)}"
    folder.mkdir(parents=True, exist_ok=True)
    shown = list(dict.fromkeys([*alarms, *sorted(run.rang)]))
    recorded = flight(run.account.history, run.timeline) if run.account else None
    page_parts = {
        "run": run,
        "started": time.strftime("%Y-%m-%d %H:%M:%S %Z", started),
        "flight": recorded,
        "embedded": embedded(recorded or {}),
        "script": script(),
    }
    if recorded:
        recorder = templates().get_template("flight_page.html.j2").render(**page_parts)
        (folder / RECORDER).write_text(recorder, encoding="utf-8")
    template = templates().get_template("page.html.j2")
    page = folder / "report.html"
    page.write_text(
        encoding="utf-8",
        data=template.render(
            **page_parts,
            score=score(run.findings),
            misses=misses(run.findings),
            plot=Markup(svg(run.timeline, shown)),  # noqa: S704  made by matplotlib from numbers and our own labels
            legend=legend(run.timeline),
            percentiles=Markup(percentiles_svg(run.percentiles)),  # noqa: S704  likewise
            duration=run.seconds,
        ),
    )
    summary: dict[str, Any] = {
        "findings": [result.document for result in run.findings],
        "passed": run.passed,
        "seconds": run.seconds,
        "startedAt": time.strftime("%Y-%m-%d %H:%M:%S", started),
    }
    if run.account:
        write_history(run.account.history, folder / "history.jsonl")
        summary |= {"ledger": run.account.ledger.as_json(), "history": run.account.judgement.as_json()}
        summary["reached"] = reached(run.account.history)
    told = asdict(replace(run, account=None))
    del told["account"]
    (folder / "report.json").write_text(
        json.dumps(told | {"ledger": None, "history": None} | summary, indent=2)
    )
    (folder / "junit.xml").write_bytes(junit(run))
    write_index(paths.REPORTS)
    return page
