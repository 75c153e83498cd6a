"""Prices, usage and bills: what is multiplied with what, and that nothing unknown counts as free."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from functions.worker import waiting
from infra.components.names import EMITTED_METRICS
from lab.common.paths import ROOT
from lab.cost import prices as table
from lab.cost import show
from lab.cost.bill import bill
from lab.cost.last import last_run
from lab.cost.prices import Price, Prices
from lab.cost.usage import ANNOUNCED, Usage, calls, charged, item_size, request_steps, standing
from lab.deployment.templates import stacks
from lab.errors import LabError
from tests.support.stacks import World

PRICES = Prices(
    "us-east-1",
    "2026-11",
    verified=False,
    note="not verified",
    table={
        "api-request": Price(1.0, 1_000_000, "requests"),
        "sqs-request": Price(0.4, 1_000_000, "SQS requests"),
        "alarm-month": Price(0.1, 1, "alarms"),
        "key-month": Price(1.0, 1, "keys"),
    },
)
USAGE = Usage(100, 20.0, {"api-request": 200, "sqs-request": 500})


def test_the_price_table_is_dated_and_says_whether_anybody_verified_it() -> None:
    loaded = table.load()
    assert datetime.strptime(loaded.checked, "%Y-%m")  # noqa: DTZ007  a month of the table
    assert loaded.verified is False
    assert "not verified" in loaded.caption
    assert loaded.checked in loaded.caption
    assert all(price.dollars > 0 and price.per > 0 and price.unit for price in loaded.table.values())


def test_a_bill_scales_the_measured_usage_to_the_orders_of_a_month() -> None:
    made = bill(USAGE, PRICES, orders=1_000_000, standing={"alarm-month": 9, "key-month": 0})
    assert [(line.quantity, round(line.dollars or 0, 6)) for line in made.usage] == [
        (2_000_000, 2.0),
        (5_000_000, 2.0),
    ]
    assert [(line.unit, line.quantity) for line in made.standing] == [("alarms", 9)]
    assert (round(made.variable, 6), round(made.fixed, 6)) == (4.0, 0.9)


def test_an_unknown_quantity_is_shown_and_makes_the_sum_a_lower_bound() -> None:
    usage = Usage(100, 20.0, {"api-request": 200, "sqs-request": None})
    made = bill(usage, PRICES, orders=1_000_000)
    assert not made.complete
    rows = show.monthly(made)
    assert ("SQS requests", "not provable here", "?") in rows
    assert ("together", "", ">= 2.00") in rows
    assert ("SQS requests", "not provable here", "not provable here") in show.per_order(usage, PRICES)


def test_failures_are_told_as_a_multiple_of_the_healthy_workload() -> None:
    usages = {"healthy": USAGE, "retried": Usage(100, 20.0, {"api-request": 200, "sqs-request": 1500})}
    bills = {name: bill(usage, PRICES, orders=1_000_000) for name, usage in usages.items()}
    rows = show.failures(usages, bills, PRICES)
    assert rows == [
        ("an order", "healthy", "retried"),
        ("requests", "2", "2"),
        ("SQS requests", "5", "15"),
        ("$ a million orders", "4.00", "8.00"),
        ("times healthy", "1.00", "2.00"),
    ]
    assert show.markdown(rows).splitlines()[1] == "| --- | ---: | ---: |"


def test_calls_become_requests_and_capacity_units() -> None:
    counted = {
        "sqs.SendMessageBatch": 10,
        "sqs.ChangeMessageVisibilityBatch": 2,
        "dynamodb.PutItem": 10,
        "dynamodb.DeleteItem": 1,
        "dynamodb.GetItem": 3,
    }
    assert charged(counted, batches=4, committed=9, units=(1, 2)) == {
        "sqs-request": 10 + 2 + 2 * 4,
        "dynamodb-write": 10 + 1 + 9 * 2 * (1 + 2),
        "dynamodb-read": 3,
    }


def stamp(second: int) -> str:
    return f"2026-11-26T06:25:{second:02d}.500"


def test_calls_of_the_functions_are_counted_within_the_time_alone(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    seen = [
        (1, "sqs.SendMessageBatch"),
        (5, "sqs.SendMessageBatch"),
        (6, "dynamodb.Scan"),
        (7, "dynamodb.PutItem"),
    ]
    seen += [(59, "dynamodb.PutItem")]
    log.write_text(
        "\n".join(
            [
                "Ready.",
                *(f"{stamp(s)}  INFO --- [r] localstack.request.aws : AWS {call} => 200" for s, call in seen),
            ]
        )
    )
    start, end = (int(datetime.fromisoformat(stamp(s)).timestamp() * 1000) for s in (2, 30))
    assert calls(log, start, end) == {"sqs.SendMessageBatch": 1, "dynamodb.PutItem": 1}


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    assert item_size({"id": {"S": "abc"}, "n": {"N": "1234"}}) == 2 + 3 + 1 + 3


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ('{"level":"INFO","event":"order.processed"}', True),
        ('{"event": "order.dead_lettered"}', True),
        ('{"event":"order.failed"}', False),
        ("START RequestId: 1", False),
    ],
)
def test_only_a_log_line_of_a_processed_or_dead_order_counts_as_an_event(line: str, counts: bool) -> None:
    assert bool(ANNOUNCED.search(line)) is counts


def report(folder: Path, name: str, started: float, accepted: int | None) -> None:
    document: dict[str, Any] = {
        "name": name,
        "seconds": 2.5,
        "timeline": {"started": started},
        "ledger": None if accepted is None else {"accepted": accepted},
    }
    (folder / name).mkdir()
    (folder / name / "report.json").write_text(json.dumps(document))


def test_the_last_run_is_the_latest_one_with_orders(tmp_path: Path) -> None:
    report(tmp_path, "first", 100.0, 5)
    report(tmp_path, "second", 200.0, 7)
    report(tmp_path, "crashed", 300.0, None)
    assert last_run(tmp_path) == ("second", 200_000, 202_500, 7)


def test_a_missing_run_is_an_error_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no report of a run") as raised:
        last_run(tmp_path)
    assert "lab cost run" in raised.value.fix


FIXED: dict[str, dict[str, Any]] = {
    "queue": {"Resources": {"Token": {"Type": "AWS::SecretsManager::Secret", "Properties": {}}}},
    "functions": {
        "Resources": {
            "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {}},
            "Private": {
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {"VpcEndpointType": "Interface", "SubnetIds": [{"Ref": "A"}, {"Ref": "B"}]},
            },
            "Free": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}},
        }
    },
    "observability": {
        "Resources": {
            "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {}},
            "Depth": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent"},
            },
            "Errors": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "Metrics": [
                        {"Id": "share", "Expression": "errors / invocations"},
                        {"Id": "errors", "MetricStat": {"Metric": {"MetricName": "Errors"}}},
                        {"Id": "invocations", "MetricStat": {"Metric": {"MetricName": "Invocations"}}},
                    ]
                },
            },
            "Hurt": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}},
            "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}},
        }
    },
}


def test_fixed_part_is_counted_in_the_templates() -> None:
    world: Any = World(FIXED, deleted=set())
    assert standing(stacks(world, "dev")) == {
        "alarm-month": 1 + 2,
        "composite-alarm-month": 1,
        "dashboard-month": 1,
        "metric-month": 1 + len(EMITTED_METRICS),
        "secret-month": 1,
        "key-month": 0,
        "idle-receive": 5 * 730 * 180,
        "endpoint-hour": 2 * 730,
    }


def test_metrics_that_are_charged_are_those_that_the_functions_emit() -> None:
    emitted = {("worker", waiting.METRIC)}
    for file in (ROOT / "functions").rglob("*.py"):
        package = file.relative_to(ROOT / "functions").parts[0]
        names = re.findall(r"\b(?:count|milliseconds)\(\s*\"(\w+)\"", file.read_text())
        emitted |= {(package, name) for name in names}
    assert emitted == set(EMITTED_METRICS)


@pytest.mark.parametrize(
    ("processed", "requests"), [(0, 1), (1, 1), (512 * 1024, 1), (512 * 1024 + 1, 2), (4 * 1024 * 1024, 8)]
)
def test_a_request_is_charged_for_each_started_512_kb(processed: int, requests: int) -> None:
    assert request_steps(json.dumps({"dataProcessed": str(processed)})) == requests


UNKNOWN: dict[str, float | None] = {"sqs-request": None}


def test_a_caller_who_uses_up_the_throttle_is_told_by_the_hour_the_day_and_the_month() -> None:
    known, unknown = (
        bill(Usage(1, 1, {"api-request": 1, **more}), PRICES, orders=1) for more in ({}, UNKNOWN)
    )
    assert show.hostile({"orders": known, "batches": unknown}, 500)[1:] == [
        ("orders", "1.00", "1.80", "43.20", "1,314.00"),
        ("batches", ">= 1.00", ">= 1.80", ">= 43.20", ">= 1,314.00"),
    ]


def test_an_assumed_price_says_where_to_look_it_up() -> None:
    loaded = table.load()
    assert loaded.assumed(["api-request"]) == ""
    assert loaded.assumed(["api-request", "endpoint-hour"]).endswith(
        "$0.01, see aws.amazon.com/privatelink/pricing"
    )
    assert all(bool(price.see) == price.assumed for price in loaded.table.values())
