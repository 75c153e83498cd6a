"""`lab doctor`: what the lab finds on this machine, and of its own pipeline."""

from collections.abc import Iterator

import typer

from lab import engines
from lab.commands.options import Env, Port, console
from lab.common.results import Result, Verdict, exit_code, result_table
from lab.deployment import templates
from lab.engines import aws_errors, clients
from lab.engines.doctor import examine
from lab.errors import LabError
from lab.faults import healing
from lab.faults import steady_state as steady


def doctor(port: Port = 4566, env: Env = "dev") -> None:
    """Show what the lab finds on this machine, and the fix for each problem. Exit code 1 if there is one."""

    found = [*examine(port, engines.wanted()), *deployed(port, env)]
    console.print(result_table("lab doctor", "what", found))
    if code := exit_code(found):
        raise typer.Exit(code)


def deployed(port: int, env: str) -> Iterator[Result]:
    """What is wrong with a pipeline that is deployed: deleted by hand, or with a fault in force."""
    engine = engines.present(port)
    if engine.status().state != "running":
        return
    try:
        aws = clients.local(engine.endpoint)
        if not templates.stacks(aws, env):
            yield Result(name="pipeline", seen="not deployed", verdict=Verdict.PROVED)
            return
        wrong = steady.faults(healing.deployed(aws, env))
    except LabError as error:
        yield Result(name="pipeline", seen=error.what, fix=error.fix, verdict=Verdict.UNREAD)
    except aws_errors.AWS_ERRORS as error:
        told = aws_errors.explained(error)
        yield Result(name="pipeline", seen=told.what, fix=told.fix, verdict=Verdict.UNREAD)
    else:
        yield from wrong or [
            Result(name="pipeline", seen="as deployed, no fault in force", verdict=Verdict.PROVED)
        ]
