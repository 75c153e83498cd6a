"""How a run ended, for people: a table, the ledger in one line, and a report beside those of the scenarios."""

from pathlib import Path

from lab import report
from lab.common.grid import Facts, Grid
from lab.common.output import Terminal, joined
from lab.common.results import result_table
from lab.scenario.live import verdict
from loadtests.run import RunResult

STORIES = {
    "steady": "The usual load goes through as it comes.",
    "spike": "Ten times the usual load within five seconds: the queue takes what the worker cannot, and drains.",
    "ramp": "One usual load more at every step, until the pipeline cannot follow any more: the knee.",
    "soak": "The usual load for long: what leaks, shows.",
    "open-steady": "Orders come on a schedule, whether or not those before were answered.",
    "open-spike": "Ten times the arrivals, which no slow answer holds back: the queue takes them, and drains.",
    "open-ramp": "One usual load of arrivals more at every step, until the pipeline cannot follow: the knee.",
    "poisson": "Orders come at random, as they do from many people who know nothing of each other.",
    "models": "Users who wait for answers beside arrivals that do not: what the first hide, the second show.",
}


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
        hypothesis=STORIES[shape],
        findings=result.findings,
        percentiles=result.percentiles,
    )
    return report.write(run, ["critical-dlq-depth", "warning-backlog"])
