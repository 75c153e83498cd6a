"""The console on the deployed pipeline: what it shows is what AWS APIs say, what it does is what the lab does."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab.console import dashboard_data
from lab.console.jobs import Status
from lab.console.routes import cloudwatch
from lab.dlq.browser import dead_letters
from lab.dlq.seed import bury
from lab.faults import catalogue as faults
from lab.faults.changes import Changes
from lab.pipeline import past
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually
from tests.support.consoles import Page, console
from tests.support.redrives import ledger_of


@pytest.fixture(scope="module")
def page(pipeline: Pipeline) -> Iterator[Page]:
    with console(pipeline) as page:
        yield page


def supply(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [order | changes for order in orders(count, label="console")]


def processed(pipeline: Pipeline, ids: list[str]) -> bool:
    found = ledger_of(pipeline, ids)
    return found.balanced and len(found.done) + len(found.discarded) == len(ids)


def test_dashboard_opens_on_the_time_that_has_orders(pipeline: Pipeline, page: Page, api: Api) -> None:
    api.submit(supply(1)[0])
    began = page.ask("/api/dashboard?seconds=data")
    assert 600 <= began["end"] - began["start"] <= 3 * 3600 + 60
    hours_later = time.time() + 3000
    eventually(lambda: 3000 <= cloudwatch.since_first_data(pipeline, hours_later) <= 3 * 3600, within=20)
    assert cloudwatch.since_first_data(pipeline, time.time() + 10**6) == cloudwatch.LEAST_SECONDS


def looked_at(page: Page, **plan: Any) -> dict[str, Any]:
    return page.act("/api/dlq/look", plan={"minAgeSeconds": 0, "force": True} | plan, limit=100)


def test_orders_that_a_page_sends_show_in_its_readings(pipeline: Pipeline, page: Page) -> None:
    sent = page.act("/api/orders", count=5)["accepted"]
    assert len(sent) == 5
    eventually(lambda: processed(pipeline, sent), within=20)
    ledger = page.ask("/api/ledger")
    assert (ledger["sound"], ledger["underWay"]) == (True, False)
    assert ledger["accepted"] == ledger["succeeded"] >= 5

    def rates() -> list[float]:
        return [reading["rates"]["processed"] for reading in page.ask("/api/readings?since=0")["readings"]]

    eventually(lambda: max(rates(), default=0) > 0, within=20)
    assert page.ask("/api/readings?since=99999999999")["readings"] == []


def test_charts_open_on_what_was_before_the_console_with_bands_for_its_faults(
    pipeline: Pipeline, api: Api
) -> None:
    fault, started = faults.failure_mode("poison_payload"), time.time()
    with Changes(pipeline).temporarily(fault, why="a test", seconds=60):
        dead = {api.submit(order).order_id for order in orders(3, label="bands")}
        eventually(lambda: dead <= {letter.order_id for letter in dead_letters(pipeline)}, within=30)
        eventually(lambda: pipeline.alarm_states()["critical-dlq-depth"] == "ALARM", within=60)
    ended = time.time()

    def later() -> list[dict[str, Any]]:
        with console(pipeline) as fresh:
            began = time.time()
            eventually(lambda: fresh.ask("/api/readings?since=0")["readings"], within=20)
            readings = fresh.ask("/api/readings?since=0")["readings"]
        before = [reading for reading in readings if started < reading["at"] <= began]
        assert before
        assert before[-1]["at"] > ended + past.PERIOD_SECONDS
        return before

    before = eventually(later, within=60, every=2)
    assert sum(reading["rates"]["dead_lettered"] for reading in before) * past.PERIOD_SECONDS >= len(dead)
    assert max(reading["dlq"]["visible"] for reading in before) == len(dead)
    assert "ALARM" in {reading["alarms"]["critical-dlq-depth"] for reading in before}
    assert ["failure mode poison_payload"] in [reading["faults"] for reading in before]
    assert before[-1]["faults"] == []


def test_every_widget_of_the_deployed_dashboard_is_shown_with_its_figures(
    pipeline: Pipeline, page: Page, api: Api
) -> None:
    api.submit(supply(1)[0])
    name = pipeline.stack.dashboard_name
    deployed = pipeline.aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]

    def shown() -> list[dict[str, Any]]:
        return page.ask("/api/dashboard?seconds=300&period=10")["widgets"]

    assert [widget["title"] for widget in shown()] == [
        widget["properties"].get("title", "") for widget in json.loads(deployed)["widgets"]
    ]
    assert [widget for widget in shown() if widget["type"] == "unknown"] == []

    def accepted() -> float:
        (series,) = [
            series
            for widget in shown()
            for series in widget.get("series", [])
            if series["label"] == "OrdersAccepted"
        ]
        return sum(series["values"])

    assert eventually(accepted, within=20) >= 1


def test_metric_math_alarms_logs_and_text_are_shown_as_the_dashboard_says(
    pipeline: Pipeline, api: Api
) -> None:
    cloudwatch = pipeline.aws.client("cloudwatch")
    worker = pipeline.stack.worker_function_name
    alarm = cloudwatch.describe_alarms(AlarmNames=[f"{pipeline.stack.prefix}-critical-dlq-depth"])
    arn = alarm["MetricAlarms"][0]["AlarmArn"]
    lambda_metric = ["AWS/Lambda", "Invocations", "FunctionName", worker]
    widgets = [
        {
            "type": "metric",
            "properties": {
                "title": "math",
                "stat": "Sum",
                "metrics": [
                    [*lambda_metric, {"id": "all", "visible": False}],
                    [{"expression": "all * 100", "label": "hundredfold", "id": "more"}],
                    [*lambda_metric[:3], ".", {"label": "Invocations"}],
                ],
            },
        },
        {"type": "metric", "properties": {"title": "threshold", "annotations": {"alarms": [arn]}}},
        {"type": "alarm", "properties": {"title": "states", "alarms": [arn]}},
        {
            "type": "log",
            "properties": {
                "title": "lines",
                "query": f"SOURCE '/aws/lambda/{worker}' | fields orderId, event | filter event = 'order.processed'",
            },
        },
        {"type": "text", "properties": {"markdown": "# Hello\n<script>alert(1)</script>"}},
        {"type": "metric", "properties": {"title": "refused", "metrics": [[{"expression": "nonsense("}]]}},
    ]
    cloudwatch.put_dashboard(DashboardName="console-test", DashboardBody=json.dumps({"widgets": widgets}))
    there = Pipeline(pipeline.aws, replace(pipeline.stack, dashboard_name="console-test"))
    order_id = api.submit(supply(1)[0]).order_id

    def check() -> bool:
        math, threshold, states, lines, text, refused = dashboard_data.read(there, 600, 60)["widgets"]
        hundredfold, plain = math["series"]
        assert (hundredfold["label"], plain["label"]) == ("hundredfold", "Invocations")
        assert sum(plain["values"]) > 0
        assert hundredfold["values"] == [100 * value for value in plain["values"]]
        assert threshold["series"][0]["values"]
        assert [level["value"] for level in threshold["levels"]] == [0.0]
        assert states["alarms"][0]["name"].endswith("critical-dlq-depth")
        assert order_id in {row["orderId"] for row in lines["rows"]}
        assert "<h1>Hello</h1>" in text["html"]
        assert "<script>" not in text["html"]
        assert refused["type"] == "unknown"
        return "expression" in refused["why"]

    try:
        eventually(check, within=30, every=0.5)
    finally:
        cloudwatch.delete_dashboards(DashboardNames=["console-test"])


def test_an_alarm_that_rings_is_shown_with_its_history_and_its_runbook(
    pipeline: Pipeline, page: Page
) -> None:
    name = "warning-throttles"

    def state(value: str) -> None:
        pipeline.aws.client("cloudwatch").set_alarm_state(
            AlarmName=f"{pipeline.stack.prefix}-{name}", StateValue=value, StateReason="because of a test"
        )

    state("ALARM")
    found = page.ask("/api/alarms")
    state("OK")
    shown = next(alarm for alarm in found["alarms"] if alarm["name"] == name)
    assert shown["runbook"] == name
    assert re.fullmatch(r"Throttles Sum > 0 in 2 of 3 periods of 10 s", shown["rule"])
    event = next(entry for entry in found["history"] if entry["name"] == name and entry["to"] == "ALARM")
    assert event["reason"] == "because of a test"


def test_rule_of_a_composite_alarm_is_shown_with_names(page: Page) -> None:
    rules = {alarm["name"]: alarm["rule"] for alarm in page.ask("/api/alarms")["alarms"]}
    named = ("critical-acceptance-burn", "critical-latency-burn", "critical-queue-age")
    assert rules["critical-customers-hurt"] == f"({' OR '.join(f'ALARM("{name}")' for name in named)})"


def test_a_redrive_is_planned_confirmed_and_watched_to_its_end(pipeline: Pipeline, page: Page) -> None:
    ids = bury(pipeline, supply(8))
    others = bury(pipeline, supply(1), age_seconds=0)
    seen = looked_at(page, errorType="LinesExceedAmount", minAgeSeconds=300)
    assert sorted(letter["orderId"] for letter in seen["letters"]) == sorted(ids)
    assert (seen["seen"], seen["statistics"]["byErrorType"]) == (9, {"LinesExceedAmount": 8})
    plan = {"minAgeSeconds": 300, "maxMessages": 100, "canaryMessages": 2}
    shown = page.act("/api/dlq/plan", plan=plan)
    assert shown["preview"]["eligible"] == 8
    confirmed = {"plan": shown["plan"], "digest": shown["digest"], "eligible": 8}
    assert "nothing was done" in page.refused("/api/dlq/redrive", **confirmed, confirmation="something")
    other_plan = confirmed | {"plan": shown["plan"] | {"maxMessages": 1}}
    assert "not the plan" in page.refused(
        "/api/dlq/redrive", **other_plan, confirmation=shown["confirmation"]
    )
    assert pipeline.dlq().total == 9

    started = page.act("/api/dlq/redrive", **confirmed, confirmation=shown["confirmation"])
    assert (started["kind"], started["status"]) == ("redrive", "running")
    job = page.ended(within=40)
    assert (job.status, job.details["operation"]["moved"]) == (Status.SUCCEEDED, 8)
    eventually(lambda: set(ids) <= {effect.order_id for effect in pipeline.effects()}, within=20)
    assert [letter["orderId"] for letter in looked_at(page)["letters"]] == others


def test_a_redrive_is_cancelled_and_leaves_the_rest_where_it_was(pipeline: Pipeline, page: Page) -> None:
    bury(pipeline, supply(40))
    shown = page.act("/api/dlq/plan", plan={"minAgeSeconds": 0, "ratePerSecond": 1, "canaryMessages": 0})
    page.act(
        "/api/dlq/redrive",
        plan=shown["plan"],
        digest=shown["digest"],
        confirmation=shown["confirmation"],
        eligible=40,
    )
    assert "is under way" in page.refused("/api/dlq/look", plan={}, limit=10)
    assert "still under way" in page.refused("/api/scenarios/run", name="happy-path")
    page.act("/api/job/cancel")
    job = page.ended(within=60)
    assert job.status is Status.CANCELLED
    moved = job.details["operation"]["moved"]
    assert moved < 40
    eventually(lambda: pipeline.dlq().visible == 40 - moved, within=20)


def test_a_letter_is_repaired_and_another_one_given_up(pipeline: Pipeline, page: Page) -> None:
    good, hopeless = supply(2)
    ids = bury(pipeline, [good | {"amount": 0.01}, hopeless])
    letters = {letter["orderId"]: letter["messageId"] for letter in looked_at(page)["letters"]}
    repair = {"messageId": letters[ids[0]], "confirmation": letters[ids[0]][:8]}
    assert "not a valid order" in page.refused("/api/dlq/repair", **repair, body='{"orderId": "x"}')
    page.act("/api/dlq/repair", **repair, body=json.dumps(good))
    row = page.act(
        "/api/dlq/discard", messageId=letters[ids[1]], confirmation=letters[ids[1]][:8], reason="a test"
    )
    assert (row["orderId"], row["reason"]) == (ids[1], "a test")
    eventually(lambda: processed(pipeline, ids), within=20)
    assert looked_at(page)["letters"] == []


def test_a_failure_mode_is_switched_on_and_off_and_one_excludes_another(
    pipeline: Pipeline, page: Page
) -> None:
    page.act("/api/faults/on", name="poison_payload", seconds=60)
    assert pipeline.failure_mode() == "poison_payload"
    (order_id,) = page.act("/api/orders", count=1)["accepted"]
    eventually(lambda: pipeline.dlq().visible == 1, within=20)
    assert "must wait: failure-mode changed by the console" in page.refused(
        "/api/faults/on", name="slow_downstream", seconds=60
    )
    page.act("/api/faults/off", knob="failure-mode")
    assert pipeline.failure_mode() == "none"
    assert "Nothing is in force" in page.refused("/api/faults/off", knob="failure-mode")
    assert [letter["orderId"] for letter in looked_at(page)["letters"]] == [order_id]


def test_a_fault_that_has_outlived_its_maker_is_undone_by_the_console(pipeline: Pipeline, page: Page) -> None:
    Changes(pipeline).make(faults.failure_mode("poison_payload"), why="a killed console", seconds=0)
    page.state.live.look_soon()
    eventually(lambda: Changes(pipeline).active() == [], within=20)
    assert pipeline.failure_mode() == "none"


def test_a_fault_switched_on_by_a_console_ends_with_it(pipeline: Pipeline) -> None:
    with console(pipeline) as page:
        page.act("/api/faults/on", name="hurried_worker", seconds=600)
        assert [change.setting for change in Changes(pipeline).active()] == ["worker-timeout"]
    assert Changes(pipeline).active() == []


def test_an_open_circuit_is_closed_by_the_console(pipeline: Pipeline, page: Page) -> None:
    dynamodb = pipeline.aws.client("dynamodb")
    row = {"id": {"S": "test"}, "state": {"S": "open"}}
    dynamodb.put_item(TableName=pipeline.stack.circuits_table_name, Item=row)
    assert page.act("/api/circuits/close")["closed"]
    assert not page.act("/api/circuits/close")["closed"]


@pytest.mark.long
def test_calls_of_an_aws_api_fail_and_are_counted_while_the_orders_survive(
    pipeline: Pipeline, page: Page
) -> None:
    page.act("/api/faults/on", name="transaction_fails", seconds=120)
    ids = page.act("/api/orders", count=10)["accepted"]
    eventually(lambda: (page.state.switches.hits() or 0) > 0, within=40)
    eventually(lambda: processed(pipeline, ids), within=90)
    page.act("/api/faults/off", knob="worker-environment")
    found = pipeline.aws.client("lambda").get_function_configuration(
        FunctionName=pipeline.stack.worker_function_name
    )
    assert "AWS_ENDPOINT_URL" not in json.dumps(found["Environment"])


@pytest.mark.long
def test_a_scenario_is_run_watched_and_reported(pipeline: Pipeline, page: Page) -> None:
    page.act("/api/steady")
    assert page.ended(within=150).status is Status.SUCCEEDED
    page.act("/api/scenarios/run", name="happy-path")
    eventually(lambda: len(page.state.jobs.last.details.get("findings", [])) > 1, within=60)
    assert "is under way" in page.refused("/api/faults/on", name="poison_payload", seconds=60)
    job = page.ended(within=120)
    assert job.status is Status.SUCCEEDED, job.as_json()
    assert page.ask("/api/reports")["reports"][0]["page"] == job.details["report"]


@pytest.mark.long
def test_a_cancelled_scenario_is_rolled_back(pipeline: Pipeline, page: Page) -> None:
    page.act("/api/steady")
    assert page.ended(within=150).status is Status.SUCCEEDED
    page.act("/api/scenarios/run", name="poison-payload")
    eventually(lambda: pipeline.failure_mode() == "poison_payload", within=60)
    page.act("/api/job/cancel")
    assert page.ended(within=150).status is Status.CANCELLED
    assert pipeline.failure_mode() == "none"
    assert Changes(pipeline).active() == []
    assert pipeline.queue().total == pipeline.dlq().total == 0


@pytest.mark.long
def test_a_scenario_without_its_fault_fails_with_its_report(pipeline: Pipeline, page: Page) -> None:
    page.act("/api/steady")
    assert page.ended(within=150).status is Status.SUCCEEDED
    page.act("/api/scenarios/run", name="duplicate-submit", withoutFault=True)
    job = page.ended(within=150)
    assert job.status is Status.FAILED
    assert job.error
    assert "refuted" in job.error.what
    assert job.details["report"].startswith("duplicate-submit-")
