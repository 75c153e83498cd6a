"""Logs Insights: the part of the query language that the lab uses; anything else is refused."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from support.errors import refused

pytestmark = pytest.mark.evidence("documented", source="CloudWatch Logs guide, Logs Insights query syntax")

START = (int(time.time()) // 60 - 2) * 60_000
"""The start of a minute, in epoch milliseconds."""
ORDERS = [
    {
        "event": "order.failed" if number % 2 else "order.processed",
        "orderId": f"o-{number}",
        "errorType": f"Type{number % 4}" if number % 2 else None,
        "latency": number * 10,
        "cold": number == 0,
        "items": [{"sku": f"s{number}"}],
    }
    for number in range(6)
]
PLAIN = "user=bob method:GET took 12 ms\n"
REPORT = (
    "REPORT RequestId: 11111111-2222-3333-4444-555555555555\tDuration: 12.50 ms\tBilled Duration: 13 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 60 MB\t\n"
)


@pytest.fixture(scope="module")
def group(logs: Any) -> Iterator[str]:
    """A log group with six orders ten seconds apart, then a plain line and a REPORT line of Lambda."""
    name = f"/test/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    texts = [json.dumps({k: v for k, v in order.items() if v is not None}) for order in ORDERS]
    events = [{"timestamp": START + n * 10_000, "message": m} for n, m in enumerate([*texts, PLAIN, REPORT])]
    logs.put_log_events(logGroupName=name, logStreamName="stream", logEvents=events)
    yield name
    logs.delete_log_group(logGroupName=name)


def query(logs: Any, group: str, text: str, **options: Any) -> dict[str, Any]:
    times = {"startTime": START // 1000, "endTime": START // 1000 + 120}
    started = logs.start_query(**{"logGroupName": group, "queryString": text} | times | options)
    return logs.get_query_results(queryId=started["queryId"])


def rows(logs: Any, group: str, text: str, **options: Any) -> list[dict[str, str]]:
    results = query(logs, group, text, **options)["results"]
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in results]


def order_ids(logs: Any, group: str, condition: str) -> list[int]:
    found = rows(logs, group, f"filter {condition} | fields orderId | sort @timestamp asc")
    return [int(row["orderId"].removeprefix("o-")) for row in found]


CONDITIONS = [
    ('event = "order.failed"', [1, 3, 5]),
    ("event != 'order.failed' and ispresent(orderId)", [0, 2, 4]),
    ("latency > 30", [4, 5]),
    ("latency >= 30 and latency < 50", [3, 4]),
    ("latency = 10 or latency = 20", [1, 2]),
    ("latency <= 10 or event = 'order.failed' and latency > 40", [0, 1, 5]),
    ("(latency <= 10 or event = 'order.failed') and latency > 40", [5]),
    ("not (latency < 40) and ispresent(orderId)", [4, 5]),
    ("errorType like /^Type[13]$/", [1, 3, 5]),
    ("errorType =~ /3/", [3]),
    ("errorType like 'ype1'", [1, 5]),
    ("errorType not like /1/ and ispresent(errorType)", [3]),
    ('orderId in ["o-1", "o-4"]', [1, 4]),
    ("latency not in [0, 10, 20, 30] and ispresent(latency)", [4, 5]),
    ("cold = 1", [0]),
    ("items.0.sku = 's2'", [2]),
    ('@message like "o-5"', [5]),
    ("@logStream = 'stream' and ispresent(orderId)", [0, 1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(
    ("condition", "expected"), CONDITIONS, ids=[condition for condition, _ in CONDITIONS]
)
def test_filter_selects_exactly_its_events(
    logs: Any, group: str, condition: str, expected: list[int]
) -> None:
    assert order_ids(logs, group, condition) == expected


def test_without_commands_all_events_come_newest_first(logs: Any, group: str) -> None:
    found = rows(logs, group, "fields @timestamp, @message")

    assert [row["@message"] for row in found][:2] == [REPORT, PLAIN]
    assert len(found) == 8
    newest = datetime.fromtimestamp(START / 1000 + 70, UTC)
    assert found[0]["@timestamp"] == f"{newest:%Y-%m-%d %H:%M:%S}.000"


def test_fields_sort_and_limit_shape_the_rows(logs: Any, group: str) -> None:
    text = """
        # the two slowest failures
        fields orderId as id, latency
        | filter event = "order.failed"
        | sort latency desc
        | limit 2
    """

    assert rows(logs, group, text) == [{"id": "o-5", "latency": "50"}, {"id": "o-3", "latency": "30"}]


def test_several_sort_keys_apply_in_order(logs: Any, group: str) -> None:
    found = rows(logs, group, "filter ispresent(orderId) | fields orderId | sort event asc, latency desc")

    assert [row["orderId"] for row in found] == ["o-5", "o-3", "o-1", "o-4", "o-2", "o-0"]


def test_stats_counts_and_summarizes_by_field(logs: Any, group: str) -> None:
    text = (
        "filter ispresent(event) | stats count(*) as n, sum(latency), avg(latency) as mean, min(latency) as low, "
        "max(latency) as high, pct(latency, 50) as half, count_distinct(errorType) as types, count(errorType) "
        "by event | sort event asc"
    )

    failed, processed = rows(logs, group, text)

    assert failed == {
        "event": "order.failed",
        "n": "3",
        "sum(latency)": "90",
        "mean": "30",
        "low": "10",
        "high": "50",
        "half": "30",
        "types": "2",
        "count(errorType)": "3",
    }
    assert (processed["mean"], processed["types"], processed["count(errorType)"]) == ("20", "0", "0")


def test_stats_groups_by_time(logs: Any, group: str) -> None:
    found = rows(logs, group, "stats count(*) as n by bin(1m)")

    times = [datetime.fromtimestamp(START / 1000 + second, UTC) for second in (0, 60)]
    assert found == [
        {"bin(1m)": f"{at:%Y-%m-%d %H:%M:%S}.000", "n": n} for at, n in zip(times, ("6", "2"), strict=True)
    ]


def test_the_rows_of_stats_can_be_filtered_and_limited(logs: Any, group: str) -> None:
    found = rows(
        logs, group, "stats count(*) as n by errorType | filter ispresent(errorType) | sort n desc | limit 1"
    )

    assert found == [{"errorType": "Type1", "n": "2"}]


def test_the_report_line_of_lambda_has_its_fields(logs: Any, group: str) -> None:
    text = 'filter @type = "REPORT" | fields @duration, @billedDuration, @maxMemoryUsed'

    assert rows(logs, group, text) == [
        {"@duration": "12.5", "@billedDuration": "13", "@maxMemoryUsed": "60000000"}
    ]


def test_results_tell_how_many_records_were_matched_and_scanned(logs: Any, group: str) -> None:
    result = query(logs, group, 'filter event = "order.failed" | limit 1')

    assert result["status"] == "Complete"
    assert len(result["results"]) == 1
    assert result["statistics"]["recordsMatched"] == 3
    assert result["statistics"]["recordsScanned"] == 8


def test_only_the_time_range_and_the_limit_asked_for_are_returned(logs: Any, group: str) -> None:
    seconds = START // 1000

    found = rows(logs, group, "fields orderId", startTime=seconds + 10, endTime=seconds + 30)

    assert [row["orderId"] for row in found] == ["o-3", "o-2", "o-1"]
    assert len(rows(logs, group, "fields orderId", limit=2)) == 2


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    "text",
    [
        "dedup orderId",
        "unmask @message",
        "filter",
        "filter event = ",
        "filter event == 'x'",
        "filter event like /(/",
        "fields strlen(@message)",
        "stats stddev(latency)",
        "stats avg(*)",
        "stats count(*) by datefloor(@timestamp, 1h)",
        "parse @message 'user=*' as who",
        "fields @message | ",
        "SELECT * FROM x",
    ],
)
def test_a_query_outside_the_served_language_is_refused(logs: Any, group: str, text: str) -> None:
    with refused("MalformedQueryException") as error:
        query(logs, group, text)
    assert "location" in error.value.response["queryCompileError"]


def test_an_unknown_group_or_query_is_not_found(logs: Any, group: str) -> None:
    for call in (
        lambda: query(logs, f"{group}-unknown", "limit 1"),
        lambda: logs.get_query_results(queryId=str(uuid.uuid4())),
    ):
        with refused("ResourceNotFoundException"):
            call()
