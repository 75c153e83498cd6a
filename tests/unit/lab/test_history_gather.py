"""A history is made of what clients were told, what the functions logged, and what is found at the end."""

from dataclasses import replace
from typing import Any

import pytest

from functions.publish.envelope import Envelope
from lab.history import Kind, Recorder
from lab.history.gather import Owners, events_of
from lab.history.places import effects, under_way
from lab.pipeline.api import Accepted
from lab.pipeline.logs import LogLine
from lab.pipeline.observe import Effect
from tests.support.histories import event, history


def line(name: str, **fields: Any) -> LogLine:
    return LogLine("worker", 7, {"event": name, "function_request_id": "i-1", "orderId": "a"} | fields)


def told_by(name: str, **fields: Any) -> list[tuple[Kind, str | None, str | None]]:
    return [(event.kind, event.message_id, event.letter) for event in events_of(line(name, **fields))]


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("order.accepted", {"messageId": "m-1"}, [(Kind.SENT, "m-1", None)]),
        (
            "order.accepted",
            {"messageId": "m-1", "copyMessageIds": ["m-2"]},
            [(Kind.SENT, "m-1", None), (Kind.SENT, "m-2", None)],
        ),
        (
            "batch.received",
            {"messages": {"m-1": 1, "m-2": 3}},
            [(Kind.RECEIVED, "m-1", None), (Kind.RECEIVED, "m-2", None)],
        ),
        ("order.processed", {"messageId": "m-1"}, [(Kind.EFFECT, "m-1", None)]),
        ("order.duplicate", {"messageId": "m-1"}, [(Kind.DUPLICATE, "m-1", None)]),
        ("order.failed", {"messageId": "m-1"}, [(Kind.FAILED, "m-1", None)]),
        ("order.requeued", {"messageId": "m-1", "newMessageId": "m-2"}, [(Kind.REQUEUED, "m-2", None)]),
        ("order.dead_lettered", {"messageId": "m-1", "dlqMessageId": "l-1"}, [(Kind.DIED, "m-1", "l-1")]),
        ("order.death_not_announced", {"messageId": "m-1"}, [(Kind.UNANNOUNCED, "m-1", None)]),
        (
            "redrive.message_moved",
            {"messageId": "m-2", "dlqMessageId": "l-1"},
            [(Kind.REDRIVEN, "m-2", "l-1")],
        ),
        ("circuit.changed", {"circuit": "price-service", "toState": "OPEN"}, [(Kind.CIRCUIT, None, None)]),
        ("order.rejected", {}, []),
        ("somebody.else", {"messageId": "m-1"}, []),
    ],
)
def test_a_log_line_is_the_events_that_it_tells_of(
    name: str, fields: dict[str, Any], expected: list[tuple[Kind, str | None, str | None]]
) -> None:
    assert told_by(name, **fields) == expected


@pytest.mark.parametrize("strange", [None, 7, ["m-1"], {"m-1": {}}])
def test_a_log_line_with_strange_fields_is_no_error(strange: Any) -> None:
    for name in ("batch.received", "order.accepted", "order.processed"):
        told_by(name, messages=strange, messageId=strange, copyMessageIds=strange, orderId=strange)


def test_an_event_of_a_log_line_keeps_time_invocation_and_what_rules_ask_for() -> None:
    (found,) = events_of(
        line("order.failed", messageId="m-1", errorType="LockLost", willRetry=True, more="x")
    )
    assert (found.time, found.invocation, found.order_id) == (7, "i-1", "a")
    assert found.facts == {"errorType": "LockLost", "willRetry": True}


def letter(message_id: str, body: str, key: str | None = None) -> Envelope:
    attributes: Any = {"idempotencyKey": {"DataType": "String", "StringValue": key}} if key else {}
    return Envelope(message_id, "r", body, attributes, 1, 0)


KNOWN = [event(Kind.SENT, "a", "m-a"), event(Kind.DIED, "b", "m-b", letter="l-b")]


@pytest.mark.parametrize(
    ("found", "whose"),
    [
        (letter("l-1", '{"orderId": "a"}', "key-b"), "a"),
        (letter("l-1", "poisoned", "key-a"), "a"),
        (letter("m-a", "poisoned"), "a"),
        (letter("l-b", '{"orderId": 0}'), "b"),
        (letter("l-9", '{"orderId": "x"}', "key-x"), "x"),
        (letter("l-9", "poisoned"), None),
    ],
    ids=["its body's id", "its key", "the message it was", "the letter it is", "a stranger", "nobody"],
)
def test_a_letter_is_told_by_its_order_id_then_its_key_then_its_message(
    found: Envelope, whose: str | None
) -> None:
    assert Owners(KNOWN, {"a", "b"}).of(found) == whose


def test_effects_are_what_the_rows_said() -> None:
    row = replace(event(Kind.ROW_FOUND, "a", executions=2, acceptedAt=100), time=350)
    run = replace(history(), events=(row, event(Kind.EFFECT, "b")))
    (effect,) = effects(run)
    assert effect == Effect("a", executions=2, accepted_at=100, processed_at=350)
    assert effect.latency_ms == 250


def test_what_the_api_promised_is_an_acceptance_and_what_a_producer_sent_is_on_its_way() -> None:
    pipeline: Any = None  # nothing is asked of it
    recorder = Recorder("test", pipeline)
    recorder.accepted(Accepted("a", "m-a", "key-a", "c-1"))
    recorder.promised(["b"])
    recorder.produced("c", "m-c")
    assert [(event.kind, event.order_id, event.message_id) for event in recorder.told()] == [
        (Kind.ACCEPTED, "a", "m-a"),
        (Kind.ACCEPTED, "b", None),
        (Kind.ACCEPTED, "c", "m-c"),
        (Kind.SENT, "c", "m-c"),
    ]


def test_an_edited_message_that_was_taken_back_is_not_on_its_way() -> None:
    sent = [
        event(Kind.EDITED, "a", "m-2", letter="l-a"),
        event(Kind.EDITED, "b", "m-3", letter="l-b"),
    ]
    assert under_way(sent) == {"a": ["m-2"], "b": ["m-3"]}
    assert under_way([*sent, event(Kind.UNDONE, "a", letter="m-2")]) == {"b": ["m-3"]}
