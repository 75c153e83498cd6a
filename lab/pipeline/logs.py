"""The functions' structured log lines since a moment."""

import time
from dataclasses import dataclass
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
