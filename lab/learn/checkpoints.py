"""The kinds of checkpoints, each of which looks at what the pipeline left behind since a module was begun.

A kind answers whether it has happened, and what was seen. Its keyword arguments are those that a module's file gives.
"""

import inspect
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.common import paths
from lab.common.progress import Area, Progress
from lab.errors import LabError
from lab.learn.module import Checkpoint
from lab.pipeline.observe import Pipeline, fields_of
from lab.trace.collector import NAME

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass(frozen=True)
class Looked:
    """Whether it has happened, and what was seen instead or as well."""

    passed: bool
    seen: str


@dataclass(frozen=True)
class Since:
    """Where to look, from when on (epoch milliseconds), and what a person typed."""

    pipeline: Pipeline
    at: int
    progress: Progress
    typed: str = ""


def orders(since: Since, *, least: int) -> Looked:
    """At least so many orders were accepted and have their effect (DynamoDB)."""
    done = [effect for effect in since.pipeline.effects() if effect.accepted_at >= since.at]
    return _at_least(len(done), least, "orders processed")


def logged(
    since: Since, *, function: str, event: str, least: int = 1, fields: Mapping[str, str] | None = None
) -> Looked:
    """At least so many lines of a function tell of an event, about different orders (FilterLogEvents)."""
    return _at_least(
        len(_lines(since, function, event, fields or {})), least, f"{event} logged by {function}"
    )


def message(since: Since) -> Looked:
    """What was typed is the message id under which an order was accepted (FilterLogEvents)."""
    if not since.typed:
        return Looked(passed=False, seen="nothing was typed")
    if not NAME.fullmatch(since.typed):
        return Looked(passed=False, seen="that is not a message id")
    found = _lines(since, "ingest", "order.accepted", {"messageId": since.typed})
    known = (
        "the message of " + ", ".join(found)
        if found
        else "no order was accepted under this id since you began"
    )
    return Looked(bool(found), known)


def rang(since: Since, *, alarm: str) -> Looked:
    """An alarm went to ALARM (DescribeAlarmHistory)."""
    cloudwatch: CloudWatchClient = since.pipeline.aws.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=f"{since.pipeline.stack.prefix}-{alarm}", HistoryItemType="StateUpdate"
    )
    states = [
        json.loads(item.get("HistoryData") or "{}").get("newState", {}).get("stateValue")
        for page in pages
        for item in page["AlarmHistoryItems"]
        if item["Timestamp"].timestamp() * 1000 >= since.at  # pyright: ignore[reportTypedDictNotRequiredAccess]
    ]
    return Looked(
        "ALARM" in states, f"{alarm}: {', '.join(map(str, reversed(states))) or 'no change of state'}"
    )


def quiet(since: Since) -> Looked:
    """Queue and DLQ are empty (GetQueueAttributes)."""
    waiting, dead = since.pipeline.queue().total, since.pipeline.dlq().total
    return Looked(waiting + dead == 0, f"{waiting} in the queue, {dead} in the DLQ")


def kept(since: Since, *, row: str, least: int, time_field: str) -> Looked:
    """At least so many rows of a kind were written to the redrive table (Scan): `group` notes, `discard`s."""
    times = (int(item.get(time_field, {}).get("N", 0)) for item in since.pipeline.redrive_rows(row))
    return _at_least(sum(at >= since.at for at in times), least, f"{row} rows")


def done(since: Since, *, area: Area, did: str, least: int = 1) -> Looked:
    """So many different things of an area were done (what the lab notes of a person: lab/common/progress.py)."""
    names = {step.name for step in since.progress.steps(area) if step.did == did and step.at >= since.at}
    return _at_least(len(names), least, f"{area}s {did}", names)


def reported(since: Since, *, run: str) -> Looked:
    """A run whose name begins so has a report; `*` in it stands for anything."""
    runs: list[str] = []
    for file in paths.REPORTS.glob(f"{run}*/report.json"):
        report: dict[str, Any] = json.loads(file.read_text())
        timeline: dict[str, Any] = report.get("timeline") or {}
        if timeline.get("started", 0) * 1000 >= since.at:
            runs.append(report["name"])
    return _at_least(len(runs), 1, f"runs of {run}", runs)


def synthesized(since: Since) -> Looked:
    """The templates for AWS were made."""
    manifest = paths.AWS_ASSEMBLY / "manifest.json"
    made = manifest.stat().st_mtime * 1000 if manifest.exists() else 0
    ago = f"made {round(time.time() - made / 1000)} s ago" if made else "not made yet"
    return Looked(made >= since.at, ago)


KINDS: Mapping[str, Callable[..., Looked]] = {
    kind.__name__: kind for kind in (orders, logged, message, rang, quiet, kept, done, reported, synthesized)
}


def look(checkpoint: Checkpoint, since: Since) -> Looked:
    """Whether a checkpoint has been reached."""
    return require_known(checkpoint)(since, **checkpoint.given)


def require_known(checkpoint: Checkpoint) -> Callable[..., Looked]:
    """The kind of a checkpoint. Raises LabError where there is none, or where it takes other arguments."""
    kind = KINDS.get(checkpoint.kind)
    try:
        if kind:
            inspect.signature(kind).bind(None, **checkpoint.given)
            return kind
    except TypeError as error:
        raise LabError(
            f"The checkpoint {checkpoint.name} is not right: {error}.", "Mend the module's file."
        ) from error
    raise LabError(
        f"The checkpoint {checkpoint.name} is of no kind there is: {checkpoint.kind}.",
        f"It is one of: {', '.join(KINDS)}",
    )


def _lines(since: Since, function: str, event: str, fields: Mapping[str, str]) -> dict[str, None]:
    """What lines of an event are about: their orders, or each line by itself where it names none."""
    logs: CloudWatchLogsClient = since.pipeline.aws.client("logs")
    conditions = [f'$.{name} = "{value}"' for name, value in {"event": event, **fields}.items()]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{since.pipeline.stack.prefix}-{function}",
        startTime=since.at,
        filterPattern=f"{{ {' && '.join(f'({condition})' for condition in conditions)} }}",
    )
    return {
        str((fields_of(line.get("message", "")) or {}).get("orderId") or line.get("eventId")): None
        for page in pages
        for line in page["events"]
    }


def _at_least(number: int, least: int, what: str, names: Any = ()) -> Looked:
    told = f"{number} of {least} {what}"
    return Looked(number >= least, f"{told}: {', '.join(sorted(names))}" if names else told)
