"""How long a look at a large DLQ takes, and what it holds: every letter kept, one receive at a time, or grouped.

    make up deploy-local
    .lab/env/lab/bin/python -m loadtests.benchmarks.grouping --letters 10000

Both ways in one run over the same letters, which are of CAUSES causes with everything else varied, each in a process of
its own, whose processor time and peak memory are told, and the engine's processor time. The DLQ is purged at the end.
Exit code 1 if the groups are not those causes, or a letter is not visible again.
"""

import json
import resource
import subprocess
import sys
import time
from itertools import batched
from typing import Annotated, Any

import psutil
import typer

from functions.common.errors import LinesExceedAmountError
from functions.redrive.dlq import DeadLetterQueue, Walk
from functions.redrive.groups import Groups
from functions.redrive.triage import statistics
from lab import cli, engines
from lab.common import paths
from lab.common.clock import now_ms
from lab.common.grid import Grid
from lab.common.output import Terminal
from lab.dlq.browser import MANY, DlqBrowser
from lab.dlq.seed import bury
from lab.engines import HostEngine
from lab.engines import clients as guarded
from lab.errors import LabError
from lab.faults.healing import deployed
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from loadtests.benchmarks.processors import CLIENT, ENGINE, Meter

CAUSES = (
    "lines of {n} exceed {n}",
    "no price for '{n}'",
    "cannot read /tmp/{n}/{n}.json",
    "closed on 2026-01-01",
)
SEEDED_AT_ONCE = 1000
LETTERS = 10_000
MOST_SECONDS = 3.0
"""For so many letters, on two processors with nothing else at work."""


def kept(pipeline: Pipeline) -> dict[str, Any]:
    """The plain way: one receive after the other, every letter in memory, counted by error type at the end."""
    dlq = DeadLetterQueue(pipeline.aws.client("sqs"), pipeline.stack.dlq_url)
    with Walk(dlq, lambda: 900) as walk:
        letters = [letter for new in walk for letter in new]
    return {"letters": len(letters), "groups": len(statistics(letters)["byErrorType"])}


def grouped(pipeline: Pipeline) -> dict[str, Any]:
    """`lab dlq groups`: side by side, no letter kept, grouped by what it died of."""
    found = Groups(now_ms())
    DlqBrowser(pipeline).each(MANY, found.add)
    return {"letters": found.letters, "groups": len(found.as_json(1))}


KEPT, GROUPED = "kept, one receive at a time", "grouped"
WAYS = {KEPT: kept, GROUPED: grouped}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    letters: Annotated[int, typer.Option(min=100, max=MANY, help="Dead letters.")] = LETTERS,
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The engine's port on 127.0.0.1.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")] = False,
    way: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure both ways to look at a DLQ."""
    if way:
        typer.echo(json.dumps(_measured(_pipeline(port, env), way, HostEngine(port).process())))
        return
    pipeline = empty_pipeline(port, env)
    with Terminal(stderr=True).status(f"seeding {letters} dead letters"):
        _seed(pipeline, letters)
    told = {name: _alone(name, port, env) for name in WAYS}
    purge(pipeline.aws.client("sqs"), pipeline.stack.dlq_url)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        Terminal().print(_table(letters, told))
    seen = [(found["letters"], found["visible"]) for found in told.values()]
    if seen != [(letters, letters)] * len(WAYS) or told[GROUPED]["groups"] != len(CAUSES):
        raise typer.Exit(1)


def empty_pipeline(port: int, env: str) -> Pipeline:
    """The deployed pipeline. Raises LabError unless its queues are empty."""
    pipeline = _pipeline(port, env)
    if pipeline.queue().total or pipeline.dlq().total:
        raise LabError("The queues are not empty.", "Empty them: make down up deploy-local")
    return pipeline


def _pipeline(port: int, env: str) -> Pipeline:
    engine = engines.present(port)
    engine.require_running()
    return deployed(guarded.local(engine.endpoint), env)


def _seed(pipeline: Pipeline, letters: int) -> None:
    for number, some in enumerate(batched(orders(letters, label="grouping"), SEEDED_AT_ONCE, strict=False)):
        share = -(-len(some) // len(CAUSES))
        for cause, mine in zip(CAUSES, batched(some, share, strict=False), strict=False):
            bury(pipeline, mine, error=LinesExceedAmountError(cause.format(n=number)))


def _alone(way: str, port: int, env: str) -> dict[str, Any]:
    """A way in a process of its own. Raises LabError."""
    where = ["--port", str(port), "--env", env, "--way", way]
    done = subprocess.run(  # noqa: S603  this module
        [sys.executable, "-m", "loadtests.benchmarks.grouping", *where],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(
            f"{way}: {done.stderr.strip()[-300:]}", "Run it again on a machine with nothing else at work."
        )
    return json.loads(done.stdout)


def _measured(pipeline: Pipeline, way: str, engine: psutil.Process) -> dict[str, Any]:
    meter = Meter(engine, pipeline.stack.prefix)
    began, before = time.monotonic(), meter.look()
    told = WAYS[way](pipeline)
    seconds, spent = time.monotonic() - began, meter.look().since(before)
    return told | {
        "seconds": round(seconds, 2),
        "processorSeconds": round(spent.get(CLIENT, 0), 2),
        "engineProcessorSeconds": round(spent.get(ENGINE, 0), 2),
        "peakMib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "visible": pipeline.dlq().visible,
    }


def _table(letters: int, told: dict[str, dict[str, Any]]) -> Grid:
    columns = {
        "way": list(told),
        "seconds": [f"{found['seconds']:.1f}" for found in told.values()],
        "of them processor": [f"{found['processorSeconds']:.1f}" for found in told.values()],
        "the engine's": [f"{found['engineProcessorSeconds']:.1f}" for found in told.values()],
        "peak MiB": [str(found["peakMib"]) for found in told.values()],
        "causes told apart": [str(found["groups"]) for found in told.values()],
    }
    return Grid(f"{letters} dead letters", columns, right=[name for name in columns if name != "way"])


if __name__ == "__main__":
    sys.exit(cli.run(app))
