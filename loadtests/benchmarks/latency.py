"""The lab's functions and the plain baseline where each call of AWS waits for a network, as it does on AWS.

    python -m loadtests.benchmarks.latency --milliseconds 5

An engine on one's own machine answers within a millisecond, so that what batching and concurrency are for, waiting
less, has nothing to save. Here an engine of the benchmark's own lets every call that comes over HTTP wait first; what
Lambda's poller and API Gateway do inside AWS does not wait. Exit code 1 if a target is missed.
"""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from lab.cli import run
from lab.common import paths
from lab.common.output import Terminal
from lab.engines import HostEngine, ports
from lab.errors import LabError
from loadtests.benchmarks import __main__ as pipeline
from loadtests.benchmarks.measure import MESSAGES, Load

END_TO_END, FROM_A_QUEUE = 1.5, 4.0
"""How many times the sequential baseline's rates the lab's are to be."""
MILLISECONDS = 5
ENV = "dev"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def latency(
    milliseconds: Annotated[float, typer.Option(min=0, max=1000, help="What a call waits.")] = MILLISECONDS,
    messages: Annotated[int, typer.Option(min=10, help="Messages of the counted part.")] = MESSAGES,
    posts: Annotated[int, typer.Option(min=1, help="POSTs of the timed part.")] = 400,
    threads: Annotated[int, typer.Option(min=1, help="Client threads.")] = 8,
) -> None:
    """Measure and print a Markdown table."""
    found = compare(milliseconds, Load(messages, posts, threads), Terminal(stderr=True))
    Terminal().say(pipeline.table(found, END_TO_END))
    if found.rate_ratio < END_TO_END or found.drain_ratio < FROM_A_QUEUE:
        raise typer.Exit(1)


def compare(milliseconds: float, load: Load, progress: Terminal) -> pipeline.Comparison:
    """Measure all on an engine of its own. Raises LabError if it does not start, or orders do not come through."""
    with slow_engine(milliseconds) as engine:
        return pipeline.compare(engine, ENV, load, progress)


@contextmanager
def slow_engine(milliseconds: float) -> Generator[HostEngine]:
    """An engine on a port of its own, with the stacks deployed, whose calls wait."""
    port = ports.free()
    environment = os.environ | {
        "LAB_PORT": str(port),
        "ENV": ENV,
        "ENGINE": "host",
        "ANOTHER": "1",
        "LAB_CALL_LATENCY_MS": str(milliseconds),
    }

    def lab(command: str) -> None:
        done = subprocess.run(  # noqa: S603  the lab's own commands
            [sys.executable, "-m", "lab", command],
            cwd=paths.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LabError(
                f"lab {command} failed: {(done.stderr or done.stdout).strip()[-300:]}", "Run it by itself"
            )

    try:
        lab("up")
        lab("deploy")
        yield HostEngine(port)
    finally:
        lab("down")


if __name__ == "__main__":
    sys.exit(run(app))
