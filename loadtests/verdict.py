"""How a run ended, for people: a table, the ledger in one line, and a report beside those of the scenarios."""

from pathlib import Path
from typing import TYPE_CHECKING

from lab import report
from lab.common.grid import Facts, Grid
from lab.common.output import Terminal, joined
from lab.common.results import result_table
from lab.scenario.live import verdict
from loadtests.run import RunResult
from loadtests.shapes import SHAPES

if TYPE_CHECKING:
    from locust.stats import RequestStats


def show_requests(statistics: "RequestStats", console: Terminal) -> None:
    """Print Locust's statistics: each kind of request, and what failed of what."""
    entries = [entry for entry in [*statistics.entries.values(), statistics.total] if entry.num_requests]
    numbers = {
        "requests": [str(entry.num_requests) for entry in entries],
        "failed": [str(entry.num_failures) for entry in entries],
        "a second": [f"{entry.total_rps:.1f}" for entry in entries],
    }
    names = [f"{entry.method or ''} {entry.name}".strip() for entry in entries]
    console.print(Grid("requests", {"request": names} | numbers, right=tuple(numbers)))
    if failed := list(statistics.errors.values()):
        columns = {
            "request": [f"{failure.method} {failure.name}" for failure in failed],
            "times": [str(failure.occurrences) for failure in failed],
            "error": [str(failure.error) for failure in failed],
        }
        console.print(Grid("failed requests", columns, right=("times",)))


def show(result: RunResult, console: Terminal) -> None:
    """Print every threshold beside what was seen, the figures, and the ledger."""
    console.print(result_table(f"Load: {result.plan.shape}", "threshold", result.findings))
    console.print(Facts("figures", result.figures))
    rows = [row for row in result.percentiles if row.count]
    numbers = {"count": [str(row.count) for row in rows]}
    for percent in rows[0].within if rows else ():
        numbers[f"p{percent}"] = [str(row.within[percent]) for row in rows]
    numbers["longest"] = [str(row.longest) for row in rows]
    console.print(Grid("Latency", {"milliseconds": [row.name for row in rows], **numbers}, right=numbers))
    if result.account:
        console.say(result.account.ledger.text)
    console.say(joined("Load ", "interrupted" if result.interrupted else verdict(result.passed)))


def write(result: RunResult, engine: str) -> Path:
    """Write the report; returns the page's path."""
    shape = result.plan.shape
    run = report.Run(
        name=f"load-{shape}",
        title=f"Load: {shape}",
        engine=engine,
        timeline=result.timeline,
        account=result.account,
        figures=result.figures,
        hypothesis=SHAPES[shape].story,
        findings=result.findings,
        percentiles=result.percentiles,
    )
    return report.write(
        run, ["critical-acceptance-burn", "critical-latency-burn", "critical-dlq-depth", "warning-backlog"]
    )
