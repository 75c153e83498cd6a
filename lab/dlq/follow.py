"""A redrive operation followed to its end, and what it moved to theirs."""

import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

from functions.redrive.operations import Status
from lab.pipeline.api import Api

POLL_SECONDS = 0.5
FOLLOW_SECONDS = 30
"""How long what was moved is followed: it dies of a bad body at once, and of a dependency after its retries."""

SUCCEEDED, FAILED, UNKNOWN_YET = 0, 1, 3
"""Exit codes."""

type Row = dict[str, Any]


def followed(
    api: Api,
    operation: str,
    seconds: float,
    told: Callable[[Row], None],
    stop: Event | None = None,
) -> Row:
    """The operation when it has ended and nothing that it moved is on its way, or that is waited for long enough.

    `seconds` begin at the end of the operation; `stop` ends them. `told` is given the operation at every look.
    """
    stop = stop or Event()
    ended: float | None = None
    while True:
        row = api.redrive(operation)
        told(row)
        if Status(row["status"]).final:
            ended = time.monotonic() if ended is None else ended
            if not row["outcome"]["waiting"] or stop.is_set() or time.monotonic() - ended >= seconds:
                return row
        stop.wait(POLL_SECONDS)


def exit_code(row: Row, *, follows: bool = True) -> int:
    """Whether everything that the plan selects was moved and, if that is followed, processed; or not known yet."""
    outcome = row["outcome"]
    if row["status"] != Status.SUCCEEDED or outcome["diedAgain"] or outcome["unknown"]:
        return FAILED
    return UNKNOWN_YET if follows and outcome["waiting"] else SUCCEEDED


def verdict(row: Row) -> Iterator[str]:
    """What an operation came to, in a few lines: the figures, what is wrong with them, and how to go on."""
    outcome, plan = row["outcome"], row["plan"]
    figures = ", ".join(f"{outcome[name]} {word}" for name, word in _FIGURES.items() if outcome[name])
    yield f"{row['status']}: {row['moved']} moved{': ' if figures else ''}{figures}"
    if outcome["diedAgain"]:
        yield f"died again: {_orders(outcome, 'diedAgain')}; see what of: lab dlq ls"
    if outcome["unknown"]:
        yield f"in no queue and not processed: {_orders(outcome, 'unknown')}; follow one: lab trace ORDER"
    if outcome["waiting"]:
        jitter = plan["perMessageDelayJitter"]
        late = f", delayed by up to {jitter} s" if jitter else ""
        yield f"still waiting{late}: {_orders(outcome, 'waiting')}; go on: lab dlq watch {row['operationId']}"
    if reason := row.get("haltReason") or row.get("failure") or row.get("incompleteReason"):
        yield f"because: {reason}"
    if not row["complete"]:
        yield f"the search saw {row['seen']} of about {row['lettersAtStart']} dead letters{_how_to_go_on(row)}"
    elif row["skipped"] and not row["moved"]:
        yield f"left where they are: {skipped(row['skipped'])}"


def skipped(counts: dict[str, int]) -> str:
    """Why letters were passed over, and which option would take them."""
    return ", ".join(f"{count} {_WHY.get(reason, reason)}" for reason, count in counts.items())


_FIGURES = {
    "processed": "processed",
    "diedAgain": "died again",
    "waiting": "still waiting",
    "unknown": "unaccounted for",
    "unrecorded": "not recorded",
}
_WHY = {
    "filtered": "do not match the filters",
    "tooYoung": "are younger than --min-age",
    "newDeath": "died after the operation began",
    "secondDeath": "died after a redrive before (--force takes them)",
    "unpatchable": "would be no valid order",
}


def _orders(outcome: dict[str, Any], group: str) -> str:
    names: list[str] = outcome[f"{group}Orders"]
    more = outcome[group] - len(names)
    return f"{', '.join(names)}{f' and {more} more' if more > 0 else ''}"


def _how_to_go_on(row: Row) -> str:
    if row["status"] == Status.SUCCEEDED:
        return (
            f": the limit of {row['plan']['maxMessages']} was reached; the same command goes on with the rest"
        )
    if row["status"] == Status.INCOMPLETE:
        return "; go on with the same command once others are moved or discarded, since SQS has no place to go on from"
    return ""
