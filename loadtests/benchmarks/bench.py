"""Every benchmark of the repository, one after the other, on one running host engine, into one Markdown table.

    make up deploy-local bench

Takes some ten minutes and the machine for itself; `--only dead-letters` is a part of it. The table is printed with the
machine it was made on, and that of all is kept in .lab/bench.md. A benchmark that fails says so in its row, and the
others go on; exit code 1 if one failed or missed its target.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import psutil
import typer

from lab.cli import run
from lab.common import paths
from lab.common.output import Terminal
from lab.engines import HostEngine
from lab.errors import LabError
from loadtests.benchmarks import __main__ as pipeline
from loadtests.benchmarks import cold_start, dry_run, grouping, latency, markdown, peer, redrive
from loadtests.benchmarks.measure import MESSAGES, Load

PAGE = paths.ROOT / ".lab" / "bench.md"
LIMIT_SECONDS = 900
IMPORTS = 5

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Row:
    """One figure, what it is compared with, and whether its target, if there is one, was reached."""

    what: str
    figure: str
    reference: str = ""
    ratio: str = ""
    target: str = ""
    reached: bool = True


@app.command(help=__doc__)
def bench(
    *,
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The host engine's port.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    messages: Annotated[int, typer.Option(min=10, help="Messages whose calls are counted.")] = MESSAGES,
    posts: Annotated[int, typer.Option(min=1, help="POSTs of the timed part.")] = 400,
    letters: Annotated[int, typer.Option(min=10, max=1000, help="Dead letters to redrive.")] = 1000,
    grouped: Annotated[int, typer.Option(min=100, max=100_000, help="Dead letters to group.")] = 10_000,
    only: Annotated[str, typer.Option(help="This benchmark alone, such as dead-letters.")] = "",
) -> None:
    """Run everything and write the table."""
    engine = HostEngine(port)
    engine.require_running()
    progress = Terminal(stderr=True)
    load = Load(messages, posts, threads=8)
    benchmarks: dict[str, Callable[[], Iterator[Row]]] = {
        "dead-letters": lambda: _dead_letters(port, env, letters, grouped),
        "calls": lambda: _pipeline(engine, env, load, progress),
        "latency": lambda: _latency(load, progress),
        "peer": lambda: _peer(posts, progress),
        "cold-start": _cold_start,
        "demo": lambda: _demo(port, env),
    }
    if only and only not in benchmarks:
        raise LabError(f"There is no benchmark {only}.", f"It is one of: {', '.join(benchmarks)}")
    rows: list[Row] = []
    for name, benchmark in benchmarks.items():
        if only not in ("", name):
            continue
        progress.print(f"bench: {name}")
        try:
            rows += benchmark()
        except LabError as error:
            rows.append(Row(name, f"failed: {error.what}", reached=False))
    text = f"{_machine()}\n\n{_table(rows)}\n"
    if not only:
        PAGE.write_text(text)
    Terminal().say(text)
    if not all(row.reached for row in rows):
        raise typer.Exit(1)


def _compared(what: str, mine: float, theirs: float, whose: str, at_least: float | None = None) -> Row:
    """Two rates, and how many times the other the lab's is; `at_least` is the ratio that is wanted, if one is."""
    ratio = mine / theirs
    target = "" if at_least is None else f"ratio >= {at_least:g}"
    reached = at_least is None or ratio >= at_least
    return Row(what, f"{mine:.1f}", f"{theirs:.1f} {whose}", f"{ratio:.2f}", target, reached)


def _pipeline(engine: HostEngine, env: str, load: Load, progress: Terminal) -> Iterator[Row]:
    found = pipeline.compare(engine, env, load, progress)
    lab, plain, sequential = found.lab, found.baseline, found.sequential
    yield Row(
        "AWS API calls per message, batches of ten",
        f"{lab.calls_per_message:.2f}",
        f"{plain.calls_per_message:.2f} baseline",
        f"{lab.calls_per_message / plain.calls_per_message:.2f}",
        f"<= {pipeline.MAX_CALLS:g}",
        lab.calls_per_message <= pipeline.MAX_CALLS,
    )
    for what, mine, theirs, target in (
        ("end to end, 8 clients, single POSTs", lab.rate, sequential.rate, pipeline.MIN_SPEEDUP),
        ("accepted", lab.accepted_rate, sequential.accepted_rate, None),
        ("from a full queue", lab.drain_rate, sequential.drain_rate, None),
    ):
        yield _compared(f"orders per second, {what}", mine, theirs, "sequential baseline", target)
    yield _compared("the same end to end, baseline with the lab's mapping", lab.rate, plain.rate, "baseline")
    for component in sorted(lab.spent.keys() | plain.spent.keys()):
        mine, theirs = lab.spent.get(component, 0.0), plain.spent.get(component, 0.0)
        ratio = f"{mine / theirs:.2f}" if theirs else ""
        yield Row(
            f"processor time per order, {component}", f"{mine:.1f} ms", f"{theirs:.1f} ms baseline", ratio
        )


def _latency(load: Load, progress: Terminal) -> Iterator[Row]:
    found = latency.compare(latency.MILLISECONDS, load, progress)
    for what, mine, theirs, target in (
        ("end to end", found.lab.rate, found.sequential.rate, latency.END_TO_END),
        ("from a full queue", found.lab.drain_rate, found.sequential.drain_rate, latency.FROM_A_QUEUE),
    ):
        slow = f"orders per second, {what}, {latency.MILLISECONDS} ms a call of AWS"
        yield _compared(slow, mine, theirs, "sequential baseline", target)


def _peer(posts: int, progress: Terminal) -> Iterator[Row]:
    lab, other = peer.compare(peer.ROUNDS, posts, progress)
    for what, mine, theirs, target in (
        ("accepted", lab.accepted, other.accepted, peer.ACCEPTED),
        ("processed", lab.processed, other.processed, peer.PROCESSED),
    ):
        here = f"the baseline's orders {what} a second on this engine"
        yield _compared(here, mine, theirs, f"on {peer.MINISTACK}", target)


def _dead_letters(port: int, env: str, letters: int, grouped: int) -> Iterator[Row]:
    yield from _dry_run(port, env, letters)
    yield from _redrive(port, env, letters)
    yield from _grouping(port, env, grouped)


def _dry_run(port: int, env: str, letters: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "loadtests.benchmarks.dry_run", "--json", "--letters", str(letters)]
    said: dict[str, Any] = json.loads(_output(command, port, env, may_fail=True))
    mine, theirs = said["seconds"][dry_run.ROUTE], said["seconds"][dry_run.LOOP]
    yield Row(
        f"dry run of {letters} dead letters",
        f"{mine:.1f} s",
        f"{theirs:.1f} s {dry_run.LOOP}",
        f"{theirs / mine:.1f}",
        "the same forecasts",
        said["agreed"],
    )


def _grouping(port: int, env: str, letters: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "loadtests.benchmarks.grouping", "--json", "--letters", str(letters)]
    said: dict[str, Any] = json.loads(_output(command, port, env, may_fail=True))
    mine, theirs = (said[way]["seconds"] for way in (grouping.GROUPED, grouping.KEPT))
    yield Row(
        f"{letters} dead letters listed and grouped",
        f"{mine:.1f} s",
        f"{theirs:.1f} s {grouping.KEPT}",
        f"{theirs / mine:.1f}",
        f"< {grouping.MOST_SECONDS:g} s" if letters == grouping.LETTERS else "",
        letters != grouping.LETTERS or mine < grouping.MOST_SECONDS,
    )


def _redrive(port: int, env: str, letters: int) -> Iterator[Row]:
    command = [sys.executable, "-m", "loadtests.benchmarks.redrive", "--json", "--messages", str(letters)]
    said: dict[str, Any] = json.loads(_output(command, port, env, may_fail=True))
    rates = said["perSecond"]
    loop = rates[redrive.LOOP]
    for way, rate in rates.items():
        required = way == redrive.OPERATION
        yield Row(
            f"dead letters moved per second, {way}",
            f"{rate}",
            f"{loop} loop",
            f"{rate / loop:.1f}",
            f"ratio >= {redrive.FACTOR:g}" if required else "",
            not required or rate / loop >= redrive.FACTOR,
        )
    yield Row(
        "ledger after the redrives",
        "balanced" if said["ledgerBalanced"] else "NOT balanced",
        target="balanced",
        reached=said["ledgerBalanced"],
    )


def _cold_start() -> Iterator[Row]:
    for start in cold_start.measure(IMPORTS):
        yield Row(
            f"cold start of {start.function}: import of its handler",
            f"{start.milliseconds:.0f} ms",
            f"{len(start.modules)} modules, bundle of {start.zipped / 1024:.0f} KB",
        )


def _demo(port: int, env: str) -> Iterator[Row]:
    began = time.monotonic()
    _output([sys.executable, "-m", "lab", "demo"], port, env)
    yield Row("make demo, engine and stacks there", f"{time.monotonic() - began:.0f} s")


def _output(command: list[str], port: int, env: str, *, may_fail: bool = False) -> str:
    """What a command prints. Raises LabError if it fails, or has no output where it may."""
    environment = os.environ | {"LAB_PORT": str(port), "ENV": env, "ENGINE": "host"}
    alone = f"Run it by itself: {' '.join(command)}"
    try:
        done = subprocess.run(  # noqa: S603  the lab's own commands
            command,
            cwd=paths.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command[1:4])} took more than {LIMIT_SECONDS} s.", alone) from error
    if done.returncode and not (may_fail and done.stdout.strip()):
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise LabError(f"{' '.join(command[1:4])}: {said[-1]}", alone)
    return done.stdout


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    before = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, load average {before}"
    )


def _table(rows: list[Row]) -> str:
    lines = [("benchmark", "lab", "compared with", "ratio", "target"), ("---", "---:", "---:", "---:", "---")]
    for row in rows:
        target = row.target and f"{row.target}: {'reached' if row.reached else 'missed'}"
        lines.append((row.what, row.figure, row.reference, row.ratio, target))
    return markdown.table(lines)


if __name__ == "__main__":
    sys.exit(run(app))
