"""CloudWatch metrics and dashboards: statistics, percentiles, units, dimensions, metric math, paging."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.errors import code, refused

pytestmark = pytest.mark.evidence("documented", source="CloudWatch API reference")

BASIC = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"]


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"Test/{uuid.uuid4().hex[:8]}"


MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
"""The start of a minute in the recent past."""


def put(cloudwatch: Any, namespace: str, name: str, second: float = 0, **datum: Any) -> None:
    """Publish one entry, `second` seconds after MINUTE."""
    at = MINUTE + timedelta(seconds=second)
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": name, "Timestamp": at} | datum]
    )


def statistics(cloudwatch: Any, namespace: str, name: str, **options: Any) -> list[dict[str, Any]]:
    """GetMetricStatistics over three minutes from MINUTE on, by the minute, sorted by time."""
    request: dict[str, Any] = {
        "Namespace": namespace,
        "MetricName": name,
        "StartTime": MINUTE,
        "EndTime": MINUTE + timedelta(minutes=3),
        "Period": 60,
        "Statistics": BASIC,
    }
    asked = {key: value for key, value in (request | options).items() if value is not None}
    found = cloudwatch.get_metric_statistics(**asked)["Datapoints"]
    return sorted(found, key=lambda point: point["Timestamp"])


def metric_query(namespace: str, name: str, identifier: str = "m1", **stat: Any) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": stat.pop("Dimensions", [])}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"} | stat}


def data(cloudwatch: Any, *queries: dict[str, Any], **options: Any) -> dict[str, list[tuple[int, float]]]:
    """GetMetricData over three minutes from MINUTE on: (seconds after MINUTE, value) by query id, oldest first."""
    request: dict[str, Any] = {
        "MetricDataQueries": list(queries),
        "StartTime": MINUTE,
        "EndTime": MINUTE + timedelta(minutes=3),
        "ScanBy": "TimestampAscending",
    }
    results = cloudwatch.get_metric_data(**request | options)["MetricDataResults"]
    return {
        result["Id"]: [
            (int((at - MINUTE).total_seconds()), value)
            for at, value in zip(result["Timestamps"], result["Values"], strict=True)
        ]
        for result in results
    }


def test_statistics_are_of_the_values_of_each_period(cloudwatch: Any, namespace: str) -> None:
    for second, value in ((0, 1), (30, 4), (59, 1), (60, 10)):
        put(cloudwatch, namespace, "Latency", second, Value=value, Unit="Milliseconds")

    first, second = statistics(cloudwatch, namespace, "Latency")

    assert [first[name] for name in BASIC] == [3, 6, 2, 1, 4]
    assert [second[name] for name in BASIC] == [1, 10, 10, 10, 10]
    assert (first["Timestamp"], first["Unit"]) == (MINUTE, "Milliseconds")


def test_values_with_counts_are_as_many_samples(cloudwatch: Any, namespace: str) -> None:
    put(cloudwatch, namespace, "Size", Values=[1, 2, 10], Counts=[5, 4, 1])
    put(cloudwatch, namespace, "Size", Values=[2, 4])

    (point,) = statistics(cloudwatch, namespace, "Size", ExtendedStatistics=["p50", "p90", "p99.9"])

    assert [point[name] for name in BASIC] == [12, 29, 29 / 12, 1, 10]
    assert point["ExtendedStatistics"] == {"p50": 2, "p90": 4, "p99.9": 10}


def test_percentiles_are_exact_over_a_hundred_values(cloudwatch: Any, namespace: str) -> None:
    put(cloudwatch, namespace, "Latency", Values=[float(value) for value in range(1, 101)])

    found = data(
        cloudwatch,
        *(
            metric_query(namespace, "Latency", name.replace(".", "_"), Stat=name)
            for name in ("p0", "p50", "p95", "p99", "p100")
        ),
    )

    assert found == {"p0": [(0, 1)], "p50": [(0, 50)], "p95": [(0, 95)], "p99": [(0, 99)], "p100": [(0, 100)]}


def test_a_percentile_rank_is_exclusive_of_its_lower_and_inclusive_of_its_upper_bound(
    cloudwatch: Any, namespace: str
) -> None:
    put(cloudwatch, namespace, "Latency", Values=[1, 2, 4, 8], Counts=[4, 3, 2, 1])

    found = data(
        cloudwatch,
        *(
            metric_query(namespace, "Latency", f"q{number}", Stat=stat)
            for number, stat in enumerate(["PR(:2)", "PR(1:4)", "PR(4:)", "PR(8:)", "PR(:0.5)"])
        ),
    )

    assert found == {f"q{number}": [(0, share)] for number, share in enumerate([70.0, 50.0, 10.0, 0.0, 0.0])}


@pytest.mark.parametrize("stat", ["PR(:)", "PR(300)", "PR(-1:)", "pr(:300)"])
def test_a_percentile_rank_without_bounds_in_numbers_is_refused(
    cloudwatch: Any, namespace: str, stat: str
) -> None:
    with refused("ValidationError"):
        data(cloudwatch, metric_query(namespace, "Latency", "q", Stat=stat))


def test_a_statistic_set_counts_but_hides_its_values_from_percentiles(
    cloudwatch: Any, namespace: str
) -> None:
    summary = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}
    put(cloudwatch, namespace, "Latency", StatisticValues=summary)
    put(cloudwatch, namespace, "Latency", Value=6)

    (point,) = statistics(cloudwatch, namespace, "Latency", ExtendedStatistics=["p99"])

    assert [point[name] for name in BASIC] == [5, 16, 3.2, 1, 6]
    assert "ExtendedStatistics" not in point


def test_dimensions_must_match_exactly_in_any_order(cloudwatch: Any, namespace: str) -> None:
    both = [{"Name": "Service", "Value": "worker"}, {"Name": "Stage", "Value": "dev"}]
    put(cloudwatch, namespace, "Orders", Value=1, Dimensions=both)
    put(cloudwatch, namespace, "Orders", Value=2, Dimensions=both[:1])
    put(cloudwatch, namespace, "Orders", Value=4)

    def total(dimensions: list[dict[str, str]]) -> list[float]:
        return [p["Sum"] for p in statistics(cloudwatch, namespace, "Orders", Dimensions=dimensions)]

    assert [total(both), total(both[::-1]), total(both[:1]), total([]), total(both[1:])] == [
        [1],
        [1],
        [2],
        [4],
        [],
    ]


def test_each_unit_is_a_data_point_of_its_own_unless_one_is_asked_for(
    cloudwatch: Any, namespace: str
) -> None:
    put(cloudwatch, namespace, "Size", Value=2, Unit="Bytes")
    put(cloudwatch, namespace, "Size", Value=3, Unit="Kilobytes")

    both = statistics(cloudwatch, namespace, "Size", Statistics=["Sum"])
    one = statistics(cloudwatch, namespace, "Size", Statistics=["Sum"], Unit="Bytes")

    assert {(point["Unit"], point["Sum"]) for point in both} == {("Bytes", 2), ("Kilobytes", 3)}
    assert [point["Sum"] for point in one] == [2]
    assert data(cloudwatch, metric_query(namespace, "Size", Unit="Kilobytes")) == {"m1": [(0, 3)]}


def test_data_comes_newest_first_unless_asked_otherwise(cloudwatch: Any, namespace: str) -> None:
    for second in (0, 60, 120):
        put(cloudwatch, namespace, "Orders", second, Value=second)
    query = metric_query(namespace, "Orders")

    assert data(cloudwatch, query, ScanBy="TimestampDescending") == {"m1": [(120, 120), (60, 60), (0, 0)]}
    assert data(cloudwatch, query) == {"m1": [(0, 0), (60, 60), (120, 120)]}


@pytest.mark.parametrize("period", [1, 5, 10, 30])
def test_periods_below_a_minute_are_aligned_to_themselves(
    cloudwatch: Any, namespace: str, period: int
) -> None:
    for second in range(0, 60, 5):
        put(cloudwatch, namespace, "Orders", second, Value=1)

    found = data(
        cloudwatch,
        metric_query(namespace, "Orders", Period=period),
        StartTime=MINUTE + timedelta(seconds=period / 2),
        EndTime=MINUTE + timedelta(seconds=60),
    )

    width = max(period, 5)
    assert found == {"m1": [(at, width // 5) for at in range(0, 60, width)]}


def test_start_is_inclusive_and_end_is_exclusive(cloudwatch: Any, namespace: str) -> None:
    for second in (0, 60, 120):
        put(cloudwatch, namespace, "Orders", second, Value=1)

    found = data(cloudwatch, metric_query(namespace, "Orders"), EndTime=MINUTE + timedelta(seconds=120))

    assert found == {"m1": [(0, 1), (60, 1)]}


def test_pages_of_data_hold_every_point_once(cloudwatch: Any, namespace: str) -> None:
    for second in range(0, 180, 60):
        put(cloudwatch, namespace, "A", second, Value=second)
        put(cloudwatch, namespace, "B", second, Value=second + 1)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[metric_query(namespace, "A", "a"), metric_query(namespace, "B", "b")],
        StartTime=MINUTE,
        EndTime=MINUTE + timedelta(minutes=3),
        MaxDatapoints=2,
    )

    values: dict[str, list[float]] = {}
    sizes: list[int] = []
    for page in pages:
        sizes.append(sum(len(result["Values"]) for result in page["MetricDataResults"]))
        for result in page["MetricDataResults"]:
            values.setdefault(result["Id"], []).extend(result["Values"])

    assert sizes == [2, 2, 2]
    assert values == {"a": [120, 60, 0], "b": [121, 61, 1]}


MATH = [
    ("a + b", [(0, 11), (60, 22)]),
    ("100 * a / (a + b)", [(0, 100 / 11), (60, 200 / 22)]),
    ("(-a) ^ 2", [(0, 1), (60, 4), (120, 9)]),
    ("b / 0", []),
    ("SUM([a, b])", [(0, 11), (60, 22), (120, 3)]),
    ("AVG(METRICS())", [(0, 5.5), (60, 11), (120, 3)]),
    ("MAX([a, b]) - MIN([a, b])", [(0, 9), (60, 18), (120, 0)]),
    ("a - AVG(a)", [(0, -1), (60, 0), (120, 1)]),
    ("FILL(b, 0) + a", [(0, 11), (60, 22), (120, 3)]),
    ("FILL(b, REPEAT)", [(0, 10), (60, 20), (120, 20)]),
    ("IF(a > 1, a, 0)", [(0, 0), (60, 2), (120, 3)]),
    ("IF(a >= 2 AND b < 20 || a == 1, 1, 0)", [(0, 1), (60, 0)]),
    ("DIFF(a)", [(60, 1), (120, 1)]),
    ("RATE(b) * PERIOD(b)", [(60, 10)]),
    ("CEIL(a / 2) + FLOOR(a / 2) + ABS(0 - a)", [(0, 2), (60, 4), (120, 6)]),
]


@pytest.mark.parametrize(("expression", "expected"), MATH, ids=[expression for expression, _ in MATH])
def test_metric_math_combines_series_by_period(
    cloudwatch: Any, namespace: str, expression: str, expected: list[tuple[int, float]]
) -> None:
    for second, value in ((0, 1), (60, 2), (120, 3)):
        put(cloudwatch, namespace, "A", second, Value=value)
    for second, value in ((0, 10), (60, 20)):
        put(cloudwatch, namespace, "B", second, Value=value)
    hidden = {"ReturnData": False}

    found = data(
        cloudwatch,
        metric_query(namespace, "A", "a") | hidden,
        metric_query(namespace, "B", "b") | hidden,
        {"Id": "result", "Expression": expression},
    )

    assert list(found) == ["result"]
    assert dict(found["result"]) == pytest.approx(dict(expected))


@pytest.mark.parametrize(
    "query",
    [
        {"Id": "e", "Expression": "SEARCH('{AWS/SQS,QueueName} x', 'Sum', 60)"},
        {"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m1)"},
        {"Id": "e", "Expression": "m1 +"},
        {"Id": "e", "Expression": "m1 + unknown"},
        {"Id": "e", "Expression": "e + m1"},
        {"Id": "e", "Expression": "SUM(m1)"},
        {"Id": "e", "Expression": "[m1, m1]"},
        {"Id": "Upper", "Expression": "m1"},
        {"Id": "m1", "Expression": "m1"},
        {"Id": "e"},
        metric_query("Test", "A", "e", Stat="tm99"),
        metric_query("Test", "A", "e", Period=7),
    ],
    ids=str,
)
def test_a_query_that_cannot_be_answered_is_refused(
    cloudwatch: Any, namespace: str, query: dict[str, Any]
) -> None:
    with refused("ValidationError"):
        data(cloudwatch, metric_query(namespace, "A"), query)


@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination"),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue"),
        ({"Values": [1] * 151}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": datetime.now(UTC) - timedelta(days=15)}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": datetime.now(UTC) + timedelta(hours=3)}, "InvalidParameterValue"),
    ],
)
def test_data_that_aws_refuses_is_refused_as_a_whole(
    cloudwatch: Any, namespace: str, datum: dict[str, Any], expected: str
) -> None:
    entries = [{"MetricName": "Good", "Value": 1}, {"MetricName": "Bad"} | datum]

    with refused(expected):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=entries)
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"] == []


def test_the_namespaces_of_aws_cannot_be_written_to(cloudwatch: Any) -> None:
    with refused("InvalidParameterValue"):
        cloudwatch.put_metric_data(Namespace="AWS/SQS", MetricData=[{"MetricName": "A", "Value": 1}])


def test_metrics_are_listed_by_name_and_dimension(cloudwatch: Any, namespace: str) -> None:
    worker, ingest = ([{"Name": "Service", "Value": value}] for value in ("worker", "ingest"))
    put(cloudwatch, namespace, "Orders", Value=1, Dimensions=worker)
    put(cloudwatch, namespace, "Orders", Value=1, Dimensions=ingest)
    put(cloudwatch, namespace, "Latency", Value=1)

    def listed(**filters: Any) -> list[tuple[str, list[dict[str, str]]]]:
        pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace, **filters)
        return [(metric["MetricName"], metric["Dimensions"]) for page in pages for metric in page["Metrics"]]

    assert listed() == [("Orders", worker), ("Orders", ingest), ("Latency", [])]
    assert listed(MetricName="Latency") == [("Latency", [])]
    assert listed(Dimensions=worker) == [("Orders", worker)]
    assert len(listed(Dimensions=[{"Name": "Service"}])) == 2
    assert len(listed(RecentlyActive="PT3H")) == 3


def test_more_than_1440_data_points_or_no_statistic_are_refused(cloudwatch: Any, namespace: str) -> None:
    with pytest.raises(ClientError) as many:
        statistics(cloudwatch, namespace, "A", StartTime=MINUTE - timedelta(days=2), Period=60)
    with pytest.raises(ClientError) as none:
        statistics(cloudwatch, namespace, "A", Statistics=None)

    assert code(many) == code(none) == "InvalidParameterCombination"


def test_a_dashboard_is_kept_as_given_until_deleted(cloudwatch: Any) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "hello"}}]})

    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)

    assert cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"] == body
    (entry,) = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == (name, len(body))
    cloudwatch.delete_dashboards(DashboardNames=[name])
    with refused("ResourceNotFound"):
        cloudwatch.get_dashboard(DashboardName=name)


def test_a_dashboard_body_must_be_a_json_object(cloudwatch: Any) -> None:
    for body in ("not json", "[]", '{"widgets": 1}'):
        with refused("InvalidParameterInput"):
            cloudwatch.put_dashboard(DashboardName="test", DashboardBody=body)


@pytest.mark.evidence("ours")
def test_an_operation_that_is_not_served_answers_501(cloudwatch: Any) -> None:
    with pytest.raises(ClientError) as error:
        cloudwatch.put_anomaly_detector(Namespace="Test", MetricName="A", Stat="Sum")

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.evidence("recorded", "LocalStack: test_put_metric_data_validation")
def test_values_beside_a_statistic_set_are_taken_and_a_value_beside_either_is_refused(
    cloudwatch: Any, namespace: str
) -> None:
    both = {
        "Values": [1.0, 10.0],
        "StatisticValues": {"SampleCount": 10, "Sum": 55, "Minimum": 1, "Maximum": 10},
    }
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", **both}])
    for name, given in both.items():
        with refused("InvalidParameterCombination") as error:
            cloudwatch.put_metric_data(
                Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1.5, name: given}]
            )
        assert f"MetricData.member.1.Value and MetricData.member.1.{name} are mutually" in str(error.value)


@pytest.mark.evidence("recorded", "LocalStack: test_label_generation")
@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (("Sum", 60), ("Minimum", 30), ["m Sum 60", "m Minimum 30"]),
        (("Sum", 60), ("Minimum", 60), ["m Sum", "m Minimum"]),
        (("Sum", 60), ("Sum", 30), ["m 60", "m 30"]),
        (("Sum", 60), ("Sum", 60), ["m", "m"]),
    ],
)
def test_labels_name_the_statistic_and_the_period_where_they_differ(
    cloudwatch: Any, first: tuple[str, int], second: tuple[str, int], labels: list[str]
) -> None:
    now = datetime.now(UTC)
    queries = [
        {
            "Id": identifier,
            "MetricStat": {"Metric": {"Namespace": "n", "MetricName": "m"}, "Stat": stat, "Period": period},
        }
        for identifier, (stat, period) in (("a", first), ("b", second))
    ]
    found = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(minutes=2), EndTime=now
    )
    assert [result["Label"] for result in found["MetricDataResults"]] == labels
