"""CloudWatch Logs: moto keeps groups, streams and events; what reads or counts them is this distribution's."""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these take what they use.

import threading
import time
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.logs import (
    InvalidParameterException,
    LogsApi,
    MalformedQueryException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from localstack.services.logs.models import get_moto_logs_backend, logs_stores
from localstack.services.logs.provider import LogsProvider
from localstack.services.moto import call_moto
from localstack.state import StateVisitor
from localstack.utils.aws.arns import log_group_arn
from moto.logs.models import LogEvent, LogGroup, LogsBackend

from lab_localstack import documents
from lab_localstack.logs.emf import embedded_metrics
from lab_localstack.logs.insights import Event, MalformedQueryError, run
from lab_localstack.logs.line import LogLine
from lab_localstack.logs.metric_filters import checked, require_pattern
from lab_localstack.logs.models import STORES, LogsStore
from lab_localstack.logs.retention import forget_oldest
from lab_localstack.metrics import publish

MAX_EVENTS = 10_000
MAX_BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26
DAY = 86_400_000
PAST = 14 * DAY
FUTURE = 2 * 3_600_000
PAGE_EVENTS = 10_000
PAGE_GROUPS = 50
KEPT_QUERIES = 100
SEQUENCE_DIGITS = 56
RETENTIONS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]
"""Days that PutRetentionPolicy takes."""


class LabLogsProvider(LogsProvider):
    """Writes go to moto's streams directly; metric filters and EMF are evaluated in the same call."""

    def __init__(self) -> None:
        LogsApi.__init__(self)
        self._writing = threading.Lock()

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        super().accept_state_visitor(visitor)
        visitor.visit(STORES)

    # Events

    def put_log_events(
        self, context: RequestContext, log_group_name: str, log_stream_name: str, log_events: Any, **_: Any
    ) -> Any:
        group = _group(context, log_group_name)
        stream = group.streams.get(log_stream_name)
        if stream is None:
            raise ResourceNotFoundException("The specified log stream does not exist.")
        accepted, rejected = _accepted(log_events)
        with self._writing:
            if accepted:
                stream.put_log_events(accepted)
            token = f"{stream.upload_sequence_token:056d}"
            forget_oldest(group)
        response: dict[str, Any] = {"nextSequenceToken": token}
        if rejected:
            response["rejectedLogEventsInfo"] = rejected
        lines = [(LogLine(event["message"]), event["timestamp"] / 1000) for event in accepted]
        account, region = context.account_id, context.region
        for metric_filter in list(_store(context).metric_filters.get(log_group_name, {}).values()):
            metric_filter.apply(lines, account, region)
        for line, _at in lines:
            for metric in embedded_metrics(line):
                for value in metric.values:
                    publish(
                        metric.namespace,
                        metric.name,
                        value,
                        metric.unit,
                        metric.dimensions,
                        account,
                        region,
                        at=metric.at,
                    )
        return response

    @handler("FilterLogEvents", expand=False)
    def filter_log_events(self, context: RequestContext, request: Any) -> Any:
        group = _group(context, _named(request))
        names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
        if names and prefix:
            raise InvalidParameterException("logStreamNames and logStreamNamePrefix are mutually exclusive.")
        if unknown := [name for name in names or () if name not in group.streams]:
            raise ResourceNotFoundException(f"The specified log stream does not exist: {unknown[0]}")
        pattern = require_pattern(request.get("filterPattern") or "")
        after = _position(request.get("nextToken"))
        limit = request.get("limit") or PAGE_EVENTS
        found = sorted(
            (
                (event.timestamp, event.event_id, name, event)
                for name, event in _events(
                    group, names, prefix, request.get("startTime"), request.get("endTime")
                )
                if (event.timestamp, event.event_id) > after and pattern.matches(LogLine(event.message))
            ),
            key=lambda entry: entry[:2],
        )
        page = found[:limit]
        response: dict[str, Any] = {
            "events": [event.to_filter_dict() | {"logStreamName": name} for _, _, name, event in page],
            "searchedLogStreams": [],
        }
        if len(found) > limit:
            response["nextToken"] = f"{page[-1][0]}/{page[-1][1]}"
        return response

    # Groups

    @handler("DescribeLogGroups", expand=False)
    def describe_log_groups(self, context: RequestContext, request: Any) -> Any:
        prefix, part = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
        if prefix and part:
            raise InvalidParameterException(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        filters = _store(context).metric_filters
        found = [
            _described(group) | {"metricFilterCount": len(filters.get(name, {})), "logGroupClass": "STANDARD"}
            for name, group in sorted(_backend(context).groups.items())
            if name.startswith(prefix or "") and (not part or part.lower() in name.lower())
        ]
        token = request.get("nextToken") or "0"
        if not token.isdecimal():
            raise InvalidParameterException("The specified nextToken is invalid.")
        start, end = int(token), int(token) + (request.get("limit") or PAGE_GROUPS)
        return {"logGroups": found[start:end], **({"nextToken": str(end)} if end < len(found) else {})}

    def delete_log_group(self, context: RequestContext, log_group_name: str, **_: Any) -> None:
        call_moto(context)
        _store(context).metric_filters.pop(log_group_name, None)

    def put_retention_policy(
        self, context: RequestContext, log_group_name: str, retention_in_days: int, **_: Any
    ) -> None:
        _group(context, log_group_name)
        if retention_in_days not in RETENTIONS:
            raise InvalidParameterException(
                f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to satisfy "
                f"constraint: Member must satisfy enum value set: {RETENTIONS}"
            )
        call_moto(context)

    def tag_resource(self, context: RequestContext, resource_arn: str, tags: Any, **kwargs: Any) -> None:
        """LocalStack loses the first tags of a group that was made without any."""
        logs_stores[context.account_id][context.region].TAGS.setdefault(resource_arn, {})
        super().tag_resource(context, resource_arn, tags, **kwargs)

    def tag_log_group(self, context: RequestContext, log_group_name: str, tags: Any, **_: Any) -> None:
        """The older operation of the same."""
        _group(context, log_group_name)
        arn = log_group_arn(log_group_name, context.account_id, context.region)
        self.tag_resource(context, arn, tags)

    def list_tags_log_group(self, context: RequestContext, log_group_name: str, **kwargs: Any) -> Any:
        _group(context, log_group_name)
        return super().list_tags_log_group(context, log_group_name, **kwargs)

    # Streams

    def create_log_stream(
        self, context: RequestContext, log_group_name: str, log_stream_name: str, **_: Any
    ) -> None:
        if log_stream_name in _group(context, log_group_name).streams:
            raise ResourceAlreadyExistsException("The specified log stream already exists")
        call_moto(context)

    def delete_log_stream(
        self, context: RequestContext, log_group_name: str, log_stream_name: str, **_: Any
    ) -> None:
        if log_stream_name not in _group(context, log_group_name).streams:
            raise ResourceNotFoundException("The specified log stream does not exist.")
        call_moto(context)

    @handler("DescribeLogStreams", expand=False)
    def describe_log_streams(self, context: RequestContext, request: Any) -> Any:
        answer: Any = super().describe_log_streams(context, request)
        for stream in answer["logStreams"]:
            stream["storedBytes"] = 0  # always, for a stream: AWS stopped counting in 2019
            if token := stream.get("uploadSequenceToken"):
                stream["uploadSequenceToken"] = token.zfill(SEQUENCE_DIGITS)
        return answer

    # Metric filters

    @handler("PutMetricFilter", expand=False)
    def put_metric_filter(self, context: RequestContext, request: Any) -> None:
        group = _group(context, request["logGroupName"]).name
        metric_filter = checked(
            request["filterName"], group, request["filterPattern"], request["metricTransformations"]
        )
        _store(context).metric_filters.setdefault(group, {})[metric_filter.name] = metric_filter

    @handler("DescribeMetricFilters", expand=False)
    def describe_metric_filters(self, context: RequestContext, request: Any) -> Any:
        group, prefix = request.get("logGroupName"), request.get("filterNamePrefix")
        name, namespace = request.get("metricName"), request.get("metricNamespace")
        if bool(name) != bool(namespace):
            raise InvalidParameterException("metricName and metricNamespace must be given together.")
        if group:
            _group(context, group)
        found = [
            metric_filter.described()
            for of_group, filters in list(_store(context).metric_filters.items())
            if not group or of_group == group
            for metric_filter in list(filters.values())
            if metric_filter.name.startswith(prefix or "")
            and (not name or metric_filter.transformation["metricName"] == name)
            and (not namespace or metric_filter.transformation["metricNamespace"] == namespace)
        ]
        return {"metricFilters": sorted(found, key=lambda shown: shown["filterName"])}

    def delete_metric_filter(
        self, context: RequestContext, log_group_name: str, filter_name: str, **_: Any
    ) -> None:
        _group(context, log_group_name)
        if _store(context).metric_filters.get(log_group_name, {}).pop(filter_name, None) is None:
            raise ResourceNotFoundException("The specified metric filter does not exist.")

    def test_metric_filter(
        self, context: RequestContext, filter_pattern: str, log_event_messages: list[str], **_: Any
    ) -> Any:
        del context
        pattern = require_pattern(filter_pattern)
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
                for number, message in enumerate(log_event_messages, 1)
                if pattern.matches(LogLine(message))
            ]
        }

    # Query definitions

    @handler("PutQueryDefinition", expand=False)
    def put_query_definition(self, context: RequestContext, request: Any) -> Any:
        definitions = _store(context).definitions
        identifier = request.get("queryDefinitionId") or str(uuid.uuid4())
        if request.get("queryDefinitionId") and identifier not in definitions:
            raise ResourceNotFoundException("The specified query definition does not exist.")
        definitions[identifier] = {
            "queryDefinitionId": identifier,
            "name": request["name"],
            "queryString": request["queryString"],
            "logGroupNames": request.get("logGroupNames") or [],
            "lastModified": int(time.time() * 1000),
        }
        return {"queryDefinitionId": identifier}

    def describe_query_definitions(
        self, context: RequestContext, query_definition_name_prefix: str | None = None, **_: Any
    ) -> Any:
        found = [
            definition
            for definition in list(_store(context).definitions.values())
            if definition["name"].startswith(query_definition_name_prefix or "")
        ]
        return {"queryDefinitions": found}

    def delete_query_definition(self, context: RequestContext, query_definition_id: str, **_: Any) -> Any:
        if _store(context).definitions.pop(query_definition_id, None) is None:
            raise ResourceNotFoundException("The specified query definition does not exist.")
        return {"success": True}

    # Queries

    @handler("StartQuery", expand=False)
    def start_query(self, context: RequestContext, request: Any) -> Any:
        if request.get("queryLanguage", "CWLI") != "CWLI":
            raise InvalidParameterException("Only the query language CWLI is supported.")
        given = [
            *([request["logGroupName"]] if request.get("logGroupName") else []),
            *(request.get("logGroupNames") or []),
            *(request.get("logGroupIdentifiers") or []),
        ]
        if not given:
            raise InvalidParameterException("A query needs at least one log group.")
        groups = [_group(context, group_name(identifier)) for identifier in given]
        start, end = request["startTime"] * 1000, request["endTime"] * 1000 + 999
        if start > end:
            raise InvalidParameterException("Query's start date should be less than or equal to end date.")
        events = [
            Event(e.message, e.timestamp, e.ingestion_time, stream, group.name, str(e.event_id))
            for group in groups
            for stream, e in _events(group, None, None, start, end)
        ]
        query = request["queryString"]
        try:
            result = run(query, events, request.get("limit"))
        except MalformedQueryError as error:
            raise _malformed(query, error) from error
        queries = _store(context).queries
        identifier = str(uuid.uuid4())
        queries[identifier] = {
            "created": int(time.time() * 1000),
            "query": query,
            "groups": [group.name for group in groups],
            "rows": result.rows,
            "statistics": {
                "recordsMatched": float(result.matched),
                "recordsScanned": float(len(events)),
                "bytesScanned": float(sum(len(event.message) for event in events)),
            },
        }
        while len(queries) > KEPT_QUERIES:
            queries.popitem(last=False)
        return {"queryId": identifier}

    def get_query_results(self, context: RequestContext, query_id: str, **_: Any) -> Any:
        query = _store(context).queries.get(query_id)
        if query is None:
            raise ResourceNotFoundException("The specified query does not exist.")
        rows = [[{"field": field, "value": value} for field, value in row] for row in query["rows"]]
        return {
            "results": rows,
            "statistics": query["statistics"],
            "status": "Complete",
            "queryLanguage": "CWLI",
        }

    def stop_query(self, context: RequestContext, query_id: str, **_: Any) -> Any:
        if query_id not in _store(context).queries:
            raise ResourceNotFoundException("The specified query does not exist.")
        raise InvalidParameterException("Query is not in a state where it can be stopped: Complete")

    @handler("DescribeQueries", expand=False)
    def describe_queries(self, context: RequestContext, request: Any) -> Any:
        group, status = request.get("logGroupName"), request.get("status")
        found = [
            {
                "queryId": identifier,
                "queryString": query["query"],
                "status": "Complete",
                "createTime": query["created"],
                "logGroupName": query["groups"][0],
            }
            for identifier, query in reversed(list(_store(context).queries.items()))
            if (not group or group in query["groups"]) and status in (None, "Complete")
        ]
        return {"queries": found[: request.get("maxResults") or 1000]}


def _malformed(query: str, error: MalformedQueryError) -> MalformedQueryException:
    exception = MalformedQueryException(str(error))
    position = error.position if error.position is not None else 0
    exception.queryCompileError = {
        "location": {"startCharOffset": position, "endCharOffset": len(query)},
        "message": str(error),
    }
    return exception


def _backend(context: RequestContext) -> LogsBackend:
    return get_moto_logs_backend(context.account_id, context.region)


def _store(context: RequestContext) -> LogsStore:
    return STORES[context.account_id][context.region]


def _group(context: RequestContext, name: str) -> LogGroup:
    group = _backend(context).groups.get(name)
    if group is None:
        raise ResourceNotFoundException("The specified log group does not exist.")
    return group


def _named(request: Any) -> str:
    """The log group's name, whether given by name or by ARN."""
    given = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not given:
        raise InvalidParameterException(
            "Exactly one of logGroupName or logGroupIdentifier must be specified."
        )
    return group_name(given)


def group_name(identifier: str) -> str:
    """The name in a log group's ARN, or the name itself."""
    return (
        identifier.rsplit(":log-group:", maxsplit=1)[-1].removesuffix(":*")
        if identifier.startswith("arn:")
        else identifier
    )


def _described(group: LogGroup) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "creationTime": group.creation_time,
        "logGroupName": group.name,
        "storedBytes": sum(stream.stored_bytes for stream in list(group.streams.values())),
    }
    if group.retention_in_days:
        shown["retentionInDays"] = group.retention_in_days
    if group.kms_key_id:
        shown["kmsKeyId"] = group.kms_key_id
    return shown


def _events(
    group: LogGroup, names: list[str] | None, prefix: str | None, start: int | None, end: int | None
) -> Iterator[tuple[str, LogEvent]]:
    for name, stream in list(group.streams.items()):
        if (names and name not in names) or (prefix and not name.startswith(prefix)):
            continue
        for event in list(stream.events):
            if (start is None or event.timestamp >= start) and (end is None or event.timestamp <= end):
                yield name, event


def _position(token: str | None) -> tuple[int, int]:
    if not token:
        return -1, -1
    at, _, event = token.partition("/")
    if not (at.isdecimal() and event.isdecimal()):
        raise InvalidParameterException("The specified nextToken is invalid.")
    return int(at), int(event)


def _accepted(events: list[Any]) -> tuple[list[Any], dict[str, int]]:
    """The events that are neither too old nor too new, and what is said of the others."""
    if not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidParameterException(
            f"1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must "
            f"have length less than or equal to {MAX_EVENTS}, Member must have length greater than or equal "
            "to 1"
        )
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise InvalidParameterException(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    if times[-1] - times[0] > DAY:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    size = sum(documents.size(event["message"]) + EVENT_OVERHEAD for event in events)
    if size > MAX_BATCH_BYTES:
        raise InvalidParameterException(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}")
    now = time.time() * 1000
    old = sum(at < now - PAST for at in times)
    new = sum(at > now + FUTURE for at in times)
    rejected: dict[str, int] = {}
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if new:
        rejected["tooNewLogEventStartIndex"] = len(events) - new
    return events[old : len(events) - new], rejected
