"""AWS API calls per message, rates and processor time, of the lab's functions and of the plain baseline.

    python -m loadtests.benchmarks --port 4566

All run in turn on the same engine, API, queue and tables. The baseline (loadtests/baseline) is the pipeline as one
writes it first: one call after the other, nothing batched; its clients are made once and reused, as AWS advises. It
is measured twice: with the mapping as the lab has it, whose scaling gives it several batches at once, and with
MaximumConcurrency 2, the least that AWS allows and as near as a mapping comes to one thing after the other. The
target is about the second one, and both are shown.

Calls are counted in the engine's request log; those of Lambda's own poller are the same for all and not in it.
Processor time is that of processes: what other programs on the machine do hardly changes it. `end to end` is POSTs of
single orders by the client threads, until the queue is empty. `from a full queue` leaves the POSTs out, which are the
same work for all and bound what is end to end. Exit code 1 if a target is missed.
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from lab.cli import run
from lab.common.output import Terminal
from lab.engines import HostEngine
from lab.engines import clients as guarded
from lab.faults.healing import deployed
from loadtests.benchmarks import markdown
from loadtests.benchmarks.baseline_deploy import baseline_deployed
from loadtests.benchmarks.measure import MESSAGES, Load, Measurement, measure
from loadtests.benchmarks.processors import CLIENT, Meter

MAX_CALLS = 2.3
MIN_SPEEDUP = 1.0
SEQUENTIAL = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Comparison:
    """The lab, the baseline as the lab's mapping scales it, and the baseline as sequential as AWS allows."""

    lab: Measurement
    baseline: Measurement
    sequential: Measurement

    @property
    def on_target(self) -> bool:
        """Whether the lab makes few enough calls and is fast enough."""
        return self.lab.calls_per_message <= MAX_CALLS and self.rate_ratio >= MIN_SPEEDUP

    @property
    def rate_ratio(self) -> float:
        """How many times the sequential baseline's rate the lab's is from end to end."""
        return self.lab.rate / self.sequential.rate

    @property
    def drain_ratio(self) -> float:
        """The same from a full queue."""
        return self.lab.drain_rate / self.sequential.drain_rate


@app.command(help=__doc__)
def benchmark(
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The host engine's port.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    messages: Annotated[int, typer.Option(min=10, help="Messages of the counted part.")] = MESSAGES,
    posts: Annotated[int, typer.Option(min=1, help="POSTs of the timed part.")] = 400,
    threads: Annotated[int, typer.Option(min=1, help="Client threads.")] = 8,
) -> None:
    """Measure all and print a Markdown table."""
    found = compare(HostEngine(port), env, Load(messages, posts, threads), Terminal(stderr=True))
    Terminal().say(table(found))
    if not found.on_target:
        raise typer.Exit(1)


def compare(engine: HostEngine, env: str, load: Load, progress: Terminal) -> Comparison:
    """Measure all three on a running engine. Raises LabError if orders do not come through."""
    process = engine.process()
    aws = guarded.local(engine.endpoint)
    pipeline = deployed(aws, env)
    meter = Meter(process, pipeline.stack.prefix)

    def measured(what: str) -> Measurement:
        with progress.status(what):
            return measure(pipeline, meter, engine.log, load)

    lab = measured("the lab's functions")
    with baseline_deployed(pipeline):
        baseline = measured("the baseline")
    with baseline_deployed(pipeline, concurrency=SEQUENTIAL):
        sequential = measured("the baseline, as sequential as AWS allows")
    return Comparison(lab, baseline, sequential)


def table(found: Comparison, end_to_end: float = MIN_SPEEDUP) -> str:
    """The comparison as Markdown, with how many times the baselines the lab is; the ratio that is wanted end to end."""
    lab, baseline, sequential = found.lab, found.baseline, found.sequential
    all_three = (lab, baseline, sequential)
    rows: list[tuple[str, ...]] = [
        ("", "lab", "baseline", "baseline, sequential", "lab : sequential", "target"),
        ("---", "---:", "---:", "---:", "---:", "---"),
    ]

    def add(name: str, figures: tuple[float, float, float], digits: int, target: str = "") -> None:
        ratio = f"{figures[0] / figures[2]:.2f}" if figures[2] else ""
        rows.append((name, *(f"{figure:.{digits}f}" for figure in figures), ratio, target))

    for operation in sorted({name for measured in all_three for name in measured.calls}):
        first, second, third = (
            measured.calls.get(operation, 0) / measured.messages for measured in all_three
        )
        add(f"{operation} per message", (first, second, third), 2)
    add(
        "AWS API calls per message",
        (lab.calls_per_message, baseline.calls_per_message, sequential.calls_per_message),
        2,
        f"<= {MAX_CALLS:g}",
    )
    add(
        "orders per second, end to end",
        (lab.rate, baseline.rate, sequential.rate),
        1,
        f"ratio >= {end_to_end:g}",
    )
    add(
        "orders per second, accepted",
        (lab.accepted_rate, baseline.accepted_rate, sequential.accepted_rate),
        1,
    )
    add(
        "orders per second, from a full queue",
        (lab.drain_rate, baseline.drain_rate, sequential.drain_rate),
        1,
    )
    for component in sorted(
        {name for measured in all_three for name in measured.spent}, key=lambda name: name == CLIENT
    ):
        first, second, third = (measured.spent.get(component, 0.0) for measured in all_three)
        add(f"processor time per order, {component}, ms", (first, second, third), 2)
    return markdown.table(rows)


if __name__ == "__main__":
    sys.exit(run(app))
