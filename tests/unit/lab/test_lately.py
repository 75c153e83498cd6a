"""Orders that lately came by, as their log lines tell of them."""

import json
from typing import Any

from lab.pipeline.logs import Entry
from lab.trace.lately import ranked


def entry(at: int, order: str, event: str, **fields: Any) -> Entry:
    return Entry("worker", at, str(at), json.dumps({"event": event, "orderId": order} | fields))


def test_order_is_told_once_by_its_last_event_and_the_unwell_come_first() -> None:
    seen = ranked(
        [
            entry(1, "dead", "order.failed"),
            entry(2, "dead", "order.dead_lettered", errorType="SchemaViolation"),
            entry(3, "mended", "order.failed"),
            entry(4, "mended", "order.processed"),
            entry(5, "fine", "order.processed"),
        ]
    )
    assert [(order.order, order.event, order.unwell) for order in seen] == [
        ("dead", "order.dead_lettered", True),
        ("fine", "order.processed", False),
        ("mended", "order.processed", False),
    ]
    assert seen[0].what == "SchemaViolation"


def test_lines_that_are_about_no_order_are_left_out() -> None:
    assert ranked([entry(1, "", "order.failed"), entry(2, "one", "circuit.opened")]) == []
