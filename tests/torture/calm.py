"""After the storm: nothing moves any more, everything is seen, and what can be cured is redriven."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from functions.redrive.kinds import DISCARD_KIND
from lab.errors import LabError
from lab.faults.changes import Changes
from lab.pipeline.circuits import forget_circuits
from tests.torture.ledger import Finding, Letter, Sight, id_in
from tests.torture.subject import Subject

SETTLE_SECONDS = 150
"""A message that nobody acknowledges is received five times within this time, and a dead redrive is taken over."""

HALTED_SECONDS = 90
"""An alarm that halts redrives is silent again within this time."""

NEAR_SECONDS = 6
"""A process that is disturbed so soon after it passed a message on may not have removed the original."""

PASSED_ON = re.compile(r'"event":"(order\.dead_lettered|order\.requeued|redrive\.message_moved)"')
FAILED = '"event":"order.failed"'
ENDED = "Task timed out"


def heal(subject: Subject) -> list[Finding]:
    """See that the next command undoes what has expired; then undo everything."""
    found = subject.lab("status").findings()
    changes = Changes(subject.pipeline)
    for active in changes.active():
        if active.expired(time.time()):
            found.append(Finding("expired fault in force", f"{active.told}, after: lab status"))
        changes.undo(active.setting)
    return found


def settle(subject: Subject) -> list[Finding]:
    """Wait until all operations have ended, the queue is empty and every dead letter visible."""
    deadline = time.monotonic() + SETTLE_SECONDS
    calm = 0
    while calm < 3:  # a message may be between two queues
        moving = _moving(subject)
        calm = 0 if moving else calm + 1
        if time.monotonic() > deadline:
            return [Finding("does not settle", f"within {SETTLE_SECONDS} s: {moving}")]
        time.sleep(0.3)
    forget_circuits(subject.pipeline)
    return []


def _moving(subject: Subject) -> str:
    """What has not come to rest; nothing if all has."""
    try:
        states = {name: subject.api.redrive(name)["status"] for name in subject.operations}
    except LabError as error:
        return error.what  # who is given to a process that was killed while it was idle is told 500
    subject.operations = [name for name, state in states.items() if state in ("PENDING", "RUNNING")]
    queue, hidden = subject.pipeline.queue(), subject.pipeline.dlq().in_flight
    resting = not (subject.operations or queue.total or hidden)
    return "" if resting else f"operations {subject.operations}, {queue}, {hidden} dead letters hidden"


def sight(subject: Subject) -> Sight:
    """Where all orders of the book are."""
    rows = subject.aws.client("dynamodb").get_paginator("scan")
    found = [
        id_in(row.get("body", {}).get("S", ""))
        for page in rows.paginate(TableName=subject.stack.redrive_table_name, ConsistentRead=True)
        for row in page["Items"]
        if row.get("kind", {}).get("S") == DISCARD_KIND
    ]
    return Sight(
        executions={one.order_id: one.executions for one in subject.pipeline.effects(list(subject.book.entries))},
        letters=[
            Letter(envelope.message_id, id_in(envelope.body), envelope.text("errorType"))
            for envelope in subject.browser.browse(10_000).envelopes
        ],
        discarded=Counter(found),
    )  # fmt: skip


def read_logs(subject: Subject, since: float) -> int:
    """Enter into the book what the functions' logs tell: failures, and which orders may have left a copy.

    Returns how many times workers were disturbed, by this test or by their time limit.
    """
    disturbed = 0
    for function in ("redrive", "worker"):
        times = [(began, ended) for name, began, ended in subject.disturbances if name == function]
        lines = list(_log(subject, function, since))
        times += [(at, at) for at, line in lines if ENDED in line and not _near(at, times)]
        disturbed = len(times)
        for at, line in lines:
            entry = subject.book.entries.get(id_in(line))
            if entry and FAILED in line:
                entry.failures += 1
            if PASSED_ON.search(line) and _near(at, times):
                # A line about a message without a readable id may be about any of the broken ones.
                for one in [entry] if entry else subject.book.broken():
                    one.excused += 1
    return disturbed


def redrive_everything(subject: Subject, contains: str) -> list[Finding]:
    """Redrive what can be cured. Halts for an alarm or a circuit are waited out, as a person would."""
    deadline = time.monotonic() + HALTED_SECONDS
    wide = ("--min-age", "0", "--force", "--max", "1000")
    while True:
        ran = subject.lab("dlq", "redrive", *wide, "--contains", contains, "--yes", "--json")
        if ran.code == 0 or "not well" not in ran.output or time.monotonic() > deadline:
            break
    found = ran.findings(0, 1)
    if ran.code:
        said = re.findall(r'"(?:status|haltReason|failure|notSent)":[^,}]+', ran.output)
        found.append(Finding("redrive of what can be cured", ", ".join(said)))
    return found


def _log(subject: Subject, function: str, since: float) -> Iterator[tuple[float, str]]:
    """A function's log lines with their times in epoch seconds."""
    group = f"/aws/lambda/{subject.stack.prefix}-{function}"
    pages = subject.aws.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=int(since * 1000)):
        for event in page["events"]:
            yield event["timestamp"] / 1000, event["message"]


def _near(at: float, times: Iterable[tuple[float, float]]) -> bool:
    return any(began - NEAR_SECONDS <= at <= ended + NEAR_SECONDS for began, ended in times)
