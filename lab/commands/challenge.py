"""`lab challenge ...`: bring a worker of your own, and have it judged under faults."""

import re
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from lab import engines
from lab.challenge.catalog import CHALLENGES, Challenge, challenge
from lab.challenge.service import entries, judge, solutions
from lab.challenge.stand import alone, remove
from lab.challenge.verdict import Verdict
from lab.commands.options import Env, Port, console, say
from lab.common.grid import Grid
from lab.common.output import joined, styled
from lab.engines import clients as guarded

_LINES_OF_A_PARAGRAPH = re.compile(r"(?<!\n)\n(?![\n#-])\s*")

app = typer.Typer(name="challenge", help="Bring your own worker: judged under faults.", no_args_is_help=True)


def _names() -> list[str]:
    return list(CHALLENGES)


Name = Annotated[str, typer.Argument(help="Which challenge.", autocompletion=_names)]
Hint = Annotated[bool, typer.Option("--hint", help="Give the hint, too.")]


@app.command("list")
def list_() -> None:
    """List the challenges, the easiest first."""
    found = entries()
    columns = {
        "name": [each.name for each in found],
        "about": [each.title for each in found],
        "promises": [str(len(each.promises)) for each in found],
    }
    console.print(Grid("challenges", columns, right=("promises",)))


@app.command()
def show(name: Name, hint: Hint = False) -> None:
    """Show a challenge: what the handler is given, and what it has to keep."""
    chosen = challenge(name)
    console.print(_LINES_OF_A_PARAGRAPH.sub(" ", chosen.page))
    world = chosen.world
    say(
        f"The function has {world.timeout} s and {world.memory} MB; batches of up to {world.batch_size}, "
        f"{world.concurrency} at once. Visibility timeout {world.visibility} s, maxReceiveCount {world.max_receives}."
    )
    promises = [promise.rule for promise in chosen.promises]
    columns = {"promise": [rule.name for rule in promises], "": [rule.promise for rule in promises]}
    console.print(Grid("what has to be kept", columns))
    if hint:
        say(f"hint: {chosen.hint}")


@app.command()
def run(  # noqa: PLR0917  one parameter for each option
    name: Name,
    handler: Annotated[
        str,
        typer.Option(
            "--handler", help="Your file and the function in it: my.py:handler. worker: the lab's own."
        ),
    ],
    seed: Annotated[int, typer.Option(help="The same seed does the same again.")] = 1,
    hint: Hint = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack for the next run, which begins sooner then.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Judge a handler. Exit code 1 if it breaks a promise, or cannot be loaded."""
    engine = engines.present(port)
    engine.require_running()
    aws = guarded.local(engine.endpoint)
    verdict = judge(
        aws,
        env,
        name,
        handler,
        seed=seed,
        keep=keep,
        local_functions=engine.runs.local_functions,
        say=say,
    )
    tell(verdict)
    if hint and not verdict.passed:
        say(f"hint: {verdict.challenge.hint}")
    if not verdict.passed:
        raise typer.Exit(1)
    side_by_side(verdict.challenge)


@app.command()
def down(name: Name, port: Port = 4566, env: Env = "dev") -> None:
    """Remove the stack of a challenge that was kept."""
    engine = engines.present(port)
    engine.require_running()
    aws = guarded.local(engine.endpoint)
    with alone(aws, env, challenge(name).name):
        remove(aws, env, name)
    say(f"{name} is removed")


def tell(verdict: Verdict) -> None:
    """The verdict, line by line, and the whole of it in the last one."""
    for line in verdict.lines:
        say(line)
    failed = styled("not tested", "yellow") if verdict.untested else styled("failed", "red")
    mark = styled("passed", "green") if verdict.passed else failed
    seed = f" in {verdict.seconds:.0f} s, seed {verdict.schedule.seed}"
    kept = f": all {len(verdict.challenge.promises)} promises kept" if verdict.passed else ""
    say(joined(f"{verdict.challenge.name} ", mark, f"{seed}{kept}"))


def side_by_side(solved: Challenge) -> None:
    """The naive handler beside the reference, or above it where the terminal is too narrow, or plain."""
    texts = solutions(solved)
    width = max(len(line) for text in texts.values() for line in text.splitlines())
    if 2 * width + 2 <= console.width and not console.plain:
        for left, right in zip_longest(
            *([name, *text.splitlines()] for name, text in texts.items()), fillvalue=""
        ):
            say(f"{left:<{width}}  {right}".rstrip())
        return
    for name, text in texts.items():
        say(styled(f"{name}: {Path('challenges') / solved.name / name}.py", "bold"))
        say(text)
