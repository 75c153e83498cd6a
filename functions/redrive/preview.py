"""A look into the DLQ that changes nothing but the receive counts, each by one."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.control import RESERVE_SECONDS
from functions.redrive.dlq import EMPTY_RECEIVES, Queue
from functions.redrive.plan import Plan
from functions.redrive.search import MAX_HELD
from functions.redrive.selection import Verdict, judge
from functions.redrive.triage import describe, statistics

MAX_MESSAGES_BYTES = 4 * 1024 * 1024
"""Lambda answers with 6 MB at most, in which the body's quotes are escaped."""

_MATCHING = (Verdict.SELECTED, Verdict.SECOND_DEATH)


def preview(dlq: Queue, plan: Plan, seconds_left: Callable[[], float]) -> dict[str, Any]:
    """Sample the DLQ: up to `plan.max_messages` that match the filters, described and counted.

    Messages stay hidden until the sample is complete, so that none is received twice, and are all visible
    again at the end. `complete` says whether the whole queue was seen; the counts are of all that match, also if
    an answer cannot hold them all.
    """
    now = time.time_ns() // 1_000_000
    received: dict[str, Envelope] = {}
    matching: list[tuple[Envelope, Verdict]] = []
    empty = 0
    try:
        while len(matching) < plan.max_messages and empty < EMPTY_RECEIVES and len(received) < MAX_HELD:
            if seconds_left() < RESERVE_SECONDS:
                break
            messages = dlq.receive(visibility_seconds=round(seconds_left()) + 5)
            empty = 0 if messages else empty + 1
            for envelope in messages:
                verdict = judge(plan, envelope, now)
                if envelope.message_id not in received and verdict in _MATCHING:
                    matching.append((envelope, verdict))
                received[envelope.message_id] = envelope
    finally:
        dlq.release(list(received.values()))
    shown = matching[: plan.max_messages]
    return {
        "sampled": len(received),
        "complete": empty >= EMPTY_RECEIVES,
        "plan": plan.as_json(),
        "statistics": statistics(envelope for envelope, _ in shown),
        "eligible": sum(verdict is Verdict.SELECTED for _, verdict in shown),
        "messages": list(_fitting(describe(envelope, verdict, now) for envelope, verdict in shown)),
    }


def _fitting(described: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """As many of the messages as one answer can hold; long histories make them large."""
    room = MAX_MESSAGES_BYTES
    for message in described:
        room -= len(codec.dumps(message))
        if room < 0:
            return
        yield message
