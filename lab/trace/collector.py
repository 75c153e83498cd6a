"""Collecting: log lines found by correlation id, the order's row, its dead letters, redrives and spans.

Logs are searched with FilterLogEvents, in three steps: lines that carry the name, lines that carry the correlation ids
found there, and what Lambda itself wrote about the invocations that those lines came from.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.publish.envelope import Envelope
from functions.publish.packing import pack
from functions.redrive.audit import storable
from functions.redrive.kinds import DISCARD_KIND
from lab.dlq.browser import DlqBrowser
from lab.errors import LabError
from lab.pipeline.observe import Effect, Pipeline, fields_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sns import SNSClient

FUNCTIONS = ("ingest", "worker", "redrive")
NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
"""An order, correlation or message id: printable ASCII without quotes and backslashes, which a filter pattern needs."""

MOST_LETTERS = 1000
PATTERN_LENGTH = 1000
"""A filter pattern has at most 1,024 characters (CloudWatch Logs quotas)."""

SPAN = "span"
"""The `event` of a log line that is a span (functions/tracing)."""

_FIGURES = {
    "duration": re.compile(r"\tDuration: ([0-9.]+) ms"),
    "init": re.compile(r"\tInit Duration: ([0-9.]+) ms"),
    "status": re.compile(r"\tStatus: (\w+)"),
}


@dataclass(frozen=True)
class Line:
    """One structured log line: who wrote it, when (epoch milliseconds), its fields and its text."""

    function: str
    at: int
    fields: dict[str, Any]
    text: str

    def get(self, name: str) -> str:
        """A field as text; empty where there is none."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    @property
    def event(self) -> str:
        return self.get("event")

    @property
    def request_id(self) -> str:
        """The invocation that wrote it."""
        return self.get("function_request_id")


@dataclass
class Invocation:
    """What Lambda wrote about one invocation. Times are epoch milliseconds, durations milliseconds."""

    began: int | None = None
    ended: int | None = None
    duration: float | None = None
    init: float | None = None
    status: str = ""

    @property
    def received(self) -> int | None:
        """When it was asked for: Lambda logs its START after a cold start."""
        return None if self.began is None else self.began - round(self.init or 0)


@dataclass(frozen=True)
class Span:
    """One span: `start` in epoch milliseconds, `duration` in milliseconds; `links` are span ids."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    start: float
    duration: float
    failed: bool
    order_id: str
    attributes: dict[str, Any]
    links: tuple[str, ...] = ()


@dataclass
class Evidence:
    """Everything that was found about one order."""

    order_id: str
    lines: list[Line] = field(default_factory=list[Line])
    invocations: dict[str, Invocation] = field(default_factory=dict[str, Invocation])
    requests: dict[str, Line] = field(default_factory=dict[str, Line])
    effect: Effect | None = None
    row: dict[str, Any] = field(default_factory=dict[str, Any])
    letters: list[Envelope] = field(default_factory=list[Envelope])
    operations: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    discards: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    events: list[Line] = field(default_factory=list[Line])
    subscribers: tuple[str, ...] = ()
    spans: list[Span] = field(default_factory=list[Span])

    @property
    def correlation_ids(self) -> list[str]:
        """Those of every submission of the order, the oldest first."""
        return list(
            dict.fromkeys(line.get("correlation_id") for line in self.lines if line.get("correlation_id"))
        )


def collect(pipeline: Pipeline, name: str, since: int) -> Evidence:
    """Everything known of an order by its id, or by a correlation or message id. `since` is epoch milliseconds.

    Raises LabError where the name is none, names several orders, or nothing at all.
    """
    if not NAME.fullmatch(name):
        raise LabError(
            f"{name!r} is not an id.", "Give an orderId, correlationId or messageId as the API answered it."
        )
    logs = _Logs(pipeline, since)
    named = logs.lines(
        f'($.orderId = "{name}") || ($.correlation_id = "{name}")', f'($.messageId = "{name}")'
    )
    order_id, letters = _order_named(pipeline, name, named)
    evidence = Evidence(order_id, letters=letters)
    evidence.effect, evidence.row = _effect(pipeline, order_id)
    found = {line.get("correlation_id"): None for line in named if line.get("orderId") in ("", order_id)}
    found |= {envelope.correlation_id: None for envelope in letters}
    wanted = [correlation_id for correlation_id in found if correlation_id and NAME.fullmatch(correlation_id)]
    everything = logs.lines(
        *(f'($.orderId = "{one}")' for one in (order_id,) if NAME.fullmatch(one)),
        *(f'($.correlation_id = "{correlation_id}")' for correlation_id in wanted),
    )
    # A batch request gives all its orders one correlation id: lines of the others are none of this order's.
    mine = [line for line in everything if line.get("orderId") in ("", order_id)]
    evidence.lines = [line for line in mine if line.event not in ("", SPAN)]
    evidence.spans = _spans(logs, mine, order_id)
    evidence.invocations = logs.invocations({line.request_id for line in evidence.lines})
    evidence.requests = logs.requests({line.get("apiRequestId") for line in evidence.lines})
    evidence.operations = _operations(pipeline, {line.get("operationId") for line in evidence.lines})
    evidence.discards = _discards(pipeline, order_id)
    evidence.events = logs.events(order_id) if NAME.fullmatch(order_id) else []
    evidence.subscribers = _subscribers(pipeline)
    if not (evidence.lines or evidence.effect or evidence.letters or evidence.discards):
        raise LabError(
            f"Nothing is known of {name}: no log line, no row, no dead letter.",
            "Check the id and the environment (--env); for an older order look further back (--hours).",
        )
    return evidence


def _order_named(pipeline: Pipeline, name: str, named: list[Line]) -> tuple[str, list[Envelope]]:
    """The order a name stands for, and its dead letters.

    The DLQ is looked into only for orders without effect: SQS has no look that costs no receive.
    """
    orders = {line.get("orderId") for line in named if line.get("orderId")}
    if len(orders) > 1:
        some = ", ".join(sorted(orders)[:5])
        raise LabError(
            f"{name} stands for {len(orders)} orders of one batch.", f"Trace one of them, such as {some}"
        )
    order_id = orders.pop() if orders else name
    if _effect(pipeline, order_id)[0] is not None or pipeline.dlq().total == 0:
        return order_id, []
    seen = DlqBrowser(pipeline).browse(MOST_LETTERS).envelopes
    letters = [
        envelope
        for envelope in seen
        if order_id in (envelope.order_id, envelope.correlation_id, envelope.message_id)
    ]
    return next((envelope.order_id for envelope in letters if envelope.order_id), order_id), letters


class _Logs:
    """Searches of the pipeline's log groups."""

    def __init__(self, pipeline: Pipeline, since: int) -> None:
        self._client: CloudWatchLogsClient = pipeline.aws.client("logs")
        self._prefix = pipeline.stack.prefix
        self._since = since

    def lines(self, *conditions: str) -> list[Line]:
        """Structured lines of the functions for which any of the conditions holds, oldest first."""
        found: dict[tuple[str, int, str], Line] = {}
        for some in _short_enough(conditions):
            pattern = f"{{ {' || '.join(some)} }}"
            for function in FUNCTIONS:
                for at, text in self._search(f"/aws/lambda/{self._prefix}-{function}", pattern):
                    if (fields := fields_of(text)) is not None:
                        found[(function, at, text)] = Line(function, at, fields, text.strip())
        return sorted(found.values(), key=lambda line: line.at)

    def invocations(self, request_ids: Iterable[str]) -> dict[str, Invocation]:
        """What Lambda wrote about invocations, by their request ids."""
        phrases = [
            f'?"{platform} RequestId: {request_id}"'
            for request_id in request_ids
            if request_id
            for platform in ("START", "REPORT")
        ]
        found: dict[str, Invocation] = {}
        for some in _short_enough(phrases):
            for function in FUNCTIONS:
                for at, text in self._search(f"/aws/lambda/{self._prefix}-{function}", " ".join(some)):
                    _note(found.setdefault(text.split()[2], Invocation()), at, text)
        return found

    def requests(self, request_ids: Iterable[str]) -> dict[str, Line]:
        """Lines of the API's access log by request id."""
        wanted = [f'($.requestId = "{request_id}")' for request_id in request_ids if request_id]
        found: dict[str, Line] = {}
        for some in _short_enough(wanted):
            for at, text in self._search(f"/aws/vendedlogs/{self._prefix}-api", f"{{ {' || '.join(some)} }}"):
                if (fields := fields_of(text)) is not None:
                    found[str(fields.get("requestId"))] = Line("api", at, fields, text.strip())
        return found

    def events(self, order_id: str) -> list[Line]:
        """Events about the order that came through the rule; they are logged where tracing is deployed."""
        return [
            Line("events", at, fields, text.strip())
            for at, text in self._search(
                f"/aws/events/{self._prefix}", f'{{ $.detail.orderId = "{order_id}" }}'
            )
            if (fields := fields_of(text)) is not None
        ]

    def _search(self, group: str, pattern: str) -> Iterator[tuple[int, str]]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=self._since, filterPattern=pattern
        )
        try:
            for page in pages:
                for event in page["events"]:
                    yield event.get("timestamp", 0), event.get("message", "")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise


def _short_enough(parts: Iterable[str]) -> list[list[str]]:
    """Parts of patterns, as many together as one pattern may have."""
    return pack(
        parts, lambda part: len(part) + len(" || "), max_bytes=PATTERN_LENGTH, max_entries=100
    ).batches


def _note(invocation: Invocation, at: int, text: str) -> None:
    if text.startswith("START"):
        invocation.began = at
        return
    seen = {name: found[1] for name, figure in _FIGURES.items() if (found := figure.search(text))}
    invocation.ended = at
    invocation.duration = float(seen["duration"]) if "duration" in seen else None
    invocation.init = float(seen["init"]) if "init" in seen else None
    invocation.status = seen.get("status", "")


def _spans(logs: _Logs, mine: list[Line], order_id: str) -> list[Span]:
    """The spans of the order's traces, and of the invocations that worked on it, without those of other orders."""
    own = [line for line in mine if line.event == SPAN]
    if not own:
        return []
    traces = {line.get("traceId") for line in own}
    invocations = {line.request_id for line in mine if line.request_id}
    found = logs.lines(
        *(f'($.traceId = "{trace_id}")' for trace_id in traces),
        *(
            f'(($.event = "{SPAN}") && ($.function_request_id = "{invocation}"))'
            for invocation in invocations
        ),
    )
    spans = {one.span_id: one for one in (_span(line) for line in found if line.event == SPAN)}

    def others(span: Span) -> bool:
        """Whether it, or what it is part of, is about another order."""
        if span.order_id:
            return span.order_id != order_id
        parent = spans.get(span.parent_id)
        return parent is not None and others(parent)

    return sorted((span for span in spans.values() if not others(span)), key=lambda span: span.start)


def _span(line: Line) -> Span:
    fields = line.fields
    return Span(
        trace_id=line.get("traceId"),
        span_id=line.get("spanId"),
        parent_id=line.get("parentSpanId"),
        name=line.get("name"),
        service=line.get("service"),
        start=float(fields.get("startMs", 0)),
        duration=float(fields.get("durationMs", 0)),
        failed=fields.get("status") == "ERROR",
        order_id=line.get("orderId"),
        attributes=fields.get("attributes", {}),
        links=tuple(str(link.get("spanId")) for link in fields.get("links", [])),
    )


def _effect(pipeline: Pipeline, order_id: str) -> tuple[Effect | None, dict[str, Any]]:
    """The order's effect, and its row as it stands."""
    if not NAME.fullmatch(order_id):
        return (
            None,
            {},
        )  # a dead letter can name an order as the API would not: none of that id has been accepted
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
    item = dynamodb.get_item(
        TableName=pipeline.stack.orders_table_name, Key={"orderId": {"S": order_id}}, ConsistentRead=True
    ).get("Item", {})
    return Effect.from_item(item) if item else None, _plain(item)


def _operations(pipeline: Pipeline, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Redrive operations by id: who asked for each, and how it ended."""
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
    found: dict[str, dict[str, Any]] = {}
    for one in filter(None, ids):
        item: Any = dynamodb.get_item(
            TableName=pipeline.stack.redrive_table_name, Key={"id": {"S": one}}, ConsistentRead=True
        ).get("Item", {})
        found[one] = {name: item[name].get("S", "") for name in ("requestedBy", "status") if name in item}
    return found


def _discards(pipeline: Pipeline, order_id: str) -> list[dict[str, Any]]:
    found = (_plain(item) for item in pipeline.redrive_rows(DISCARD_KIND))
    return [row for row in found if row.get("orderId") == storable(order_id)]


def _plain(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A row without DynamoDB's types; numbers stay as they are written."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _subscribers(pipeline: Pipeline) -> tuple[str, ...]:
    """The protocols of those who read the topic of outcomes."""
    sns: SNSClient = pipeline.aws.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(
        TopicArn=pipeline.stack.order_events_topic_arn
    )
    return tuple(
        sorted(subscription.get("Protocol", "") for page in pages for subscription in page["Subscriptions"])
    )
