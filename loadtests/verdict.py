"""How a run ended, for people: a table, the ledger in one line, and a report beside those of the scenarios."""

from pathlib import Path

from lab import report
from lab.common.grid import Facts, Grid
from lab.common.output import Terminal, joined
from lab.common.results import result_table
from lab.scenario.live import verdict
from loadtests.run import RunResult
from loadtests.shapes import SHAPES


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
    console.say(joined("Load ", verdict(result.passed)))


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
    return report.write(run, ["critical-dlq-depth", "warning-backlog"])
