"""The last minutes of a pipeline as CloudWatch and Parameter Store have kept them, for charts that have just opened."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lab.pipeline.circuits import circuit_states
from lab.pipeline.metrics import Metric, Query, values
from lab.pipeline.observe import Depth, Pipeline
from lab.pipeline.signals import Percentiles, Rates, Signals, counted, measured

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ssm import SSMClient

PAST_SECONDS = 600
"""As long as the charts show (lab/common/web/charts.js)."""

PERIOD_SECONDS = 10
DEPTHS = {
    "visible": "ApproximateNumberOfMessagesVisible",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
"""The metrics that `Depth` is made of."""

UNKNOWN = "UNKNOWN"
"""What the charts take for no data: nobody keeps what state a circuit had."""


@dataclass(frozen=True)
class Turn:
    """A moment (epoch seconds) at which something went from one state to another."""

    at: float
    before: str
    after: str


def state_at(at: float, turns: Sequence[Turn], now: str) -> str:
    """What state something had at a moment, by its turns in their order; `now` is its state after all of them."""
    return next((turn.before for turn in turns if turn.at > at), now)


def states_within(start: float, end: float, turns: Sequence[Turn], now: str) -> list[str]:
    """What states something had in a stretch of time, in their order."""
    return [state_at(start, turns, now), *(turn.after for turn in turns if start < turn.at <= end)]


def past(pipeline: Pipeline, now: float) -> list[tuple[list[str], dict[str, Any]]]:
    """The failure modes and the signals (as the charts take them) of each period of the last ten minutes, oldest first.

    Each stands at its period's end; a period without data, and the one under way, are left out. Raises botocore's
    errors where the engine does not answer.
    """
    cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
    start = now - now % PERIOD_SECONDS - PAST_SECONDS
    by_period = {
        name: replace(query, period=PERIOD_SECONDS) for name, query in counted(pipeline.stack).items()
    }
    asked = by_period | measured(pipeline.stack, PERIOD_SECONDS) | _depths(pipeline)
    found = values(cloudwatch, asked, start, now)
    alarms, modes = _alarms(pipeline, start, now), _modes(pipeline)
    circuits = dict.fromkeys(circuit_states(pipeline), UNKNOWN)
    mode = pipeline.failure_mode()
    readings: list[tuple[list[str], dict[str, Any]]] = []
    ended = [at for at in sorted(found["queue visible"]) if at + PERIOD_SECONDS <= now]
    for at in ended:
        end = at + PERIOD_SECONDS
        at_end = {name: by_time[at] for name, by_time in found.items() if at in by_time}
        states = {name: state_at(end, turns, state) for name, (state, turns) in alarms.items()}
        signals = _signals(end, at_end, states, circuits)
        readings.append((states_within(at, end, modes, mode), signals.as_json()))
    return readings


def _signals(
    at: float, found: Mapping[str, float], alarms: Mapping[str, str], circuits: Mapping[str, str]
) -> Signals:
    """One reading out of what the metrics say of one period, by the names of their queries."""
    percentiles = [found[name] for name in ("p50", "p95", "p99") if name in found]
    rates = {name: found.get(name, 0.0) / PERIOD_SECONDS for name in Rates.__dataclass_fields__}
    return Signals(
        at=at,
        took=0.0,
        queue=_depth("queue", found),
        dlq=_depth("dlq", found),
        oldest_seconds=found.get("oldest", 0.0),
        rates=Rates(**rates),
        latency=Percentiles(*percentiles) if len(percentiles) == 3 else None,
        circuits=circuits,
        alarms=alarms,
    )


def _depth(queue: str, found: Mapping[str, float]) -> Depth:
    return Depth(**{field: round(found.get(f"{queue} {field}", 0.0)) for field in DEPTHS})


def _depths(pipeline: Pipeline) -> dict[str, Query]:
    names = {"queue": pipeline.stack.queue_name, "dlq": pipeline.stack.dlq_name}
    return {
        f"{queue} {field}": Query(
            Metric("AWS/SQS", metric, (("QueueName", name),)), "Maximum", PERIOD_SECONDS
        )
        for queue, name in names.items()
        for field, metric in DEPTHS.items()
    }


def _alarms(pipeline: Pipeline, start: float, now: float) -> dict[str, tuple[str, list[Turn]]]:
    """Every alarm's state now, and how it came to that since `start`."""
    cloudwatch: CloudWatchClient = pipeline.aws.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate",
        StartDate=datetime.fromtimestamp(start, UTC),
        EndDate=datetime.fromtimestamp(now, UTC),
        ScanBy="TimestampAscending",
    )
    turns: dict[str, list[Turn]] = {}
    for item in (item for page in pages for item in page["AlarmHistoryItems"]):
        turns.setdefault(item.get("AlarmName", ""), []).append(_turn(item))
    return {
        name: (state, turns.get(f"{pipeline.stack.prefix}-{name}", []))
        for name, state in pipeline.alarm_states().items()
    }


def _turn(item: Any) -> Turn:
    data = json.loads(item.get("HistoryData") or "{}")
    before, after = (data.get(name, {}).get("stateValue", "") for name in ("oldState", "newState"))
    return Turn(item["Timestamp"].timestamp(), before, after)


def _modes(pipeline: Pipeline) -> list[Turn]:
    """How the failure mode has changed, by the history of its parameter."""
    ssm: SSMClient = pipeline.aws.client("ssm")
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=pipeline.stack.failure_mode_parameter)
    versions = [version for page in pages for version in page["Parameters"]]
    return list(_turns([(v["LastModifiedDate"].timestamp(), v.get("Value", "none")) for v in versions]))  # pyright: ignore[reportTypedDictNotRequiredAccess]


def _turns(written: Sequence[tuple[float, str]]) -> Iterator[Turn]:
    before = "none"
    for at, value in sorted(written):
        if value != before:
            yield Turn(at, before, value)
        before = value
