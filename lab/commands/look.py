"""`lab look ...`: what runbooks look at. Nothing here changes anything but receive counts in the DLQ."""

import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.commands.logs import Minutes, chosen, show
from lab.commands.options import Env, Port, console
from lab.common.grid import Grid
from lab.faults.catalogue import FAULTS
from lab.faults.healing import connect
from lab.pipeline import insights
from lab.pipeline.api import Api
from lab.pipeline.logs import entries
from lab.pipeline.metrics import PERIOD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient

app = typer.Typer(
    name="look", help="Look at the DLQ, logs and metrics, as runbooks do.", no_args_is_help=True
)
SHOWN_LINES = 20
UNATTRIBUTED = "UNATTRIBUTED"


@app.command()
def dlq(port: Port = 4566, env: Env = "dev") -> None:
    """Count the DLQ's letters by cause of death (GET /redrive/preview) and show the first ones."""
    pipeline, _ = connect(port, env)
    with Api(pipeline.aws, pipeline.stack) as api:
        preview = api.preview(minAgeSeconds=0, maxMessages=1000)
    died_of: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for message in preview["messages"]:
        cause = (message.get("errorCategory") or UNATTRIBUTED, message.get("errorType") or UNATTRIBUTED)
        died_of[cause].append(message)
    causes = sorted(died_of, key=lambda cause: -len(died_of[cause]))
    columns = {
        "category": [category for category, _ in causes],
        "type": [kind for _, kind in causes],
        "letters": [str(len(died_of[cause])) for cause in causes],
        "for example": [_told(died_of[cause][0]) for cause in causes],
    }
    total = preview["statistics"]["total"]
    console.print(Grid(f"{total} dead letters" if total else "dead letters", columns, right=("letters",)))


def _told(message: dict[str, Any]) -> str:
    """What a letter died of, in words."""
    return message.get("errorMessage") or message.get("triage", {}).get("inferred", "")


@app.command()
def faults() -> None:
    """List the faults that have a name: the console switches them on and off, failure modes also `lab mode`."""
    columns = {
        "name": [fault.name for fault in FAULTS.values()],
        "what happens": [fault.meaning for fault in FAULTS.values()],
    }
    console.print(Grid("faults", columns, [fault.group for fault in FAULTS.values()]))


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="Such as ingest, worker or redrive.")],
    text: Annotated[str, typer.Argument(help="What the lines hold.")],
    minutes: Minutes = 15,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Show a function's latest log lines that contain a text. All functions, the engine, following: lab logs."""
    pipeline, _ = connect(port, env)
    since = int((time.time() - 60 * minutes) * 1000)
    found = entries(pipeline, chosen(pipeline, function), since, text)
    show(found, SHOWN_LINES, f"{function}, lines with {text!r}, last {minutes} min")


@app.command()
def metric(namespace: str, name: str, minutes: Minutes = 15, port: Port = 4566, env: Env = "dev") -> None:
    """Show a metric's sum and maximum over the last minutes, for each of its dimensions."""
    pipeline, _ = connect(port, env)
    client: CloudWatchClient = pipeline.aws.client("cloudwatch")
    rows: list[tuple[str, str, str]] = []
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
        of = ", ".join(f"{dimension.get('Name')}={dimension.get('Value')}" for dimension in dimensions)
        total = sum(point.get("Sum", 0.0) for point in points)
        maximum = max((point.get("Maximum", 0.0) for point in points), default=0.0)
        rows.append((of or "all", f"{total:g}", f"{maximum:g}"))
    heads = ("dimensions", "sum", "maximum")
    columns = {head: [row[number] for row in rows] for number, head in enumerate(heads)}
    console.print(Grid(f"{namespace} {name}, last {minutes} min", columns, right=heads[1:]))


@app.command()
def query(
    name: Annotated[str | None, typer.Argument(help="A saved query; without: list them.")] = None,
    minutes: Minutes = 60,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Ask one of the queries that are deployed for CloudWatch Logs Insights (ops/queries)."""
    pipeline, _ = connect(port, env)
    if name is None:
        console.print(saved_queries(insights.saved(pipeline)))
        return
    chosen = insights.named(pipeline, name)
    now = time.time()
    found = insights.ask(pipeline.aws.client("logs"), chosen.text, chosen.log_groups, now - 60 * minutes, now)
    console.print(answered(f"{name}, last {minutes} min", found))


def answered(title: str, found: insights.Answer) -> Grid:
    """What a query found, in its own columns."""
    columns = {column: [row.get(column, "") for row in found.rows] for column in found.columns}
    return Grid(f"{title}: {len(found.rows)} rows", columns or {"found": []})


def saved_queries(queries: "Sequence[insights.SavedQuery]") -> Grid:
    """The queries there are."""
    columns = {"name": [query.name for query in queries], "text": [query.text for query in queries]}
    return Grid("saved queries", columns)
