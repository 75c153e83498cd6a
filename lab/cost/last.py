"""The last run that has a report, as what is priced; and a bill as a document."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab import engines
from lab.cost.bill import Bill
from lab.cost.prices import Prices
from lab.cost.usage import Usage
from lab.engines import HostEngine
from lab.errors import LabError

LEFT_OUT = "without free tier, KMS and data transfer; durations are this machine's, not Lambda's"


def last_run(reports: Path) -> tuple[str, int, int, int]:
    """Name, start, end (epoch milliseconds) and accepted orders of the latest run with a report."""
    found: list[dict[str, Any]] = [json.loads(file.read_text()) for file in reports.glob("*/report.json")]
    priced = [
        report
        for report in found
        if report.get("timeline") and report.get("ledger") and report["ledger"].get("accepted")
    ]
    if not priced:
        raise LabError("There is no report of a run with orders.", "Send orders just for this: lab cost run")
    latest = max(priced, key=lambda one: one["timeline"]["started"])
    start = latest["timeline"]["started"]
    return (
        latest["name"],
        int(start * 1000),
        int((start + latest["seconds"]) * 1000),
        latest["ledger"]["accepted"],
    )


def require_measured(usage: Usage, name: str) -> None:
    """Raise LabError where the engine saw nothing of the run."""
    if not usage.of("api-request"):
        raise LabError(
            f"This engine knows nothing of the last run, {name}: it was started later.",
            "Run something first, or send orders just for this: lab cost run",
        )


def engine_log(port: int) -> Path | None:
    """The engine's log of requests, where there is one."""
    engine = engines.present(port)
    return engine.log if isinstance(engine, HostEngine) else None


def document(usage: Usage, made: Bill, prices: Prices) -> dict[str, Any]:
    """What was used and what that costs, for programs."""
    return {
        "usage": asdict(usage),
        "bill": asdict(made),
        "prices": prices.caption,
        "verified": prices.verified,
    }
