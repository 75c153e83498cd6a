"""Spans: where they belong, how a message takes its trace along, and that nothing happens without them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

from functions.common import tracing
from functions.common.errors import DependencyTimeoutError
from functions.common.settings import tracing_settings
from functions.publish.death import dead_letter, redriven
from functions.publish.envelope import Envelope
from functions.publish.message import MAX_ATTRIBUTES, OutgoingMessage, order_message
from functions.tracing.telemetry import Telemetry
from tests.unit.functions.builders import envelope, order

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
VARIABLES = {
    "ENV_NAME": "dev",
    "CODE_VERSION": "v1",
    "FAILURE_MODE_PARAMETERS": "/a",
    "POWERTOOLS_SERVICE_NAME": "worker",
    "TRACED_HANDLER": "functions.worker.handler.lambda_handler",
}
CONTEXT: Any = SimpleNamespace(aws_request_id="request-1", function_name="ingestion-dev-worker")


@dataclass
class Outcome:
    error: Exception | None = None


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    for name in ("_X_AMZN_TRACE_ID", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)
    made = Telemetry(tracing_settings(VARIABLES))
    tracing.install(made)
    yield made
    tracing._installed.clear()
    BotocoreInstrumentor().uninstrument()


def spans(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The spans written so far, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["name"]: line for line in lines}


def sqs_event(*parents: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:ingestion-dev-orders",
                "messageAttributes": {"traceparent": {"stringValue": parent, "dataType": "String"}},
            }
            for parent in parents
        ]
    }


def received(message: OutgoingMessage) -> Envelope:
    return Envelope("m-2", "handle", message.body, message.attributes, 1, 1000)


@pytest.mark.parametrize("sampled", ["0", "1"])
def test_an_order_has_its_spans_whatever_x_ray_samples(
    telemetry: Telemetry,
    sampled: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The worker's, too, whose message carries on what the first function was told."""
    root = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled={sampled}"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", root)
    carried: list[str | None] = []
    telemetry.invoke(lambda _event, _context: carried.append(telemetry.traceparent()), {}, CONTEXT)
    (traceparent,) = carried
    assert traceparent
    assert traceparent.startswith(f"00-{TRACE}-")
    assert traceparent.endswith("-01")
    telemetry.process(lambda _envelope: Outcome(), envelope(traceparent=f"00-{TRACE}-{SPAN}-0{sampled}"))
    written = spans(capsys)
    assert written.keys() == {"invoke ingestion-dev-worker", "process order"}
    assert {line["traceId"] for line in written.values()} == {TRACE}


def test_without_a_tracer_messages_carry_nothing_and_processing_is_left_alone() -> None:
    def process(one: Envelope) -> str:
        return one.message_id

    assert tracing.carried() == {}
    assert tracing.each_traced(process) is process
    assert set(order_message(order(), "key", correlation_id="c", accepted_at=1).attributes) == {
        "correlationId",
        "idempotencyKey",
        "lineage",
    }


def test_a_message_is_processed_in_the_trace_of_the_request_that_sent_it(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[OutgoingMessage] = []

    def ingest(_event: Any, _context: Any) -> dict[str, Any]:
        sent.append(order_message(order(), "key", correlation_id="c-1", accepted_at=1))
        return {"statusCode": 202, "headers": {"X-Correlation-Id": "c-1"}}

    def worker(_event: Any, _context: Any) -> None:
        tracing.each_traced(lambda _one: Outcome())(received(sent[0]))

    request = {"routeKey": "POST /events", "headers": {"traceparent": PARENT}, "requestContext": {"http": {}}}
    telemetry.invoke(ingest, request, CONTEXT)
    parent = sent[0].attributes["traceparent"].get("StringValue", "")
    telemetry.invoke(worker, sqs_event(parent), CONTEXT)
    seen = spans(capsys)
    server, process, batch = (
        seen[name] for name in ("POST /events", "process order", "receive ingestion-dev-orders")
    )
    assert (server["traceId"], server["parentSpanId"]) == (TRACE, SPAN)
    assert (process["traceId"], process["parentSpanId"]) == (TRACE, server["spanId"])
    assert (process["orderId"], process["correlation_id"]) == ("order-1", "c-1")
    assert server["correlation_id"] == "c-1"
    assert batch["traceId"] != TRACE
    assert batch["links"] == [{"traceId": TRACE, "spanId": server["spanId"]}]
    assert process["links"] == [{"traceId": batch["traceId"], "spanId": batch["spanId"]}]
    assert {line["function_request_id"] for line in seen.values()} == {"request-1"}


def test_an_outcome_with_an_error_is_a_failed_span_and_no_exception(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = tracing.each_traced(lambda _one: Outcome(DependencyTimeoutError("late")))
    assert failing(envelope(traceparent=PARENT)).error is not None
    span = spans(capsys)["process order"]
    assert span["status"] == "ERROR"
    assert span["attributes"]["error.type"] == "DependencyTimeout"
    assert span["attributes"]["error.category"] == "TIMEOUT"


def test_a_handler_that_raises_is_a_failed_span_and_raises(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_event: Any, _context: Any) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        telemetry.invoke(broken, {}, CONTEXT)
    assert spans(capsys)["invoke ingestion-dev-worker"]["status"] == "ERROR"


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_a_failed_span(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    telemetry.invoke(lambda _event, _context: {"statusCode": status}, {"routeKey": "GET /health"}, CONTEXT)
    span = spans(capsys)["GET /health"]
    assert (span["status"], span["attributes"]["http.response.status_code"]) == ("ERROR", status)


def test_a_message_stays_in_its_trace_through_death_and_redrive_and_within_ten_attributes() -> None:
    died = dead_letter(
        envelope(correlationId="c", idempotencyKey="key", traceparent=PARENT),
        DependencyTimeoutError("late"),
        key="key",
        failed_at=datetime(2026, 11, 1, tzinfo=UTC),
        code_version="v1",
    )
    assert len(died.attributes) == MAX_ATTRIBUTES
    assert received(died).traceparent == PARENT
    assert received(redriven(received(died), 0)).traceparent == PARENT


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01"])
def test_an_unreadable_trace_header_is_ignored(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    tracing.each_traced(lambda _one: Outcome())(envelope(traceparent=given))
    span = spans(capsys)["process order"]
    assert "parentSpanId" not in span
    assert int(span["traceId"], 16)


@pytest.mark.parametrize("lineage", ['{"foreign": 7}', '{"foreign": {"traceparent": 7}}', "[]", "no json"])
def test_a_lineage_that_somebody_made_up_has_no_trace(lineage: str) -> None:
    assert envelope(lineage=lineage).traceparent is None


def test_an_aws_call_is_a_span_below_the_one_at_hand_and_its_request_is_left_alone(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda's own trace header, by which it ends recursive loops, would give way to another one."""
    client = boto3.client(
        "sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    asked: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request)
        raw = SimpleNamespace(stream=lambda **_: iter([b"{}"]))
        return AWSResponse(request.url, 200, {}, raw)

    client.meta.events.register("before-send.sqs", answer)
    telemetry.invoke(lambda _event, _context: client.list_queues(), {}, CONTEXT)
    seen = spans(capsys)
    (call,) = [span for name, span in seen.items() if "ListQueues" in name]
    assert call["parentSpanId"] == seen["invoke ingestion-dev-worker"]["spanId"]
    assert [name for name in asked[0].headers if "trace" in name.lower()] == []
