"""How long a dry run takes: all letters in one answer of the API, and each letter in an invocation of its own.

    make up deploy-local
    .lab/env/lab/bin/python -m loadtests.benchmarks.dry_run

Both ways in one run over the same letters, half of which would die again. The DLQ is purged at the end. Exit code 1 if
the two forecasts differ for a letter.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from functions.redrive.plan import MAX_MESSAGES
from lab import cli
from lab.common.grid import Grid
from lab.common.output import Terminal
from lab.dlq.browser import dead_letters
from lab.dlq.forecast import forecasts
from lab.dlq.seed import bury
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from loadtests.benchmarks.grouping import empty_pipeline

type Fates = dict[str, str]
"""What would become of each letter, by message id."""

ROUTE = "GET /redrive/dry-run"
LOOP = "loop, an invocation a letter"


def route(pipeline: Pipeline, letters: int) -> Fates:
    """The API's answer about all letters."""
    with Api(pipeline.aws, pipeline.stack) as api:
        return _fates(api.dry_run(maxMessages=letters))


def loop(pipeline: Pipeline) -> Fates:
    """What one writes first: a look, and an invocation for each letter that was seen."""
    found: Fates = {}
    for letter in dead_letters(pipeline):
        one = forecasts(pipeline)
        one.add(letter)
        found |= _fates(one.as_json())
    return found


def _fates(told: dict[str, Any]) -> Fates:
    return {forecast["messageId"]: str(forecast["forecast"]) for forecast in told["forecasts"]}


def main(
    letters: Annotated[int, typer.Option(min=10, max=MAX_MESSAGES, help="Dead letters.")] = MAX_MESSAGES,
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The engine's port on 127.0.0.1.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")] = False,
) -> None:
    """Measure both ways to forecast a redrive."""
    console = Terminal(stderr=as_json)
    pipeline = empty_pipeline(port, env)
    seconds: dict[str, float] = {}

    def measured(name: str, way: Callable[[], Fates]) -> Fates:
        with console.status(name):
            began = time.monotonic()
            found = way()
            seconds[name] = time.monotonic() - began
            return found

    supply = list(orders(letters, label="dry-run"))
    bury(pipeline, [order | ({"amount": 0.01} if index % 2 else {}) for index, order in enumerate(supply)])
    route(pipeline, 1)  # cold starts belong to no way
    told = measured(ROUTE, lambda: route(pipeline, letters))
    agreed = told == measured(LOOP, lambda: loop(pipeline)) and len(told) == letters
    purge(pipeline.aws.client("sqs"), pipeline.stack.dlq_url)
    if as_json:
        typer.echo(json.dumps({"letters": letters, "seconds": seconds, "agreed": agreed}))
    else:
        console.print(_table(letters, seconds))
    if not agreed:
        raise typer.Exit(1)


def _table(letters: int, seconds: dict[str, float]) -> Grid:
    numbers = {
        "seconds": [f"{took:.1f}" for took in seconds.values()],
        "letters/s": [f"{letters / took:.0f}" for took in seconds.values()],
    }
    return Grid(f"Dry run of {letters} dead letters", {"way": list(seconds), **numbers}, right=tuple(numbers))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    sys.exit(cli.run(app))
