"""How fast a DLQ is emptied: a redrive operation, a receive-send-delete loop, SQS's own move task.

    make up deploy-local
    .lab/env/lab/bin/python -m loadtests.benchmarks.redrive

All in one run, on one engine; each begins with the same number of dead letters and ends when the DLQ is empty.
The operation's time is a client's: from POST /redrive/start to the final status. Meanwhile the worker is
paused: it shares this machine's processors with the engine, and would slow whatever moves faster than it
processes. The last row is an operation as people use it, with canaries and with the worker at work. The ledger
is settled when the worker has processed everything. Exit code 1 if an order is unaccounted for or the
operation is not FACTOR times as fast as the loop.
"""

import json
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from lab import cli, engines
from lab.common.clock import now_ms
from lab.common.grid import Grid
from lab.common.output import Terminal
from lab.common.polling import wait_for
from lab.dlq.native import FINAL, MoveTask
from lab.dlq.seed import bury
from lab.engines import clients as guarded
from lab.errors import LabError
from lab.faults.healing import deployed
from lab.history import account
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from loadtests.benchmarks.mapping import Mapping

FACTOR = 5.0
"""How much faster than the loop an operation has to be."""

LOOP = "loop, 1 a receive"
OPERATION = "redrive operation"
DRAIN_SECONDS = 400


def loop(pipeline: Pipeline, receive: int) -> None:
    """What one writes first: receive, send, delete, one message after another; attributes are kept."""
    sqs = pipeline.aws.client("sqs")
    source, target = pipeline.stack.dlq_url, pipeline.stack.queue_url
    while messages := sqs.receive_message(
        QueueUrl=source, MaxNumberOfMessages=receive, MessageAttributeNames=["All"]
    ).get("Messages", []):
        for message in messages:
            sqs.send_message(
                QueueUrl=target, MessageBody=message["Body"], MessageAttributes=message["MessageAttributes"]
            )
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])


def operation(api: Api, messages: int, **plan: Any) -> None:
    """A redrive operation as the API starts it. Raises LabError unless it moves everything."""
    started = api.start_redrive(maxMessages=messages, **plan)
    row = wait_for(
        "the operation to end",
        lambda: api.redrive(started),
        lambda row: row["status"] not in ("PENDING", "RUNNING"),
        within=DRAIN_SECONDS,
        every=0.2,  # each look is an invocation on the same processors
    )
    if (row["status"], row["moved"]) != ("SUCCEEDED", messages):
        raise LabError(f"The operation ended {row['status']} with {row['moved']} moved.", f"Look: {row}")


def native(pipeline: Pipeline) -> None:
    """SQS's own message move task, unthrottled."""
    task = MoveTask(pipeline)
    wait_for("the move task", task.progress, lambda seen: seen[0] in FINAL, within=DRAIN_SECONDS, every=0.05)


def main(
    messages: Annotated[int, typer.Option(min=10, max=1000, help="Dead letters for each way.")] = 1000,
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The engine's port on 127.0.0.1.")] = 4566,
    env: Annotated[str, typer.Option(envvar="ENV", help="The stacks' environment name.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")] = False,
) -> None:
    """Measure the ways to empty a DLQ, side by side."""
    console = Terminal(stderr=as_json)
    engine = engines.present(port)
    engine.require_running()
    aws = guarded.local(engine.endpoint)
    pipeline = deployed(aws, env)
    if pipeline.queue().total or pipeline.dlq().total:
        raise LabError("The queues are not empty.", "Empty them: make down up deploy-local")
    started = now_ms()
    ids: list[str] = []
    seconds: dict[str, float] = {}
    with Api(aws, pipeline.stack) as api:

        def measure(name: str, way: Callable[[], None]) -> None:
            with console.status(name):
                ids.extend(bury(pipeline, orders(messages, label="benchmark")))
                began = time.monotonic()
                way()
                seconds[name] = time.monotonic() - began

        with _paused(pipeline):
            ids.extend(bury(pipeline, orders(10, label="warm")))  # cold starts belong to no way
            operation(api, 10, canaryMessages=0)
            measure(LOOP, lambda: loop(pipeline, 1))
            measure("loop, 10 a receive", lambda: loop(pipeline, 10))
            measure("native move task", lambda: native(pipeline))
            measure(OPERATION, lambda: operation(api, messages, canaryMessages=0))
        with console.status("the worker processes what was moved"):
            _drain(pipeline)
        measure("operation, worker at work", lambda: operation(api, messages))
        with console.status("the worker processes what was moved"):
            _drain(pipeline)
    ledger = account(pipeline, ids, since=started).ledger
    result = _result(messages, seconds) | {"ledgerBalanced": ledger.balanced, "accepted": ledger.accepted}
    if as_json:
        typer.echo(json.dumps(result))
    else:
        console.print(_table(messages, seconds))
        console.say(ledger.text)
    if not ledger.balanced or seconds[LOOP] / seconds[OPERATION] < FACTOR:
        raise typer.Exit(1)


@contextmanager
def _paused(pipeline: Pipeline) -> Generator[None]:
    """No worker for a `with` block; it is back afterwards, whatever happens."""
    mapping = Mapping(pipeline)
    try:
        mapping.switch(enabled=False)
        yield
    finally:
        mapping.switch(enabled=True)


def _drain(pipeline: Pipeline) -> None:
    wait_for(
        "both queues to drain",
        lambda: (pipeline.queue().total, pipeline.dlq().total),
        lambda depths: depths == (0, 0),
        within=DRAIN_SECONDS,
    )


def _result(messages: int, seconds: dict[str, float]) -> dict[str, Any]:
    return {
        "messages": messages,
        "seconds": {name: round(took, 2) for name, took in seconds.items()},
        "perSecond": {name: round(messages / took) for name, took in seconds.items()},
    }


def _table(messages: int, seconds: dict[str, float]) -> Grid:
    numbers = {
        "seconds": [f"{took:.1f}" for took in seconds.values()],
        "messages/s": [f"{messages / took:.0f}" for took in seconds.values()],
        "x loop": [f"{seconds[LOOP] / took:.1f}" for took in seconds.values()],
    }
    return Grid(f"{messages} dead letters", {"way": list(seconds), **numbers}, right=tuple(numbers))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    sys.exit(cli.run(app))
