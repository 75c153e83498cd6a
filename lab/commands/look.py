"""`lab look ...`: what runbooks look at. Nothing here changes anything but receive counts in the DLQ."""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lab.commands.options import Env, Port, console
from lab.faults.catalogue import FAULTS
from lab.faults.healing import connect
from lab.pipeline.api import Api
from lab.pipeline.metrics import PERIOD_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient

app = typer.Typer(
    name="look", help="Look at the DLQ, logs and metrics, as runbooks do.", no_args_is_help=True
)
Minutes = Annotated[int, typer.Option(min=1, max=180, help="How far to look back.")]
SHOWN_LINES = 20


@app.command()
def dlq(port: Port = 4566, env: Env = "dev") -> None:
    """Count the DLQ's letters by cause of death (GET /redrive/preview) and show the first ones."""
    pipeline, _ = connect(port, env)
    with Api(pipeline.aws, pipeline.stack) as api:
        preview = api.preview(minAgeSeconds=0, maxMessages=1000)
    table = Table(title=f"{preview['statistics']['total']} dead letters", title_justify="left")
    for column in ("category", "type", "letters", "for example"):
        table.add_column(column, overflow="fold")
    causes = Counter(
        (message.get("errorCategory"), message.get("errorType")) for message in preview["messages"]
    )
    for (category, kind), count in causes.most_common():
        example = next(
            message
            for message in preview["messages"]
            if (message.get("errorCategory"), message.get("errorType")) == (category, kind)
        )
        told = example.get("errorMessage") or example.get("triage", {}).get("inferred", "")
        table.add_row(category or "UNATTRIBUTED", kind or "UNATTRIBUTED", str(count), told)
    console.print(table)


@app.command()
def faults() -> None:
    """List the faults that have a name: the console switches them on and off, failure modes also `lab mode`."""
    table = Table(title="faults", title_justify="left")
    for column in ("where", "name", "what happens"):
        table.add_column(column, overflow="fold")
    for fault in FAULTS.values():
        table.add_row(fault.group, fault.name, fault.meaning)
    console.print(table)


@app.command()
def logs(function: str, text: str, minutes: Minutes = 15, port: Port = 4566, env: Env = "dev") -> None:
    """Show the latest log lines of ingest, worker or redrive that contain a text."""
    pipeline, _ = connect(port, env)
    client: CloudWatchLogsClient = pipeline.aws.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{pipeline.stack.prefix}-{function}",
        startTime=int((time.time() - 60 * minutes) * 1000),
    )
    found = [
        line
        for page in pages
        for event in page["events"]
        if text in (line := event.get("message", "").strip())
    ]
    for line in found[-SHOWN_LINES:]:
        console.say(line)
    console.say(f"{len(found)} lines with {text!r} in the last {minutes} min")


@app.command()
def metric(namespace: str, name: str, minutes: Minutes = 15, port: Port = 4566, env: Env = "dev") -> None:
    """Show a metric's sum and maximum over the last minutes, for each of its dimensions."""
    pipeline, _ = connect(port, env)
    client: CloudWatchClient = pipeline.aws.client("cloudwatch")
    table = Table(title=f"{namespace} {name}, last {minutes} min", title_justify="left")
    for column in ("dimensions", "sum", "maximum"):
        table.add_column(column, overflow="fold")
    now = datetime.now(UTC)
    for listed in client.list_metrics(Namespace=namespace, MetricName=name)["Metrics"]:
        dimensions = listed.get("Dimensions", [])
        points = client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=dimensions,
            StartTime=datetime.fromtimestamp(now.timestamp() - 60 * minutes, UTC),
            EndTime=now,
            Period=PERIOD_SECONDS,
            Statistics=["Sum", "Maximum"],
        )["Datapoints"]
        of = (
            ", ".join(f"{dimension.get('Name')}={dimension.get('Value')}" for dimension in dimensions)
            or "all"
        )
        total = sum(point.get("Sum", 0.0) for point in points)
        table.add_row(
            of, f"{total:g}", f"{max((point.get('Maximum', 0.0) for point in points), default=0.0):g}"
        )
    console.print(table)
