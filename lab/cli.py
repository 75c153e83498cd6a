"""The command line `lab`: the Makefile's targets are thin names for these commands."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from lab import engines
from lab.commands import aws as target
from lab.commands import console as consoles
from lab.commands import cost as costs
from lab.commands import gameday as gamedays
from lab.commands import load, look, mode
from lab.commands import scenario as scenarios
from lab.commands.dlq import dlq
from lab.commands.trace import trace
from lab.common.interrupts import unwind_when_ended
from lab.common.output import Line, Terminal, escape_what_cannot_be_encoded, joined, shown, styled
from lab.common.paths import ROOT
from lab.deployment.audit import audit
from lab.deployment.context import Context, settings, settings_of
from lab.deployment.stack import Stack, stack_names
from lab.engines import Engine, disk, iam
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.engines.host import GONE
from lab.errors import LabError
from lab.faults.healing import Env, Port, connect, deployed

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
MISUSED = 2
UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer does not export it by name

app = typer.Typer(
    name="lab", help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
app.add_typer(dlq, name="dlq")
console = Terminal()

app.add_typer(scenarios.app)
app.add_typer(gamedays.app)
app.add_typer(look.app)
app.command(name="load")(load.load)
app.command(name="mode")(mode.mode)
app.add_typer(consoles.app)
app.command()(trace)
app.add_typer(target.app)
app.add_typer(costs.app)
app.command()(audit)
app.command()(settings)


def say(line: Line) -> None:
    """One line of progress."""
    console.say(line)


@app.command()
def up(port: Port = 4566) -> None:
    """Start the engine and wait until it serves. ENGINE=docker|host forces one; else the lab chooses."""
    _up(port)
    say("next: make deploy-local")


@app.command()
def down(port: Port = 4566) -> None:
    """Stop the engine and remove its files. What was deployed to it is gone."""
    start = time.monotonic()
    with console.status("stopping the engine"):
        stopped = engines.present(port).down()
    say(f"engine stopped in {time.monotonic() - start:.1f} s" if stopped else "no engine was running")


@app.command()
def status(port: Port = 4566, env: Env = "dev") -> None:
    """Show the engine, what is deployed and what the pipeline holds. Exit code 1 unless both are there."""
    engine = engines.present(port)
    engine.require_running()
    say(f"engine: running at {engine.endpoint} ({engine.kind}, {engine.status().detail})")
    aws = guarded.local(engine.endpoint)
    pipeline = deployed(aws, env)
    queue, dlq = pipeline.queue(), pipeline.dlq()
    ringing = sorted(name for name, state in pipeline.alarm_states().items() if state == "ALARM")
    say(f"API: {pipeline.stack.api_url}")
    say(f"queue: {queue.visible} visible, {queue.in_flight} in flight, {queue.delayed} delayed")
    say(f"DLQ: {dlq.visible} visible, {dlq.in_flight} in flight")
    say(f"failure mode: {pipeline.failure_mode()}")
    say(f"alarms: {', '.join(ringing) if ringing else 'none in ALARM'}")


@app.command()
def clean(port: Port = 4566, env: Env = "dev") -> None:
    """Bring the steady state back: undo faults, empty the queues, close circuits, wait for silent alarms."""
    from lab.faults import steady_state as steady  # noqa: PLC0415

    pipeline, _ = connect(port, env)
    steady.restore(pipeline, say)
    steady.require(pipeline)
    say("steady: queues empty, no fault in force, circuits closed, alarms silent")


@app.command()
def deploy(port: Port = 4566, env: Env = "dev", context: Context = None) -> None:
    """Deploy the four stacks to the local engine and probe every promise."""
    engine = engines.present(port)
    engine.require_running()
    stack = _deploy(guarded.local(engine.endpoint), env, context)
    say(f"\nAPI      {stack.api_url}")
    say(f"queue    {stack.queue_url}")
    say(f"DLQ      {stack.dlq_url}")
    say("\ntry next:")
    say(
        f"  curl -i -X POST {stack.api_url}/events -H 'content-type: application/json' "
        """-d '{"orderId": "first-1", "amount": 12.5}'"""
    )
    say("  make demo")


@app.command()
def demo(port: Port = 4566, env: Env = "dev") -> None:
    """From nothing to a finished story: orders, poison, alarm, cure, redrive, ledger, report."""
    from lab.pipeline.observe import Pipeline  # noqa: PLC0415
    from lab.scenario import demo as story  # noqa: PLC0415  only this command needs plots and templates

    guarded.refuse_real_credentials(os.environ)
    engine = _up(port)
    aws = guarded.local(engine.endpoint)
    stack = _deploy(aws, env, None)
    run, page = story.play(Pipeline(aws, stack), f"{engine.kind} engine, LocalStack 4.14.0", console)
    story.summary(run, page, console)
    if not run.passed:
        raise typer.Exit(1)


@app.command(name="break")
def break_(
    seed: Annotated[int | None, typer.Option(help="The same seed breaks the same thing.")] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Tell what is broken, and how to mend it.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Break one thing, hidden. Find it with the runbooks, mend it through AWS APIs, prove it with lab check."""
    from lab.faults import steady_state as steady  # noqa: PLC0415
    from lab.games import breakfix  # noqa: PLC0415

    pipeline, _ = connect(port, env)
    if reveal:
        puzzle = breakfix.require_broken(pipeline)
        say(f"{puzzle.name}: {puzzle.revealed}")
        return
    steady.require(pipeline)
    breakfix.break_it(pipeline, seed)
    say(
        "One thing is broken now. Symptoms: lab check. A hint: lab hint. Giving up: lab break --reveal, lab repair"
    )


@app.command()
def hint(
    number: Annotated[int, typer.Argument(min=1, help="Which hint; the first says least.")] = 1,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Give a hint about what is broken."""
    from lab.games import breakfix  # noqa: PLC0415

    pipeline, _ = connect(port, env)
    hints = breakfix.require_broken(pipeline).hints
    say(f"hint {min(number, len(hints))} of {len(hints)}: {hints[min(number, len(hints)) - 1]}")


@app.command()
def check(port: Port = 4566, env: Env = "dev") -> None:
    """Judge the pipeline by what it does, not by its settings. Exit code 1 if a behaviour is missing."""
    from lab.faults.changes import Changes  # noqa: PLC0415
    from lab.games import breakfix  # noqa: PLC0415

    pipeline, _ = connect(port, env)
    missing = 0
    for judgement in breakfix.check(pipeline):
        missing += not judgement.shown
        mark = styled("yes", "green") if judgement.shown else styled("NO ", "red")
        say(joined(mark, f" {judgement.behaviour}: {judgement.seen}"))
    if missing:
        raise typer.Exit(1)
    if puzzle := breakfix.standing(pipeline):
        Changes(pipeline).forget(puzzle.knob)
        say(f"Mended. It was: {breakfix.puzzle_of(puzzle.knob).revealed}")


@app.command()
def repair(port: Port = 4566, env: Env = "dev") -> None:
    """Mend what lab break has broken, and bring the steady state back."""
    from lab.faults import steady_state as steady  # noqa: PLC0415
    from lab.games import breakfix  # noqa: PLC0415

    pipeline, _ = connect(port, env)
    say(f"It was: {breakfix.require_broken(pipeline).revealed}")
    steady.restore(pipeline, say)


@app.command()
def openapi() -> None:
    """Write the API's OpenAPI document anew from the routes. No engine is needed."""
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Ingestion")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "lab")
    from lab.deployment import openapi as generator  # noqa: PLC0415  imports the functions

    generator.DOCUMENT.write_text(generator.text())
    say(f"wrote {generator.DOCUMENT.relative_to(ROOT)}")


@app.command()
def doctor(port: Port = 4566) -> None:
    """Show what the lab finds on this machine, and the fix for each problem. Exit code 1 if there is one."""
    from lab.engines.doctor import examine, table  # noqa: PLC0415

    findings = list(examine(port, engines.wanted()))
    console.print(table(findings))
    if any(finding.fix for finding in findings):
        raise typer.Exit(1)


@app.command()
def probe(
    port: Port = 4566,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write them to docs/parity.md.")] = False,
) -> None:
    """Ask the engine for what the lab relies on and compare with what AWS documents."""
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from lab.parity import Answer  # noqa: PLC0415
    from lab.parity import run as ask_all  # noqa: PLC0415
    from lab.parity.page import remember  # noqa: PLC0415

    engine = engines.present(port)
    engine.require_running()
    answers: list[Answer] = []
    for answer in ask_all(guarded.local(engine.endpoint), enforces_iam=engine.enforces_iam):
        answers.append(answer)
        if not as_json:
            mark = styled("as AWS", "green") if answer.as_documented else styled("differs", "yellow")
            say(joined(mark, f"  {answer.area}: {answer.name}: {answer.answered}"))
    if as_json:
        print(json.dumps([asdict(answer) for answer in answers], indent=2))  # noqa: T201  for other programs
    if write:
        say(f"written: {remember(engine.packaging, engine.image, time.strftime('%Y-%m-%d'), answers)}")


def _up(port: int) -> Engine:
    """The engine on the port, started if there is none, of the packaging that is wanted or possible."""
    engine = engines.present(port)
    before = engine.status()
    if before.state != "running":
        kind, why = engines.choose(engines.wanted())
        say(why)
        if kind != engine.kind:
            engine.down()  # what it left holds the port
        engine = engines.start(kind, port)
    start = time.monotonic()
    with console.status("starting the engine"):
        started = engine.up()
    if not started:
        iam.require_as_wanted(port, enforced=engine.enforces_iam)
        say(f"engine already running at {engine.endpoint} ({engine.kind})")
        return engine
    if before.state in ("crashed", "astray"):
        _tell_of_loss(before, engine)
    say(f"engine ready at {engine.endpoint} in {time.monotonic() - start:.1f} s")
    if engine.enforces_iam:
        say("functions may do what their roles allow and nothing else (LAB_IAM=enforce)")
    return engine


def _tell_of_loss(before: engines.Status, engine: Engine) -> None:
    """Say what a start has cost, where the engine before it was not stopped on request."""
    say(styled(f"the engine before was {before.state}: {before.detail}", "yellow"))
    say(styled(GONE, "yellow"))
    if isinstance(engine, engines.HostEngine) and engine.log_before.exists():
        say(f"its log: {engine.log_before.relative_to(ROOT)}")


def _deploy(aws: Aws, env: str, context: list[str] | None) -> Stack:
    from lab.deployment.deploy import deploy as deploy_stacks  # noqa: PLC0415
    from lab.deployment.deploy import require_kept  # noqa: PLC0415
    from lab.deployment.smoke_checks import Promise, probe  # noqa: PLC0415

    with suppress(LabError):  # nothing is deployed yet
        deployed(aws, env)
    start = time.monotonic()
    stack = deploy_stacks(aws, env, settings_of(context), say)
    table = Table(title=f"Promises of {', '.join(stack_names(env))}", title_justify="left")
    table.add_column("promise")
    table.add_column("kept")
    table.add_column("seen", overflow="fold")
    found: list[Promise] = []
    for promise in probe(aws, stack):
        found.append(promise)
        kept = styled("yes", "green") if promise.kept else styled("NO", "red")
        table.add_row(promise.name, kept, promise.seen)
    console.print(table)
    require_kept(found)
    say(f"deployed and probed in {time.monotonic() - start:.1f} s")
    return stack


def main() -> NoReturn:
    """Run a command; show a LabError as what is wrong and how to fix it."""
    unwind_when_ended()
    sys.exit(run(partial(app, prog_name="lab")))


def run(command: Callable[..., object]) -> int:
    """Run a command and return its exit code; errors go to standard error."""
    escape_what_cannot_be_encoded()
    errors = Terminal(stderr=True)
    try:
        # Outside its standalone mode typer hands the code of typer.Exit back as the result.
        code = _with_disk_errors_told(command)
    except LabError as error:
        if error.details:
            errors.print(error.details, style="dim")
        errors.say(joined(styled("error:", "red"), f" {shown(error.what)}"))
        errors.say(f"  fix: {shown(error.fix)}")
        return 1
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted")
        return INTERRUPTED
    except typer.Exit as leave:
        return leave.exit_code
    except UsageError as error:
        errors.say(joined(styled("error:", "red"), f" {shown(str(error))}"))
        errors.print("  fix: see --help")
        return MISUSED
    return code if isinstance(code, int) else 0


def _with_disk_errors_told(command: Callable[..., object]) -> object:
    """Run a command. Raises LabError where it could not write."""
    try:
        return command(standalone_mode=False)
    except OSError as error:
        raise disk.explained(error) or error from error
