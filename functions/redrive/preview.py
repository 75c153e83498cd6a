"""A look into the DLQ that changes nothing but the receive counts, each by one."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.control import MARGIN_SECONDS, RESERVE_SECONDS
from functions.redrive.dlq import Queue, Walk
from functions.redrive.error_types import require_known
from functions.redrive.plan import Plan
from functions.redrive.selection import Verdict, error_type, judge
from functions.redrive.triage import age_seconds, describe, statistics

MOST = 10_000
"""Letters that a preview looks at; a redrive searches on."""

MAX_MESSAGES_BYTES = 4 * 1024 * 1024
"""Lambda answers with 6 MB at most, in which the body's quotes are escaped."""

_MATCHING = (Verdict.SELECTED, Verdict.SECOND_DEATH)
_YOUNG = Verdict.TOO_YOUNG


def preview(dlq: Queue, plan: Plan, seconds_left: Callable[[], float]) -> dict[str, Any]:
    """Sample the DLQ: up to `plan.max_messages` that match the filters, described and counted.

    Messages stay hidden until the sample is complete, so that none is received twice, and are all visible
    again at the end. `complete` says whether the whole queue was seen. `statistics` are of every letter that was
    seen, `matching` of those that the filters let pass; `skipped` counts the others by reason, and `tooYoung` tells of
    those that lack nothing but age. Raises ProblemError 400 for an error type that nothing has.
    """
    now = time.time_ns() // 1_000_000
    judged: list[tuple[Envelope, Verdict]] = []
    matching = 0
    with Walk(dlq, lambda: round(seconds_left()) + MARGIN_SECONDS) as walk:
        for letters in walk:
            verdicts = [judge(plan, envelope, now) for envelope in letters]
            judged += zip(letters, verdicts, strict=True)
            matching += sum(verdict in _MATCHING for verdict in verdicts)
            if matching >= plan.max_messages or len(judged) >= MOST or seconds_left() < RESERVE_SECONDS:
                break
    if walk.complete:
        require_known(plan.error_type, {error_type(envelope) for envelope, _ in judged})
    shown = [found for found in judged if found[1] in _MATCHING][: plan.max_messages]
    young = [age_seconds(envelope, now) for envelope, verdict in judged if verdict is _YOUNG]
    return {
        "sampled": len(judged),
        "complete": walk.complete,
        "plan": plan.as_json(),
        "statistics": statistics(envelope for envelope, _ in judged),
        "matching": statistics(envelope for envelope, _ in shown),
        "skipped": Counter(verdict for _, verdict in judged if verdict is not Verdict.SELECTED),
        **({"tooYoung": {"youngestSeconds": min(young), "oldestSeconds": max(young)}} if young else {}),
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
