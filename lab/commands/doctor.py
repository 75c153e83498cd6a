"""`lab doctor`: what the lab finds on this machine."""

import typer

from lab import engines
from lab.commands.options import Port, console
from lab.engines.doctor import examine, table


def doctor(port: Port = 4566) -> None:
    """Show what the lab finds on this machine, and the fix for each problem. Exit code 1 if there is one."""

    findings = list(examine(port, engines.wanted()))
    console.print(table(findings))
    if any(finding.fix for finding in findings):
        raise typer.Exit(1)
