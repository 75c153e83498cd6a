"""CloudWatch Logs Insights: the queries that the deployment keeps, and what one answers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lab.common.polling import wait_for
from lab.errors import unknown
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

QUERY_SECONDS = 20
MOST_ROWS = 100
_RUNNING = ("Scheduled", "Running")


@dataclass(frozen=True)
class SavedQuery:
    """A query that was deployed with the stacks (ops/queries). Its `name` has no prefix."""

    name: str
    text: str
    log_groups: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a query found: a text for each column of each row, and `status` if it did not complete."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    status: str = "Complete"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def saved(pipeline: Pipeline) -> list[SavedQuery]:
    """The deployment's own queries (DescribeQueryDefinitions), by name."""
    logs: CloudWatchLogsClient = pipeline.aws.client("logs")
    prefix = f"{pipeline.stack.prefix}/"
    found: list[SavedQuery] = []
    more: dict[str, str] = {}
    while True:
        page: Any = logs.describe_query_definitions(queryDefinitionNamePrefix=prefix, **more)  # pyright: ignore[reportArgumentType]
        found += [
            SavedQuery(
                each["name"].removeprefix(prefix), each["queryString"], tuple(each.get("logGroupNames", ()))
            )
            for each in page["queryDefinitions"]
        ]
        if not page.get("nextToken"):
            return sorted(found, key=lambda query: query.name)
        more = {"nextToken": page["nextToken"]}


def named(pipeline: Pipeline, name: str) -> SavedQuery:
    """One saved query. Raises LabError with the nearest name if there is none of this."""
    queries = {query.name: query for query in saved(pipeline)}
    if name not in queries:
        raise unknown("saved query", name, list(queries))
    return queries[name]


def ask(
    logs: "CloudWatchLogsClient", text: str, log_groups: Sequence[str], start: float, end: float
) -> Answer:
    """Run a query over a time in epoch seconds and wait for its end. Raises LabError if that takes too long."""
    query = logs.start_query(
        logGroupNames=list(log_groups),
        startTime=int(start),
        endTime=round(end),
        queryString=text,
        limit=MOST_ROWS,
    )["queryId"]
    answer = wait_for(
        f"an answer to {text.splitlines()[0]}",
        lambda: logs.get_query_results(queryId=query),
        lambda seen: seen.get("status") not in _RUNNING,
        within=QUERY_SECONDS,
    )
    rows = tuple(
        {field.get("field", ""): field.get("value", "") for field in row if field.get("field") != "@ptr"}
        for row in answer.get("results", [])
    )
    return Answer(tuple(dict.fromkeys(name for row in rows for name in row)), rows, answer.get("status", ""))
