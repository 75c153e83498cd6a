"""The functions' log lines since a moment."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lab.pipeline.observe import Pipeline, fields_of

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass(frozen=True)
class LogLine:
    """One line: who wrote it, when (epoch milliseconds), and its fields."""

    function: str
    at: int
    fields: dict[str, Any]


class Logs:
    """Log lines written since a moment in epoch milliseconds; since this was made if none is given."""

    def __init__(self, pipeline: Pipeline, since: int | None = None) -> None:
        self._logs: CloudWatchLogsClient = pipeline.aws.client("logs")
        self._since = int(time.time() * 1000) if since is None else since

    def lines(self, function: str) -> list[LogLine]:
        """What a function logged, oldest first; lines that are no JSON objects are left out."""
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{function}", startTime=self._since
        )
        found = [
            LogLine(function, event.get("timestamp", 0), fields)
            for page in pages
            for event in page["events"]
            if (fields := fields_of(event.get("message", ""))) is not None
        ]
        return sorted(found, key=lambda line: line.at)


METRICS = "_aws"
"""The field of a line that is not for people: an embedded metric."""

TOLD = ("errorCategory", "errorType", "errorMessage", "exception_name", "reason")
"""The fields that say what an event was about, where a line has them."""


@dataclass(frozen=True)
class Entry:
    """One line as it was written, by whom, and when (epoch milliseconds). `id` is CloudWatch's."""

    function: str
    at: int
    id: str
    text: str

    @cached_property
    def fields(self) -> dict[str, Any]:
        """What a structured line holds; empty for the runtime's own lines."""
        return fields_of(self.text) or {}

    @property
    def event(self) -> str:
        """What happened: the event's name, or the message."""
        return str(self.fields.get("event") or self.fields.get("message", ""))

    @property
    def level(self) -> str:
        """INFO, ERROR and so on; empty for the runtime's own lines."""
        return str(self.fields.get("level", ""))

    @property
    def order(self) -> str:
        """The order that the line is about, if it is about one."""
        return str(self.fields.get("orderId") or "")

    @property
    def what(self) -> str:
        """What it was about, in a few words; the whole of a line that is not structured."""
        if not self.fields:
            return self.text
        return " ".join(str(self.fields[name]) for name in TOLD if self.fields.get(name))


def functions(pipeline: Pipeline) -> list[str]:
    """The functions that have written anything, or may, by the names that the stacks give them."""
    client: CloudWatchLogsClient = pipeline.aws.client("logs")
    before = _group(pipeline, "")
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=before)
    return [
        group.get("logGroupName", "").removeprefix(before) for page in pages for group in page["logGroups"]
    ]


def entries(pipeline: Pipeline, names: Collection[str], since: int, contains: str = "") -> list[Entry]:
    """The lines that these functions have written since a moment (epoch milliseconds) and that hold a text, in order.

    Embedded metrics are left out.
    """
    client: CloudWatchLogsClient = pipeline.aws.client("logs")
    found = [
        Entry(name, event.get("timestamp", 0), event.get("eventId", ""), event.get("message", "").strip())
        for name in names
        for page in client.get_paginator("filter_log_events").paginate(
            logGroupName=_group(pipeline, name), startTime=since
        )
        for event in page["events"]
        if contains in event.get("message", "")
    ]
    return sorted((entry for entry in found if METRICS not in entry.fields), key=lambda entry: entry.at)


def _group(pipeline: Pipeline, function: str) -> str:
    return f"/aws/lambda/{pipeline.stack.prefix}-{function}"
