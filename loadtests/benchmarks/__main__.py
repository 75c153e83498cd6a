"""AWS API calls per message and end-to-end rate, of the lab's functions and of the plain baseline.

    python -m loadtests.benchmarks --port 4566

Both run in turn on the same engine, API, queue and tables. Calls are counted in the engine's request log; those
of Lambda's own poller (one ReceiveMessage and one DeleteMessageBatch a batch) are the same for both and not in it.
Exit code 1 if a target is missed.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console

from lab import aws as guarded
from lab.cli import run
from lab.engines import HostEngine
from lab.observe import Pipeline
from lab.stack import Stack
from loadtests.benchmarks.measure import Measurement, measure
from loadtests.benchmarks.swap import baseline_in_place

MAX_CALLS = 2.3
MIN_SPEEDUP = 3.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def benchmark(
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The host engine's port.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    messages: Annotated[int, typer.Option(help="Messages of the counted part.")] = 200,
    posts: Annotated[int, typer.Option(help="POSTs of the timed part.")] = 400,
    threads: Annotated[int, typer.Option(help="Client threads.")] = 8,
) -> None:
    """Measure both and print a Markdown table."""
    progress = Console(stderr=True)
    engine = HostEngine(port)
    engine.require_running()
    aws = guarded.local(engine.endpoint)
    pipeline = Pipeline(aws, Stack.read(aws, env))
    with progress.status("the lab's functions"):
        ours = measure(pipeline, engine.log, messages, posts, threads)
    with progress.status("the baseline"), baseline_in_place(pipeline):
        plain = measure(pipeline, engine.log, messages, posts, threads)
    Console().print(table(ours, plain), markup=False, highlight=False)
    if ours.calls_per_message > MAX_CALLS or ours.rate < MIN_SPEEDUP * plain.rate:
        raise typer.Exit(1)


def table(ours: Measurement, plain: Measurement) -> str:
    """Both measurements as Markdown."""
    rows: list[tuple[str, ...]] = [("", "lab", "baseline", "target"), ("---", "---:", "---:", "---")]
    for operation in sorted(ours.calls.keys() | plain.calls.keys()):
        figures = [f"{m.calls.get(operation, 0) / m.messages:.2f}" for m in (ours, plain)]
        rows.append((f"{operation} per message", *figures, ""))
    rows.append(
        (
            "AWS API calls per message",
            f"{ours.calls_per_message:.2f}",
            f"{plain.calls_per_message:.2f}",
            f"<= {MAX_CALLS:g}",
        )
    )
    rows.append(("orders per second, end to end", f"{ours.rate:.1f}", f"{plain.rate:.1f}", ""))
    rows.append(
        ("orders per second, accepted", f"{ours.accepted_rate:.1f}", f"{plain.accepted_rate:.1f}", "")
    )
    rows.append(("times the baseline", f"{ours.rate / plain.rate:.2f}", "1", f">= {MIN_SPEEDUP:g}"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(run(app))
