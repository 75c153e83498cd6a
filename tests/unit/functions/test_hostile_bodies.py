"""Bodies that no parser likes: a request is answered with 400 or 422, a message dies of a cause that its letter has."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.common.api import Api
from functions.common.errors import category_of
from functions.common.problem import ProblemError
from functions.common.settings import SQS_MAX_BYTES
from functions.ingest.acceptance import Acceptance
from functions.ingest.routes import EVENTS
from functions.publish.death import dead_letter
from functions.publish.message import MAX_ATTRIBUTES
from functions.publish.publisher import Publisher
from functions.worker.outcome import Done, Failed
from tests.unit.functions.builders import FakeSqs, envelope
from tests.unit.functions.test_worker_process import Remembering, processor

NAMES = st.sampled_from(
    ["orderId", "amount", "items", "sku", "quantity", "unitPrice", "schemaVersion", "total", ""]
)
SCALARS = st.sampled_from(
    [
        "null",
        "true",
        "0",
        "-0",
        "1e2",
        "1e400",
        "1e-400",
        "1e-2000000",
        "9" * 4000,
        "NaN",
        "Infinity",
        '"o"',
        '"\\ud800"',
    ]
) | st.text(st.characters(codec=None), max_size=10).map(json.dumps)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: f"[{','.join(members)}]")
        | st.lists(st.tuples(NAMES, inner), max_size=5).map(
            lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
        )
    ),
    max_leaves=10,
)
EXTREMES = {
    "nested lists": "[" * 50_000 + "]" * 50_000,
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "a nested order id": '{"orderId":' + "[" * 5000 + "]" * 5000 + ',"amount":1}',
    "a nested line": '{"orderId":"o","amount":1,"items":[' + "[" * 900 + "]" * 900 + "]}",
    "5,000 digits": '{"orderId":"o","amount":' + "9" * 5000 + "}",
    "4,000 digits": '{"orderId":"o","amount":' + "9" * 4000 + "}",
    "an exponent beyond all bounds": '{"orderId":"o","amount":1e' + "9" * 30 + "}",
    "a long name": '{"' + "x" * 100_000 + '":1}',
    "no Unicode": '{"orderId":"\ud800","amount":1}',
}


def answer(body: str) -> dict[str, Any]:
    """What the API says to one order."""
    api = Api()
    acceptance = Acceptance(
        Publisher(FakeSqs(), "queue", max_bytes=SQS_MAX_BYTES), max_message_bytes=SQS_MAX_BYTES
    )

    @api.serves(EVENTS)
    def post() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        [verdict] = acceptance.accept([api.json_body(1_000_000)], correlation_id="c")
        if isinstance(verdict, ProblemError):
            raise verdict
        return {}

    event = {
        "version": "2.0",
        "rawPath": "/events",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/events"}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
    }
    context: Any = None
    return api.resolve(event, context)


def require_told(body: str) -> None:
    """A request with the body is refused, and a message with it dies at once, each with its cause."""
    answered, outcome = answer(body), processor(Remembering()).process(envelope(body=body))
    if isinstance(outcome, Done):
        assert answered["statusCode"] == 202
        return
    assert answered["statusCode"] in (400, 422), answered["body"]
    assert json.loads(answered["body"])["detail"]
    assert isinstance(outcome, Failed)
    assert category_of(outcome.error) == "VALIDATION", repr(outcome.error)
    letter = dead_letter(
        outcome.envelope, outcome.error, key=outcome.key, failed_at=datetime.now(UTC), code_version="v"
    )
    assert letter.body == body
    assert len(letter.attributes) <= MAX_ATTRIBUTES
    assert letter.attributes["errorMessage"].get("StringValue")


@given(DOCUMENTS | st.text(max_size=20))
@example('{"orderId":"o","amount":1e-2000000}')
def test_no_body_fails_without_a_cause(body: str) -> None:
    """Property: whatever the API refuses the worker dead-letters, and the other way round."""
    require_told(body)


@pytest.mark.parametrize("body", EXTREMES.values(), ids=EXTREMES)
def test_a_body_of_extreme_shape_fails_with_a_cause(body: str) -> None:
    require_told(body)
