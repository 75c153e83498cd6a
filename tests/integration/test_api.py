"""The deployed API: for each kind of request the documented answer, as problem details where it is a refusal."""

import json
import random
import uuid
from typing import Any, NamedTuple

import httpx
import pytest

from functions.ingest.handler import MAX_BATCH_BODY_BYTES, MAX_EVENTS
from lab.deployment.stack import Stack
from lab.engines.direct import DIRECT
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import order
from support.eventually import eventually

JSON = {"Content-Type": "application/json"}


def new_order(**changes: Any) -> dict[str, Any]:
    return order(f"api-{uuid.uuid4().hex[:12]}", random.Random(7)) | changes


def ask(stack: Stack, method: str, path: str, content: str | bytes = b"", **headers: str) -> httpx.Response:
    spelt = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(
        method, f"{stack.api_url}{path}", content=content, headers=spelt, timeout=30, **DIRECT
    )


def post(stack: Stack, path: str, document: Any, **headers: str) -> httpx.Response:
    return ask(stack, "POST", path, json.dumps(document), Content_Type="application/json", **headers)


class Refused(NamedTuple):
    """A request, and the status and the pointers of its answer."""

    path: str
    content: bytes
    headers: dict[str, str]
    status: int
    pointers: list[str]


REFUSALS = {
    "cut off": Refused("/events", b"{", JSON, 400, []),
    "no UTF-8": Refused("/events", b"\xff", JSON, 400, []),
    "NaN": Refused("/events", b'{"orderId":"o","amount":NaN}', JSON, 400, []),
    "nested too deeply": Refused("/events", b"[" * 100_000, JSON, 400, []),
    "plain text": Refused("/events", b"{}", {"Content-Type": "text/plain"}, 415, []),
    "no content type": Refused("/events", b"{}", {}, 415, []),
    "too large": Refused("/events", b'"' + b"x" * 300_000 + b'"', JSON, 413, []),
    "empty order": Refused("/events", b"{}", JSON, 422, ["/amount", "/orderId"]),
    "bad values": Refused("/events", b'{"orderId":"a b","amount":1.005}', JSON, 422, ["/amount", "/orderId"]),
    "unknown version": Refused(
        "/events", b'{"orderId":"o","amount":1,"schemaVersion":9}', JSON, 422, ["/schemaVersion"]
    ),
    "bad idempotency key": Refused(
        "/events",
        b'{"orderId":"o","amount":1}',
        JSON | {"Idempotency-Key": "two words"},
        422,
        ["/idempotencyKey"],
    ),
    "batch cut off": Refused("/events/batch", b"{", JSON, 400, []),
    "batch as text": Refused("/events/batch", b"{}", {"Content-Type": "text/plain"}, 415, []),
    "batch that is a list": Refused("/events/batch", b"[]", JSON, 422, ["/events"]),
    "empty batch": Refused("/events/batch", b'{"events":[]}', JSON, 422, ["/events"]),
    "too many orders": Refused(
        "/events/batch", json.dumps({"events": [{}] * (MAX_EVENTS + 1)}).encode(), JSON, 422, ["/events"]
    ),
    "batch too large": Refused("/events/batch", b" " * (MAX_BATCH_BODY_BYTES + 1), JSON, 413, []),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_wrong_request_is_answered_with_problem_details(pipeline: Pipeline, refused: Refused) -> None:
    answer = ask(
        pipeline.stack, "POST", refused.path, refused.content, X_Correlation_Id="mine-1", **refused.headers
    )
    assert answer.status_code == refused.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (refused.status, "about:blank")
    assert problem["correlationId"] == answer.headers["x-correlation-id"] == "mine-1"
    assert problem["title"]
    assert "Traceback" not in answer.text
    assert [violation["pointer"] for violation in problem.get("violations", [])] == refused.pointers
    assert pipeline.queue().total == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("GET", "/events"), ("DELETE", "/events"), ("GET", "/")]
)
def test_an_unknown_route_is_answered_by_the_gateway_itself(stack: Stack, method: str, path: str) -> None:
    """No function is asked: strangers who try paths cost no invocation."""
    answer = ask(stack, method, path)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_health_and_the_description_of_the_api_are_public(stack: Stack) -> None:
    health = ask(stack, "GET", "/health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert health.json()["version"]
    described = ask(stack, "GET", "/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/redrive/start" in described["paths"]


def test_an_accepted_order_gets_all_its_ids(stack: Stack) -> None:
    sent = new_order()
    answer = post(stack, "/events", sent, X_Correlation_Id="c-1", Idempotency_Key="key-of-the-client")
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted.keys() == {"orderId", "messageId", "idempotencyKey", "correlationId"}
    assert (accepted["orderId"], accepted["correlationId"]) == (sent["orderId"], "c-1")
    assert accepted["idempotencyKey"] == "key-of-the-client"


def test_the_good_orders_of_a_batch_are_taken_whatever_the_others_are(
    pipeline: Pipeline, stack: Stack
) -> None:
    events = [new_order(), new_order(amount=-1), "no order", new_order()]
    answer = post(stack, "/events/batch", {"events": events})
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (2, 2)
    assert [(result["index"], result["status"]) for result in body["results"]] == [
        (0, 202),
        (1, 422),
        (2, 422),
        (3, 202),
    ]
    assert [violation["pointer"] for violation in body["results"][1]["violations"]] == ["/amount"]
    good = {events[0]["orderId"], events[3]["orderId"]}
    eventually(lambda: good <= {effect.order_id for effect in pipeline.effects()}, within=20)
    assert {result["orderId"] for result in body["results"] if result["status"] == 202} == good


def test_a_full_batch_is_taken_at_once(pipeline: Pipeline, stack: Stack) -> None:
    events = [{"orderId": f"full-{uuid.uuid4().hex[:12]}", "amount": 1} for _ in range(MAX_EVENTS)]
    answer = post(stack, "/events/batch", {"events": events})
    assert (answer.status_code, answer.json()["accepted"]) == (207, MAX_EVENTS)
    ids = {event["orderId"] for event in events}
    eventually(lambda: ids <= {effect.order_id for effect in pipeline.effects()}, within=60, every=0.5)


def test_a_browser_may_call_the_api(stack: Stack) -> None:
    answer = ask(
        stack,
        "OPTIONS",
        "/events",
        Origin="https://example.com",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type,idempotency-key",
    )
    assert answer.status_code in (200, 204)
    allowed = {header.lower() for header in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "idempotency-key"} <= allowed
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert (
        post(stack, "/events", {}, Origin="https://example.com").headers["access-control-allow-origin"] == "*"
    )


def test_the_token_of_redrive_is_in_no_log(pipeline: Pipeline, stack: Stack) -> None:
    token = pipeline.aws.client("secretsmanager").get_secret_value(SecretId=stack.redrive_token_secret_name)[
        "SecretString"
    ]
    marker = f"agent-{uuid.uuid4().hex}"
    given = {"Authorization": f"Bearer {token}", "User_Agent": marker}
    assert ask(stack, "GET", "/redrive/preview", **given).status_code == 200
    wrong = {"Authorization": f"Bearer x{token}", "User_Agent": marker}
    assert ask(stack, "GET", "/redrive/preview", **wrong).status_code == 403
    logs = pipeline.aws.client("logs")

    def lines() -> list[str]:
        groups = logs.get_paginator("describe_log_groups").paginate()
        names = [group["logGroupName"] for page in groups for group in page["logGroups"]]
        pages = (
            page
            for name in names
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        )
        return [event["message"] for page in pages for event in page["events"]]

    eventually(lambda: sum(marker in line for line in lines()) >= 2, within=20, every=0.5)
    assert [line for line in lines() if token in line] == []
