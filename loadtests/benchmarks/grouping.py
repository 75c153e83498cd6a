"""How long a look at a large DLQ takes, and what it holds: every letter kept, one receive at a time, or grouped.

    make up deploy-local
    .lab/env/lab/bin/python -m loadtests.benchmarks.grouping --letters 10000

Both ways in one run over the same letters, which are of CAUSES causes with everything else varied, each in a process of
its own, whose processor time and peak memory are told; the letters are discarded with the engine. Exit code 1 if the
groups are not those causes, or a letter is not visible again.
"""

import json
import resource
import subprocess
import sys
import time
from itertools import batched
from typing import Annotated, Any

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
from lab.engines import clients as guarded
from lab.errors import LabError
from lab.faults.healing import deployed
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders

CAUSES = (
    "lines of {n} exceed {n}",
    "no price for '{n}'",
    "cannot read /tmp/{n}/{n}.json",
    "closed on 2026-01-01",
)
SEEDED_AT_ONCE = 1000


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


WAYS = {"kept, one receive at a time": kept, "grouped": grouped}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    letters: Annotated[int, typer.Option(min=100, max=MANY, help="Dead letters.")] = 10_000,
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The engine's port on 127.0.0.1.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")] = False,
    way: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure both ways to look at a DLQ."""
    pipeline = _pipeline(port, env)
    if way:
        typer.echo(json.dumps(_measured(pipeline, way)))
        return
    if pipeline.queue().total or pipeline.dlq().total:
        raise LabError("The queues are not empty.", "Empty them: make down up deploy-local")
    with Terminal(stderr=True).status(f"seeding {letters} dead letters"):
        _seed(pipeline, letters)
    told = {name: _alone(name, port, env) for name in WAYS}
    if as_json:
        typer.echo(json.dumps(told))
    else:
        Terminal().print(_table(letters, told))
    seen = [(found["letters"], found["visible"]) for found in told.values()]
    if seen != [(letters, letters)] * len(WAYS) or told["grouped"]["groups"] != len(CAUSES):
        raise typer.Exit(1)


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


def _measured(pipeline: Pipeline, way: str) -> dict[str, Any]:
    began, spent = time.monotonic(), time.process_time()
    told = WAYS[way](pipeline)
    return told | {
        "seconds": round(time.monotonic() - began, 2),
        "processorSeconds": round(time.process_time() - spent, 2),
        "peakMib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "visible": pipeline.dlq().visible,
    }


def _table(letters: int, told: dict[str, dict[str, Any]]) -> Grid:
    columns = {
        "way": list(told),
        "seconds": [f"{found['seconds']:.1f}" for found in told.values()],
        "of them processor": [f"{found['processorSeconds']:.1f}" for found in told.values()],
        "peak MiB": [str(found["peakMib"]) for found in told.values()],
        "causes told apart": [str(found["groups"]) for found in told.values()],
    }
    return Grid(f"{letters} dead letters", columns, right=[name for name in columns if name != "way"])


if __name__ == "__main__":
    sys.exit(cli.run(app))
