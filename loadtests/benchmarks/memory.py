"""Memory of the host engine while events pass through the deployed pipeline.

    python -m loadtests.benchmarks.memory --port 4566

Orders are sent in batches of 500, never more than 2,000 ahead of the worker. What is stored on purpose grows with
every order: its row, and its idempotency key until that expires.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import httpx
import psutil
import typer

from lab.cli import run
from lab.common.output import Terminal
from lab.common.polling import wait_for
from lab.engines import HostEngine
from lab.engines import clients as guarded
from lab.engines.direct import DIRECT
from lab.faults.healing import deployed
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from loadtests.benchmarks import markdown

BATCH = 500
AHEAD = 2000
SAMPLES = 10
SETTLE_SECONDS = 120.0
MB = 1024 * 1024

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Sample:
    """What the engine and the functions' processes hold once a number of events is processed; sizes in MB."""

    events: int
    engine: float
    functions: float
    processes: int
    threads: int
    files: int
    seconds: float


@app.command(help=__doc__)
def memory(
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The host engine's port.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    events: Annotated[int, typer.Option(min=BATCH, help="How many events to send.")] = 20_000,
) -> None:
    """Measure and print a Markdown table."""
    engine = HostEngine(port)
    process = engine.process()
    aws = guarded.local(engine.endpoint)
    pipeline = deployed(aws, env)
    samples: list[Sample] = []
    progress = Terminal(stderr=True)
    with progress.status("sending") as status:
        for sample in pass_through(pipeline, process, events):
            samples.append(sample)
            status.update(f"{sample.events} of {events} events, engine {sample.engine:.0f} MB")
    growth = _per_1000(samples)
    output = Terminal()
    output.say(table(samples))
    output.print(f"\n{growth:.1f} MB for each 1,000 events in the second half")


def pass_through(pipeline: Pipeline, engine: psutil.Process, events: int) -> Iterator[Sample]:
    """Send `events` orders; a sample before, after each tenth part, and at the end.

    Raises LabError unless every order is processed.
    """
    before, began = pipeline.processed(), time.monotonic()
    supply = list(orders(events, label="memory"))
    yield _sample(engine, 0, 0.0)
    every = max(BATCH, events // SAMPLES)
    with httpx.Client(base_url=pipeline.stack.api_url, timeout=60, **DIRECT) as http:
        for start in range(0, events, BATCH):
            part = supply[start : start + BATCH]
            http.post("/events/batch", json={"events": part}).raise_for_status()
            sent = start + len(part)
            samples = sent % every == 0 or sent == events
            _drain(pipeline, to=0 if samples else AHEAD)
            if samples:
                yield _sample(engine, sent, time.monotonic() - began)
    wait_for(
        f"{events} effects", pipeline.processed, lambda seen: seen == before + events, within=SETTLE_SECONDS
    )


def _drain(pipeline: Pipeline, *, to: int) -> None:
    wait_for(
        f"at most {to} messages in the queue",
        lambda: pipeline.queue().total,
        lambda depth: depth <= to,
        within=SETTLE_SECONDS,
    )


def table(samples: list[Sample]) -> str:
    """The samples as Markdown."""
    rows: list[tuple[str, ...]] = [
        ("events", "engine MB", "functions MB", "functions' processes", "threads", "open files", "seconds"),
        ("---:",) * 7,
    ]
    rows += [
        (
            str(s.events),
            f"{s.engine:.0f}",
            f"{s.functions:.0f}",
            str(s.processes),
            str(s.threads),
            str(s.files),
            f"{s.seconds:.0f}",
        )
        for s in samples
    ]
    return markdown.table(rows)


def _sample(engine: psutil.Process, events: int, seconds: float) -> Sample:
    functions: list[int] = []
    for child in engine.children(recursive=True):
        try:
            functions.append(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return Sample(
        events=events,
        engine=engine.memory_info().rss / MB,
        functions=sum(functions) / MB,
        processes=len(functions),
        threads=engine.num_threads(),
        files=engine.num_fds(),
        seconds=seconds,
    )


def _per_1000(samples: list[Sample]) -> float:
    """MB that each 1,000 events added to the engine in the second half of the run."""
    half, end = samples[len(samples) // 2], samples[-1]
    return (end.engine - half.engine) / (end.events - half.events) * 1000


if __name__ == "__main__":
    sys.exit(run(app))
