"""`lab doctor`: what the lab finds on this machine, and of its own pipeline."""

import os
import platform
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Annotated

import psutil
import typer

from lab import engines
from lab.commands.options import Env, Port, console
from lab.common.results import Result, Verdict, exit_code, result_table
from lab.deployment import templates
from lab.engines import aws_errors, clients, ports
from lab.engines.doctor import examine
from lab.engines.preflight import GIB
from lab.errors import LabError
from lab.faults import healing
from lab.faults import steady_state as steady

PACKAGE = "event-driven-ingestion-lab"
CONSOLE_PORT = 8095
MEMORY_BYTES, FREE_BYTES = 7 * GIB // 2, 2 * GIB
"""The engine holds 0.85 GB after the demo, a function at work 60 MB (README), a browser as much again. A machine that
is sold with 4 GiB shows less."""
PROCESSORS = 2


def doctor(
    workshop: Annotated[
        bool, typer.Option("--workshop", help="Also what a day in a workshop takes, and a line to mail back.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Show what the lab finds on this machine, and the fix for each problem. Exit code 1 if there is one."""

    found = [*examine(port, engines.wanted()), *(preparation() if workshop else ()), *deployed(port, env)]
    console.print(result_table("lab doctor", "what", found))
    if workshop:
        console.say(verdict(found))
    if code := exit_code(found):
        raise typer.Exit(code)


def preparation() -> Iterator[Result]:
    """What a day with engine, console and browser takes beside what `make setup` does."""
    memory = psutil.virtual_memory()
    processors = os.cpu_count() or 1
    yield _enough(
        "memory", f"{memory.total / GIB:.1f} GiB", memory.total >= MEMORY_BYTES, "Bring a machine with 4 GiB"
    )
    yield _enough(
        "free memory",
        f"{memory.available / GIB:.1f} GiB",
        memory.available >= FREE_BYTES,
        "Close other programs",
    )
    yield _enough(
        "processors", str(processors), processors >= PROCESSORS, "Bring a machine with 2 processors"
    )
    try:
        ports.require_free(CONSOLE_PORT)
        yield _enough("console's port", f"{CONSOLE_PORT} free", True, "")
    except LabError as error:
        yield _enough("console's port", error.what, False, f"Choose another: CONSOLE_PORT={CONSOLE_PORT + 1}")


def verdict(found: Sequence[Result]) -> str:
    """One line that a learner mails to the facilitator."""
    wrong = [result.name for result in found if result.verdict is not Verdict.PROVED]
    told = "READY" if not wrong else f"NOT READY ({', '.join(wrong)})"
    made_of = f"lab {metadata.version(PACKAGE)} · Python {platform.python_version()} · {platform.platform()}"
    return f"mail this line: {told} · {made_of}"


def _enough(name: str, seen: str, holds: bool, fix: str) -> Result:
    return Result(name=name, seen=seen, verdict=Verdict.of(holds), fix="" if holds else fix)


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
