"""Reads of a large table: a Scan and a Query of many rows, page by page, as a person's own tool makes them.

    python -m loadtests.benchmarks.reads --port 4566

Makes a table of its own, with an index in which all rows have one partition, and deletes it again.
"""

import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from lab.cli import run
from lab.common.output import Terminal
from lab.engines import HostEngine
from lab.engines import clients as guarded
from loadtests.benchmarks import markdown

TABLE = "lab-benchmark-reads"
KEY, GROUP = "orderId", "status"
BATCH = 25

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def reads(
    port: Annotated[int, typer.Option(envvar="LAB_PORT", help="The host engine's port.")] = 4566,
    rows: Annotated[int, typer.Option(min=BATCH, max=100_000, help="How many rows the table has.")] = 15_000,
) -> None:
    """Measure and print a Markdown table."""
    engine = HostEngine(port)
    process = engine.process()
    dynamodb = guarded.local(engine.endpoint).client("dynamodb")
    group = {"TableName": TABLE, "IndexName": GROUP, "KeyConditionExpression": "#s = :done"}
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "Scan": ("scan", {"TableName": TABLE}),
        "Query of the index": (
            "query",
            group
            | {
                "ExpressionAttributeNames": {"#s": GROUP},
                "ExpressionAttributeValues": {":done": {"S": "DONE"}},
            },
        ),
    }
    measured: list[tuple[str, ...]] = []
    with filled(dynamodb, rows):
        for name, (operation, arguments) in ways.items():
            began, spent = time.monotonic(), sum(process.cpu_times()[:2])
            pages = list(dynamodb.get_paginator(operation).paginate(**arguments))
            seconds, spent = time.monotonic() - began, sum(process.cpu_times()[:2]) - spent
            read = {item[KEY]["S"] for page in pages for item in page["Items"]}
            measured.append((name, str(len(read)), str(len(pages)), f"{seconds:.2f}", f"{spent:.2f}"))
            if len(read) != rows:
                raise SystemExit(f"{name} read {len(read)} of {rows} rows")
    head = ("way", "rows", "pages", "seconds", "engine, s of processor")
    Terminal().say(markdown.table([head, ("---", *["---:"] * 4), *measured]))


@contextmanager
def filled(dynamodb: Any, rows: int) -> Generator[None]:
    """The table during a `with` block."""
    dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (KEY, GROUP)],
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": GROUP,
                "KeySchema": [
                    {"AttributeName": GROUP, "KeyType": "HASH"},
                    {"AttributeName": KEY, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        for start in range(0, rows, BATCH):
            puts = [{"PutRequest": {"Item": row}} for row in _rows(range(start, min(start + BATCH, rows)))]
            dynamodb.batch_write_item(RequestItems={TABLE: puts})
        yield
    finally:
        dynamodb.delete_table(TableName=TABLE)


def _rows(numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Rows as large as those of orders."""
    for number in numbers:
        yield {
            KEY: {"S": f"order-{number:06d}"},
            GROUP: {"S": "DONE"},
            "amount": {"N": str(number)},
            "body": {"S": "x" * 300},
            "items": {"L": [{"M": {"sku": {"S": "sku-1"}, "quantity": {"N": "2"}}}]},
        }


if __name__ == "__main__":
    sys.exit(run(app))
