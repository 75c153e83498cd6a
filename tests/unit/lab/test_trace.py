"""An order's timeline, built from evidence of every kind."""

import json
from typing import Any

import pytest

from functions.publish.envelope import Envelope
from lab.common.output import Terminal
from lab.pipeline.observe import Effect
from lab.trace import Evidence, OrderTimeline, Span, build_timeline
from lab.trace.collector import NAME, Invocation, Line
from lab.trace.show import show, summary, timeline_table, trees
from tests.unit.functions.builders import envelope

ORDER, CORRELATION = "order-1", "c-1"


def line(function: str, at: int, event: str, request: str = "r-1", **fields: Any) -> Line:
    known = {
        "event": event,
        "orderId": ORDER,
        "correlation_id": CORRELATION,
        "function_request_id": request,
    } | fields
    return Line(function, at, known, json.dumps(known))


ACCEPTED = line("ingest", 1000, "order.accepted", "r-in", messageId="m-1", apiRequestId="api-1")
FAILED = {"errorCategory": "TRANSIENT", "errorType": "DependencyUnavailable", "errorMessage": "refused"}


def evidence(*lines: Line, **more: Any) -> Evidence:
    return Evidence(ORDER, lines=sorted(lines, key=lambda one: one.at), **more)


def told(timeline: OrderTimeline, where: str) -> list[tuple[int | None, str]]:
    return [(moment.at, moment.what) for moment in timeline.moments if moment.where == where]


def test_a_processed_order_is_told_from_the_request_to_its_event() -> None:
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.processed", messageId="m-1", receiveCount=1),
            requests={
                "api-1": Line(
                    "api",
                    1012,
                    {"method": "POST", "path": "/events", "status": "202", "responseLatency": "20"},
                    "",
                )
            },
            invocations={"r-in": Invocation(995, 1010, 9.7), "r-1": Invocation(1400, 1600, 200.0, 350.0)},
            effect=Effect(ORDER, 1, 990, 1490),
        )
    )
    assert timeline.state == "processed"
    assert [(moment.at, moment.where, moment.source) for moment in timeline.moments] == [
        (992, "API", "access log"),
        (995, "ingest", "Lambda's log"),
        (1000, "ingest", "log"),
        (1050, "queue", "Lambda's log"),
        (1490, "table", "orders table"),
        (1500, "worker", "log"),
        (1600, "event", "deduced"),
        (1600, "notification", "deduced"),
    ]
    assert told(timeline, "API") == [(992, "POST /events 202 in 20 ms")]
    assert told(timeline, "queue") == [
        (1050, "receive 1 after 50 ms (invocation of 200 ms, cold start of 350 ms)")
    ]
    assert timeline.milliseconds == 608


def test_each_receive_is_told_once_with_its_wait_and_its_end() -> None:
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line(
                "worker",
                1500,
                "order.failed",
                "r-1",
                messageId="m-1",
                receiveCount=1,
                willRetry=True,
                **FAILED,
            ),
            line("worker", 4500, "order.processed", "r-2", messageId="m-1", receiveCount=2),
            invocations={"r-1": Invocation(1400, 1600), "r-2": Invocation(4400, 4600)},
        )
    )
    assert told(timeline, "queue") == [(1400, "receive 1 after 400 ms"), (4400, "receive 2 after 2900 ms")]
    assert told(timeline, "worker")[0] == (
        1500,
        "failed: TRANSIENT DependencyUnavailable, will be retried (refused)",
    )
    assert (timeline.receives, timeline.deaths) == (2, 0)


def test_a_receive_without_a_log_line_is_deduced_from_the_next_one() -> None:
    """A crashed worker leaves no line, but the next receive counts it."""
    timeline = build_timeline(
        evidence(ACCEPTED, line("worker", 9000, "order.processed", messageId="m-1", receiveCount=3))
    )
    lost = [moment for moment in timeline.moments if "left no line" in moment.what]
    assert [moment.what.split(" of ")[0] for moment in lost] == ["receive 1", "receive 2"]
    assert {(moment.at, moment.source) for moment in lost} == {(None, "deduced")}
    assert timeline.moments[-2:] == tuple(lost)


def test_death_redrive_and_second_life_are_told() -> None:
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.failed", messageId="m-1", receiveCount=1, willRetry=False, **FAILED),
            line("worker", 1510, "order.dead_lettered", dlqMessageId="d-1", **FAILED),
            line("redrive", 3000, "redrive.message_moved", messageId="m-2", operationId="op", redriveCount=1),
            line("worker", 3500, "order.processed", "r-3", messageId="m-2", receiveCount=1),
            invocations={"r-3": Invocation(3400, 3600)},
            operations={"op": {"requestedBy": "127.0.0.1 lab", "status": "SUCCEEDED"}},
            effect=Effect(ORDER, 1, 990, 3490),
        )
    )
    assert [what for _, what in told(timeline, "DLQ")] == [
        "dead of TRANSIENT DependencyUnavailable as message d-1"
    ]
    assert "by operation op of 127.0.0.1 lab" in told(timeline, "redrive")[0][1]
    assert told(timeline, "queue")[-1] == (3400, "receive 1 after 400 ms")
    assert (timeline.receives, timeline.deaths, timeline.redrives) == (2, 1, 1)
    assert timeline.state == "processed"


def test_a_receive_stands_after_its_move_although_the_move_is_noted_later() -> None:
    """A sender notes a message once it is sent; by then a quick worker has it."""
    timeline = build_timeline(
        evidence(
            line("redrive", 3000, "redrive.message_moved", messageId="m-2", operationId="op", redriveCount=1),
            line("worker", 3100, "order.processed", "r-3", messageId="m-2", receiveCount=1),
            invocations={"r-3": Invocation(2980, 3120)},
        )
    )
    assert [(moment.at, moment.where) for moment in timeline.moments][:3] == [
        (3000, "redrive"),
        (2980, "queue"),
        (3100, "worker"),
    ]
    assert told(timeline, "queue") == [(2980, "receive 1 after 0 ms")]


def test_a_requeued_message_is_followed_to_its_next_receive() -> None:
    again = {"newMessageId": "m-5", "requeues": 1, "delaySeconds": 30}
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.failed", messageId="m-1", receiveCount=4, willRetry=True, **FAILED),
            line("worker", 1510, "order.requeued", messageId="m-1", receiveCount=4, **again),
            line("worker", 33000, "order.processed", "r-2", messageId="m-5", receiveCount=1),
            invocations={"r-1": Invocation(1400, 1600), "r-2": Invocation(32000, 33100)},
        )
    )
    assert (1510, "sent again as message m-5 (requeue 1), hidden for 30 s") in told(timeline, "queue")
    assert (32000, "receive 1 after 30490 ms") in told(timeline, "queue")


def test_an_event_that_the_bus_refused_is_not_told_as_published() -> None:
    refused = {"errorCategory": "TRANSIENT", "errorType": "EventNotPublished", "errorMessage": "refused"}
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.processed", messageId="m-1", receiveCount=1),
            line("worker", 1600, "order.failed", messageId="m-1", receiveCount=1, willRetry=True, **refused),
            invocations={"r-1": Invocation(1400, 1700)},
        )
    )
    assert told(timeline, "event") == []


def test_logged_events_take_the_place_of_deduced_ones() -> None:
    event = {"detail-type": "OrderProcessed", "detail": {"eventId": "e-1", "correlationId": CORRELATION}}
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.processed", messageId="m-1", receiveCount=1),
            invocations={"r-1": Invocation(1400, 1700)},
            events=[Line("events", 1650, event, "{}")],
            subscribers=("email", "sqs"),
        )
    )
    assert told(timeline, "event") == [(1650, "OrderProcessed e-1 matched the rule")]
    assert "(email, sqs)" in told(timeline, "notification")[0][1]


def letter(**attributes: str | int) -> Envelope:
    return envelope("d-1", correlationId=CORRELATION, **attributes)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (evidence(ACCEPTED), "in the queue or in flight"),
        (evidence(ACCEPTED, letters=[letter()]), "in the DLQ"),
        (evidence(ACCEPTED, effect=Effect(ORDER, 2, 1, 2)), "processed 2 times: a double side effect"),
        (evidence(line("ingest", 1, "order.rejected", status=422, detail="no")), "rejected"),
        (evidence(ACCEPTED, discards=[{"discardedAt": "5", "reason": "test"}]), "discarded"),
        (
            evidence(ACCEPTED, line("worker", 2000, "order.dead_lettered", **FAILED)),
            "dead, but not visible in the DLQ: in flight there, deleted or expired",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_state_says_where_the_order_is_now(given: Evidence, state: str) -> None:
    assert build_timeline(given).state == state


def test_a_letter_that_sqs_moved_is_told_without_a_time() -> None:
    timeline = build_timeline(evidence(ACCEPTED, letters=[letter()]))
    assert timeline.deaths == 1
    assert told(timeline, "DLQ") == [(None, "moved to the DLQ by SQS after its last receive, message d-1")]


def test_a_letter_whose_log_has_expired_tells_its_own_death() -> None:
    attributes = {
        "errorType": "SchemaViolation",
        "errorCategory": "VALIDATION",
        "failedAt": "1970-01-01T00:00:07+00:00",
    }
    timeline = build_timeline(evidence(letters=[letter(**attributes, sent_at=7000)]))
    assert told(timeline, "DLQ") == [(7000, "now in the DLQ: VALIDATION SchemaViolation, message d-1")]


def test_a_line_of_any_other_kind_is_told_as_it_is() -> None:
    timeline = build_timeline(
        evidence(ACCEPTED, line("redrive", 2000, "redrive.not_sent", reason="Throttled"))
    )
    assert told(timeline, "redrive") == [(2000, "redrive.not_sent: reason Throttled")]


@pytest.mark.parametrize("name", ["a b", "", 'a"b', "a\\b", "ä", "x" * 129])
def test_a_name_that_would_break_a_filter_pattern_does_not_match(name: str) -> None:
    assert not NAME.fullmatch(name)


def span(span_id: str, parent: str = "", at: float = 0.0, trace: str = "t-1", **more: Any) -> Span:
    return Span(trace, span_id, parent, f"span {span_id}", "worker", 1000 + at, 5.0, False, "", {}, **more)


def text(renderable: Any) -> str:
    console = Terminal(width=140, record=True, file=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_spans_grow_into_one_tree_for_each_root() -> None:
    first, second = trees(
        (span("a"), span("b", "a", 2.0), span("c", "b", 3.0), span("d", "elsewhere", 4.0, "t-2"))
    )
    assert [row.strip(" │└├─\n") for row in text(first).splitlines()] == [
        "trace t-1",
        "worker span a  at 0.0 ms, 5.0 ms",
        "worker span b  at 2.0 ms, 5.0 ms",
        "worker span c  at 3.0 ms, 5.0 ms",
    ]
    assert "trace t-2" in text(second)


def test_several_submissions_are_told_apart() -> None:
    again = line("ingest", 1100, "order.accepted", "r-4", messageId="m-9", correlation_id="c-2")
    shown = text(timeline_table(build_timeline(evidence(ACCEPTED, again))))
    assert "submission 1" in shown
    assert "submission 2: c-2" in shown


def test_the_summary_counts_and_the_lines_can_be_shown() -> None:
    timeline = build_timeline(evidence(ACCEPTED))
    assert summary(timeline) == (
        "order order-1: in the queue or in flight; 0 receives, 0 deaths, 0 redrives, 0 ms from first to last"
    )
    console = Terminal(width=200)
    with console.capture() as capture:
        show(timeline, console, lines=True)
    assert ACCEPTED.text in capture.get()


def test_a_story_is_json() -> None:
    document = json.loads(json.dumps(build_timeline(evidence(ACCEPTED)).as_json()))
    assert document["moments"][0]["line"] == ACCEPTED.text


def test_payloads_are_told_where_somebody_kept_them_and_nowhere_else() -> None:
    letter = envelope("m-dead", '{"orderId": "order-1"}')
    timeline = build_timeline(
        evidence(
            ACCEPTED,
            line("worker", 1500, "order.dead_lettered", messageId="m-1", dlqMessageId="m-dead", **FAILED),
            letters=[letter],
        )
    )
    told = {moment.what.split()[0]: moment.payload for moment in timeline.moments if moment.where == "DLQ"}
    assert told["dead"] == letter.body
    assert {moment.payload for moment in timeline.moments if moment.where == "ingest"} == {""}


def test_effect_is_told_with_its_row() -> None:
    timeline = build_timeline(evidence(ACCEPTED, effect=Effect(ORDER, 1, 990, 1490), row={"total": "12.50"}))
    (row,) = [moment.payload for moment in timeline.moments if moment.where == "table"]
    assert json.loads(row) == {"total": "12.50"}
    assert timeline.as_json()["moments"][-1]["payload"] == row
