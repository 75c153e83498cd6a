"""CloudWatch Logs: writing, filter patterns, metric filters, embedded metrics, query definitions."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.errors import code, refused
from support.metrics import points

pytestmark = pytest.mark.evidence(
    "documented", source="CloudWatch Logs guide, Filter pattern syntax, and API reference"
)


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    """A log group with one stream, `stream`."""
    name = f"/test/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    yield name
    logs.delete_log_group(logGroupName=name)


@pytest.fixture
def namespace() -> str:
    """A metric namespace that no other test uses."""
    return f"Test/{uuid.uuid4().hex[:8]}"


def now() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)


def write(logs: Any, group: str, *messages: str | dict[str, Any], at: int | None = None) -> None:
    """Write messages, dicts as JSON, one millisecond apart."""
    first = at or now()
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    events = [{"timestamp": first + number, "message": text} for number, text in enumerate(texts)]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)


def metric(cloudwatch: Any, namespace: str, name: str, **dimensions: str) -> dict[str, Any] | None:
    """The metric's statistics over the last hour, None without data."""
    found = points(cloudwatch, namespace, name, "Sum", "SampleCount", "Minimum", "Maximum", **dimensions)
    return found[0] if found else None


LINES = [
    "ERROR 400 BAD REQUEST",
    "WARN two words here",
    "ERROR WARN both",
    json.dumps(
        {
            "event": "order.failed",
            "n": 3,
            "ratio": 0.5,
            "text": "404",
            "ok": True,
            "none": None,
            "ip": "123.123.1.2",
            "a": {"b": [{"c": "xyz"}, {"c": "abc"}], "dotted.name": 1},
        }
    ),
    json.dumps({"event": "order.processed", "n": 12, "ok": False}),
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 - peter [10/Oct/2000:13:25:15 -0700] "GET /other HTTP/1.0" 200 7',
]
FAILED, PROCESSED, NOT_FOUND, FOUND = 3, 4, 5, 6
PATTERNS = [
    ("", {0, 1, 2, 3, 4, 5, 6}),
    ('""', {0, 1, 2, 3, 4, 5, 6}),
    ("ERROR", {0, 2}),
    ("error", set()),
    ("ERROR WARN", {2}),
    ("?400 ?two", {0, 1}),
    ("ERROR -WARN", {0}),
    ("-ERROR -frank -peter", {1, FAILED, PROCESSED}),
    ('"BAD REQUEST"', {0}),
    ('"REQUEST BAD"', set()),
    ('-"two words" WARN', {2}),
    ("%ERROR [0-9]{3}%", {0}),
    ('{ $.event = "order.failed" }', {FAILED}),
    ("{ $.event = order.processed }", {PROCESSED}),
    ('{ $.event = "order.*" }', {FAILED, PROCESSED}),
    ('{ $.event != "order.failed" }', {PROCESSED}),
    ("{ $.n = 3 }", {FAILED}),
    ("{ $.n != 3 }", {PROCESSED}),
    ("{ $.n > 3 }", {PROCESSED}),
    ("{ $.n >= 3 }", {FAILED, PROCESSED}),
    ("{ $.n < 12 }", {FAILED}),
    ("{ $.n <= 12 && $.n > 2.5e0 }", {FAILED, PROCESSED}),
    ("{ $.ratio = 0.5 }", {FAILED}),
    ('{ $.text = "404" }', {FAILED}),
    ("{ $.ip = 123.123.* }", {FAILED}),
    ("{ $.a.b[0].c = xyz }", {FAILED}),
    ("{ $.a.b[1].c = xyz }", set()),
    ("{ $.a.b[*].c = abc }", {FAILED}),
    ("{ $.a['dotted.name'] = 1 }", {FAILED}),
    ("{ $.ok IS TRUE }", {FAILED}),
    ("{ $.ok IS FALSE }", {PROCESSED}),
    ("{ $.none IS NULL }", {FAILED}),
    ("{ $.none EXISTS }", {FAILED}),
    ("{ $.a NOT EXISTS }", {PROCESSED}),
    ("{ !($.a NOT EXISTS) }", {FAILED}),
    ('{ $.event = "order.*" && ($.n >= 12 || !($.ok IS FALSE)) }', {FAILED, PROCESSED}),
    ("{ $.n > 100 || $.n < 5 && $.ok IS FALSE }", set()),
    ("{ $.event = %^order[.]fail% }", {FAILED}),
    ("[ip, id, user, time, request, status, size]", {NOT_FOUND, FOUND}),
    ("[ip, id, user, time, request, status = 404, size]", {NOT_FOUND}),
    ("[ip, id, user = f*, ...]", {NOT_FOUND}),
    ("[..., status = 4* || status = 2*, size > 1000]", {NOT_FOUND}),
    ("[..., size <= 7]", {FOUND}),
    ("[level = ERROR || level = WARN, ...]", {0, 1, 2}),
    ("[a, b, c]", {2}),
    ('[ip, id, user, time, request = "*index*", ...]', {NOT_FOUND}),
    ("[ip = %127%, ...]", {NOT_FOUND, FOUND}),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS, ids=[pattern for pattern, _ in PATTERNS])
def test_a_filter_pattern_selects_exactly_its_events(
    logs: Any, group: str, pattern: str, expected: set[int]
) -> None:
    write(logs, group, *LINES)

    found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]

    assert {LINES.index(event["message"]) for event in found} == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = }",
        "{ $.a = 1",
        "{ a = 1 }",
        '{ $.a > "text" }',
        "{ $.a = 1 and $.b = 2 }",
        "[a, b",
        "[..., a, ...]",
        '"unclosed',
        "not:quoted",
        "%(?=lookahead)%",
        "%unclosed[%",
        "x" * 1025,
    ],
)
def test_an_invalid_filter_pattern_is_refused(logs: Any, group: str, pattern: str) -> None:
    with pytest.raises(ClientError) as error:
        logs.filter_log_events(logGroupName=group, filterPattern=pattern)
    with pytest.raises(ClientError) as in_filter:
        put_filter(logs, group, "Test", pattern)

    assert code(error) == code(in_filter) == "InvalidParameterException"


def put_filter(logs: Any, group: str, namespace: str, pattern: str, **changes: Any) -> None:
    """Put the metric filter `Matched`, which counts 1 for each match."""
    transformation = {"metricName": "Matched", "metricNamespace": namespace, "metricValue": "1"} | changes
    logs.put_metric_filter(
        logGroupName=group,
        filterName="matched",
        filterPattern=pattern,
        metricTransformations=[transformation],
    )


def test_events_are_filtered_by_time_and_stream_and_come_in_pages(logs: Any, group: str) -> None:
    start = now() - 60_000
    write(logs, group, *map(str, range(10)), at=start)
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    logs.put_log_events(
        logGroupName=group, logStreamName="other", logEvents=[{"timestamp": start + 3, "message": "other"}]
    )

    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=start + 2,
        endTime=start + 5,
        PaginationConfig={"PageSize": 2},
    )
    messages = [[event["message"] for event in page["events"]] for page in pages]
    in_other = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="oth")["events"]

    assert messages == [["2", "3"], ["other", "4"], ["5"]]
    assert [event["logStreamName"] for event in in_other] == ["other"]


def test_a_metric_filter_counts_the_matches_in_its_own_group_only(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    other = f"{group}-other"
    logs.create_log_group(logGroupName=other)
    logs.create_log_stream(logGroupName=other, logStreamName="stream")
    put_filter(logs, group, namespace, '{ $.event = "order.failed" }')

    write(logs, group, {"event": "order.failed"}, {"event": "order.processed"}, "order.failed")
    write(logs, group, {"event": "order.failed"})
    write(logs, other, {"event": "order.failed"})
    logs.delete_log_group(logGroupName=other)

    found = metric(cloudwatch, namespace, "Matched")
    assert found
    assert (found["Sum"], found["SampleCount"]) == (2, 2)


def test_a_metric_filter_takes_value_dimensions_and_unit_from_the_event(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    put_filter(
        logs,
        group,
        namespace,
        "{ $.latency = * }",
        metricValue="$.latency",
        unit="Milliseconds",
        dimensions={"Type": "$.error.type"},
    )

    write(logs, group, {"latency": 20, "error": {"type": "A"}}, {"latency": 30.5, "error": {"type": "A"}})
    write(
        logs, group, {"latency": 7, "error": {"type": "B"}}, {"latency": 9}, {"latency": "slow", "error": {}}
    )

    a, b = (metric(cloudwatch, namespace, "Matched", Type=name) for name in ("A", "B"))
    assert a
    assert b
    assert (a["Sum"], a["Maximum"], a["Unit"], b["Sum"]) == (50.5, 30.5, "Milliseconds", 7)
    assert len(cloudwatch.list_metrics(Namespace=namespace)["Metrics"]) == 2


def test_a_metric_filter_takes_a_field_of_a_space_delimited_event(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    put_filter(logs, group, namespace, "[ip, id, user, time, request, status, size]", metricValue="$size")

    write(logs, group, *LINES)

    found = metric(cloudwatch, namespace, "Matched")
    assert found
    assert (found["Sum"], found["SampleCount"]) == (1541, 2)


def test_the_default_value_is_reported_when_nothing_matches(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    put_filter(logs, group, namespace, "ERROR", defaultValue=0)

    write(logs, group, "fine")
    assert (found := metric(cloudwatch, namespace, "Matched"))
    assert (found["Sum"], found["SampleCount"]) == (0, 1)
    write(logs, group, "ERROR", "fine")
    assert (found := metric(cloudwatch, namespace, "Matched"))
    assert (found["Sum"], found["SampleCount"]) == (1, 2)


def test_a_metric_has_the_time_of_its_event(logs: Any, cloudwatch: Any, group: str, namespace: str) -> None:
    put_filter(logs, group, namespace, "old")
    write(logs, group, "old", at=now() - 1_200_000)

    end = datetime.now(UTC) - timedelta(minutes=10)
    found = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Matched",
        StartTime=end - timedelta(minutes=20),
        EndTime=end,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]

    assert [point["Sum"] for point in found] == [1]


def test_metric_filters_are_replaced_listed_and_deleted_by_name(
    logs: Any, group: str, namespace: str
) -> None:
    put_filter(logs, group, namespace, "first")
    put_filter(logs, group, namespace, "second")

    (described,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    by_metric = logs.describe_metric_filters(metricName="Matched", metricNamespace=namespace)["metricFilters"]
    assert described["filterPattern"] == "second"
    assert by_metric == [described]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 1

    logs.delete_metric_filter(logGroupName=group, filterName="matched")
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []
    with refused("ResourceNotFoundException"):
        logs.delete_metric_filter(logGroupName=group, filterName="matched")


@pytest.mark.parametrize(
    "changes",
    [
        {"metricValue": "one"},
        {"dimensions": {"A": "$.a"}, "defaultValue": 0},
        {"dimensions": {"A": "literal"}},
        {"dimensions": dict.fromkeys("ABCD", "$.a")},
    ],
    ids=str,
)
def test_a_metric_filter_that_aws_refuses_is_refused(
    logs: Any, group: str, namespace: str, changes: dict[str, Any]
) -> None:
    with refused("InvalidParameterException"):
        put_filter(logs, group, namespace, "{ $.a = * }", **changes)


def embedded(namespace: str, **changes: Any) -> dict[str, Any]:
    """A valid document in embedded metric format: BatchSize by service and by service and stage."""
    directive = {
        "Namespace": namespace,
        "Dimensions": [["service"], ["service", "stage"]],
        "Metrics": [{"Name": "BatchSize", "Unit": "Count"}],
    }
    document = {
        "_aws": {"Timestamp": now(), "CloudWatchMetrics": [directive | changes.pop("directive", {})]},
        "service": "worker",
        "stage": "dev",
        "BatchSize": [1, 2, 3],
    }
    return document | changes


def test_embedded_metrics_are_published_for_every_dimension_set(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    write(logs, group, embedded(namespace), embedded(namespace, BatchSize=10))

    by_service = metric(cloudwatch, namespace, "BatchSize", service="worker")
    by_both = metric(cloudwatch, namespace, "BatchSize", service="worker", stage="dev")

    assert by_service
    assert by_both
    assert [by_service[key] for key in ("Sum", "SampleCount", "Maximum", "Unit")] == [16, 4, 10, "Count"]
    assert by_both["Sum"] == 16
    assert len(cloudwatch.list_metrics(Namespace=namespace)["Metrics"]) == 2


def test_a_document_may_hold_several_directives_and_none_of_dimensions(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    document = embedded(namespace)
    other = {"Namespace": f"{namespace}/2", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
    document["_aws"]["CloudWatchMetrics"].append(other)
    write(logs, group, document | {"Latency": 2.5})

    found = metric(cloudwatch, f"{namespace}/2", "Latency")
    assert found
    assert (found["Sum"], found["Unit"]) == (2.5, "None")
    assert metric(cloudwatch, namespace, "BatchSize", service="worker")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"BatchSize": "three"}, id="value is text"),
        pytest.param({"BatchSize": [1, "two"]}, id="one value is text"),
        pytest.param({"BatchSize": []}, id="no value"),
        pytest.param({"BatchSize": None}, id="value is null"),
        pytest.param({"service": 7}, id="dimension is a number"),
        pytest.param({"directive": {"Dimensions": [["unknown"]]}}, id="dimension is missing"),
        pytest.param({"directive": {"Dimensions": ["service"]}}, id="dimension set is text"),
        pytest.param(
            {"directive": {"Metrics": [{"Name": "BatchSize", "Unit": "Apples"}]}}, id="unknown unit"
        ),
        pytest.param({"directive": {"Metrics": [{"Name": "Missing"}]}}, id="target is missing"),
        pytest.param({"_aws": {"CloudWatchMetrics": []}}, id="no timestamp"),
    ],
)
def test_an_invalid_embedded_metric_document_publishes_no_metric(
    logs: Any, cloudwatch: Any, group: str, namespace: str, changes: dict[str, Any]
) -> None:
    write(logs, group, embedded(namespace, **changes))

    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []


def test_events_must_be_in_order_within_a_day_and_within_the_limits(logs: Any, group: str) -> None:
    at = now()

    def put(*events: tuple[int, str]) -> dict[str, Any]:
        entries = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        return logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=entries)

    for events in ([(at, "b"), (at - 1, "a")], [(at - 86_400_001, "a"), (at, "b")], [(at, "x" * 1_048_551)]):
        with refused("InvalidParameterException"):
            put(*events)
    too_new = put((at, "kept"), (at + 7_300_000, "too new"))
    too_old = put((at - 15 * 86_400_000, "too old"))

    assert too_new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert too_old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    events = logs.get_log_events(logGroupName=group, logStreamName="stream", startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["kept"]


@pytest.mark.evidence("ours")
def test_a_group_that_outgrows_the_engines_memory_forgets_its_oldest_events(logs: Any, group: str) -> None:
    """32 MB of messages are kept by default: see the emulator's README."""
    logs.create_log_stream(logGroupName=group, logStreamName="quiet")
    logs.put_log_events(
        logGroupName=group, logStreamName="quiet", logEvents=[{"timestamp": now(), "message": "first"}]
    )
    for number in range(33):
        write(logs, group, f"{number} {'x' * 1_000_000}")

    kept = logs.filter_log_events(logGroupName=group)["events"]
    numbers = [int(event["message"].split()[0]) for event in kept]
    assert numbers == list(range(numbers[0], 33))
    assert 15 <= len(numbers) <= 17
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["storedBytes"] == sum(len(event["message"]) for event in kept)


NOTHING: dict[str, Any] = {"logGroupName": "/no/group", "logStreamName": "stream"}
EVENTS = [{"timestamp": now(), "message": "x"}]
FILTER = {
    "filterName": "f",
    "filterPattern": "x",
    "metricTransformations": [{"metricNamespace": "n", "metricName": "m", "metricValue": "1"}],
}


@pytest.mark.parametrize(
    ("operation", "parameters", "what"),
    [
        ("put_log_events", NOTHING | {"logEvents": EVENTS}, "group"),
        ("create_log_stream", NOTHING, "group"),
        ("delete_log_stream", NOTHING, "group"),
        ("filter_log_events", {"logGroupName": "/no/group"}, "group"),
        ("list_tags_log_group", {"logGroupName": "/no/group"}, "group"),
        ("put_metric_filter", {"logGroupName": "/no/group", **FILTER}, "group"),
        ("put_log_events", {"logStreamName": "x", "logEvents": EVENTS}, "stream"),
        ("get_log_events", {"logStreamName": "x"}, "stream"),
        ("delete_log_stream", {"logStreamName": "x"}, "stream"),
    ],
)
def test_a_missing_group_or_stream_is_not_found_and_called_what_it_is(
    logs: Any, group: str, operation: str, parameters: dict[str, Any], what: str
) -> None:
    with refused("ResourceNotFoundException") as error:
        getattr(logs, operation)(**{"logGroupName": group} | parameters)
    assert error.value.response["Error"]["Message"] == f"The specified log {what} does not exist."


@pytest.mark.parametrize("what", ["group", "stream"])
def test_a_group_or_stream_that_exists_already_is_called_what_it_is(logs: Any, group: str, what: str) -> None:
    name = {"logStreamName": "stream"} if what == "stream" else {}
    with refused("ResourceAlreadyExistsException") as error:
        getattr(logs, f"create_log_{what}")(logGroupName=group, **name)
    assert error.value.response["Error"]["Message"] == f"The specified log {what} already exists"


def test_a_stream_shows_no_stored_bytes_and_a_token_of_56_digits(logs: Any, group: str) -> None:
    event = {"timestamp": now(), "message": "x"}
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=[event])
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["storedBytes"] == 0
    assert len(stream["uploadSequenceToken"]) == 56


def test_a_retention_that_aws_does_not_offer_is_refused(logs: Any, group: str) -> None:
    with refused("InvalidParameterException"):
        logs.put_retention_policy(logGroupName=group, retentionInDays=8)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 7


def test_query_definitions_are_kept_by_id(logs: Any) -> None:
    name = f"test/{uuid.uuid4().hex[:8]}"
    identifier = logs.put_query_definition(name=name, queryString="limit 1", logGroupNames=["/a"])[
        "queryDefinitionId"
    ]
    logs.put_query_definition(queryDefinitionId=identifier, name=name, queryString="limit 2")

    (found,) = logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"]
    assert (found["queryDefinitionId"], found["queryString"]) == (identifier, "limit 2")
    assert logs.delete_query_definition(queryDefinitionId=identifier)["success"] is True
    assert logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"] == []


@pytest.mark.evidence("ours")
def test_lines_that_no_filter_can_read_cost_no_other_line_its_metric(
    logs: Any, cloudwatch: Any, group: str, namespace: str
) -> None:
    transformation = {"metricNamespace": namespace, "metricName": "a", "metricValue": "$.a"}
    logs.put_metric_filter(
        logGroupName=group,
        filterName="a",
        filterPattern="{ $.a EXISTS }",
        metricTransformations=[transformation],
    )
    directive = {"Namespace": namespace, "Metrics": [{"Name": "b", "Unit": []}], "Dimensions": [[]]}
    write(
        logs,
        group,
        {"a": 1},
        '{"a":' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"a":' + "9" * 4000 + "}",
        '{"a":"NaN"}',
        '{"a":1e400}',
        '{"a":"\ud800"}',
        "[ " * 50_000,
        {"b": 1, "_aws": {"Timestamp": now(), "CloudWatchMetrics": [directive]}},
        {"a": 2},
    )
    found = metric(cloudwatch, namespace, "a")
    assert found is not None
    assert (found["SampleCount"], found["Sum"]) == (2, 3)
    assert metric(cloudwatch, namespace, "b") is None


@pytest.mark.evidence("recorded", "moto: test_logs_cloudformation test_tagging")
@pytest.mark.parametrize("operation", ["tag_resource", "tag_log_group"])
def test_group_made_without_tags_keeps_its_first_ones(logs: Any, operation: str) -> None:
    name = f"/test/{uuid.uuid4()}"
    logs.create_log_group(logGroupName=name)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    place = {"resourceArn": group["logGroupArn"]} if operation == "tag_resource" else {"logGroupName": name}

    getattr(logs, operation)(**place, tags={"team": "orders"})

    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "orders"}
    logs.delete_log_group(logGroupName=name)
