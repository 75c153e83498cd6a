"""`lab trace`: one order's whole way."""

import json
import time
from typing import Annotated

import typer

from lab.commands.options import Env, Port, console
from lab.common.output import Terminal
from lab.faults.healing import connect
from lab.trace import build_timeline, collect
from lab.trace.show import show

HOUR_MS = 3_600_000


def trace(  # noqa: PLR0917  one parameter for each option
    name: Annotated[
        str, typer.Argument(metavar="ORDER_ID", help="An order id; a correlation or message id does, too.")
    ],
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="How far to look back in the logs.")] = 24,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print the log line behind each moment, too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object; times are epoch milliseconds.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Show one order's whole way: API, queue, each receive, effect, event, DLQ, redrives. Exit code 1 if unknown.

    An order without effect is looked for in the DLQ, too, which costs each dead letter one receive.
    """
    pipeline, _ = connect(port, env)
    with Terminal(stderr=True).status("gathering"):
        timeline = build_timeline(collect(pipeline, name, int(time.time() * 1000) - hours * HOUR_MS))
    if as_json:
        print(json.dumps(timeline.as_json()))  # noqa: T201  for other programs
    else:
        show(timeline, console, lines=lines)
