"""One order's way, found by its id in what the deployed pipeline left behind, and its spans where they are deployed."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lab.deployment.deploy import deploy
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from lab.trace import OrderTimeline, build_timeline, collect
from support.eventually import eventually

HOUR_MS = 3_600_000


def timeline(pipeline: Pipeline, name: str) -> OrderTimeline:
    return build_timeline(collect(pipeline, name, int(time.time() * 1000) - HOUR_MS))


def told(pipeline: Pipeline, name: str, *wheres: str) -> OrderTimeline:
    """The timeline once it has a moment at each of these places; log lines arrive a moment later."""

    def complete() -> OrderTimeline:
        try:
            seen = timeline(pipeline, name)
        except LabError as unknown:
            raise AssertionError(unknown.what) from unknown
        missing = set(wheres) - {moment.where for moment in seen.moments}
        assert not missing, (missing, seen)
        return seen

    return eventually(complete, within=20, every=0.5)


def contradictory(order_id: str) -> dict[str, Any]:
    """An order that the API accepts and the business rule never passes."""
    return {"orderId": order_id, "amount": 1, "items": [{"sku": "a", "quantity": 1, "unitPrice": 2}]}


def dead_order(pipeline: Pipeline, api: Api, *, within: float) -> str:
    """The id of a contradictory order that has come to lie in the DLQ, alone."""
    order_id = f"mortal-{uuid.uuid4().hex[:8]}"
    api.submit(contradictory(order_id))
    eventually(lambda: pipeline.dlq().visible == 1, within=within)
    return order_id


def test_a_processed_order_is_followed_from_the_request_to_its_event(pipeline: Pipeline, api: Api) -> None:
    accepted = api.submit(next(orders(1, label="traced")))
    seen = told(
        pipeline, accepted.order_id, "API", "ingest", "queue", "table", "worker", "event", "notification"
    )
    assert (seen.state, seen.receives, seen.deaths) == ("processed", 1, 0)
    assert seen.correlation_ids == (accepted.correlation_id,)
    assert None not in [moment.at for moment in seen.moments]
    times = [max(moment.at or 0, moment.after) for moment in seen.moments]
    assert times == sorted(times)
    places = [moment.where for moment in seen.moments]
    assert places.index("API") < places.index("queue") < places.index("worker") < places.index("event")


def test_an_order_is_found_by_its_correlation_and_message_id_too(pipeline: Pipeline, api: Api) -> None:
    accepted = api.submit(next(orders(1, label="named")))
    for name in (accepted.correlation_id, accepted.message_id):
        assert told(pipeline, name, "worker").order_id == accepted.order_id


def test_a_trace_tells_death_and_redrive_and_takes_no_message_from_the_dlq(
    pipeline: Pipeline, api: Api
) -> None:
    order_id = dead_order(pipeline, api, within=20)
    dead = told(pipeline, order_id, "DLQ", "worker")
    assert (dead.state, dead.deaths) == ("in the DLQ", 1)
    assert any("PERMANENT LinesExceedAmount" in moment.what for moment in dead.moments)
    assert pipeline.dlq().visible == 1
    operation = api.start_redrive(minAgeSeconds=0)
    eventually(lambda: api.redrive(operation)["status"] not in ("PENDING", "RUNNING"), within=60)
    again = told(pipeline, order_id, "redrive")
    assert again.redrives == 1
    assert any(operation in moment.what for moment in again.moments if moment.where == "redrive")
    eventually(lambda: timeline(pipeline, order_id).deaths == 2, within=20)


def test_a_refused_order_is_known_by_its_refusal(pipeline: Pipeline, api: Api) -> None:
    order_id = f"refused-{uuid.uuid4().hex[:8]}"
    assert api.post_order({"orderId": order_id, "amount": -1}).status_code == 422
    seen = eventually(lambda: _timeline_or_none(pipeline, order_id), within=20, every=0.5)
    assert seen is not None
    assert seen.state == "rejected"


def _timeline_or_none(pipeline: Pipeline, name: str) -> OrderTimeline | None:
    try:
        return timeline(pipeline, name)
    except LabError:
        return None


def test_an_unknown_order_is_one_line_with_a_way_out(pipeline: Pipeline) -> None:
    with pytest.raises(LabError, match="Nothing is known of nobody-1") as raised:
        timeline(pipeline, "nobody-1")
    assert "--hours" in raised.value.fix


@pytest.fixture(scope="module")
def traced(local: Aws) -> Pipeline:
    return Pipeline(local, deploy(local, "traced", {"enableTracing": "true"}, print))


@pytest.fixture(scope="module")
def traced_api(traced: Pipeline) -> Iterator[Api]:
    with Api(traced.aws, traced.stack) as api:
        yield api


@pytest.mark.long
def test_with_tracing_the_spans_of_an_order_are_one_tree_and_its_event_is_logged(
    traced: Pipeline, traced_api: Api
) -> None:
    accepted = traced_api.submit(next(orders(1, label="spanned")))

    def complete() -> OrderTimeline:
        seen = told(traced, accepted.order_id, "worker", "event")
        assert {span.name for span in seen.spans} >= {"POST /events", "process order"}, seen.spans
        assert any("PutEvents" in span.name for span in seen.spans), seen.spans
        return seen

    seen = eventually(complete, within=30, every=1)
    by_name = {span.name: span for span in seen.spans}
    server, process = by_name["POST /events"], by_name["process order"]
    assert (process.trace_id, process.parent_id) == (server.trace_id, server.span_id)
    below = {span.name for span in seen.spans if span.parent_id == process.span_id}
    assert any("TransactWriteItems" in name for name in below), below
    assert {moment.source for moment in seen.moments if moment.where == "event"} == {"event log"}


@pytest.mark.long
def test_with_tracing_a_dead_letter_has_no_more_attributes_than_sqs_allows_and_keeps_its_trace(
    traced: Pipeline, traced_api: Api
) -> None:
    order_id = dead_order(traced, traced_api, within=30)
    evidence = collect(traced, order_id, int(time.time() * 1000) - HOUR_MS)
    (letter,) = evidence.letters
    assert len(letter.attributes) == 10
    assert letter.traceparent is not None
    purge(traced.aws.client("sqs"), traced.stack.dlq_url)
