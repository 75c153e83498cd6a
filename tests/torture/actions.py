"""What may happen to the lab: one function for each action, on one subject, with choices of its own seed.

An action that the lab refuses raises LabError, which is noted: in a race somebody has to lose.
"""

import json
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil

from lab.dlq.native import MoveTask
from lab.dlq.repair import discard, send_repaired
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults.changes import Changes
from lab.pipeline.queues import purge as purge_queue
from tests.torture import hostile
from tests.torture.calm import sight
from tests.torture.ledger import Finding, Origin, id_in
from tests.torture.subject import Subject

LONGEST_PAUSE = 6.0

type Action = Callable[[Subject, random.Random], str]


# load


def orders(subject: Subject, rng: random.Random, count: int = 20) -> str:
    """Orders one by one and as a batch."""
    accepted = 0
    for _ in range(count):
        accepted += _posted(subject, [_order(subject, rng)])
        time.sleep(rng.uniform(0, 0.5))
    accepted += _posted(subject, [_order(subject, rng) for _ in range(count)])
    return f"{accepted} of {2 * count} accepted"


def _order(subject: Subject, rng: random.Random) -> dict[str, Any]:
    return hostile.order(subject.next_id(), rng.randint(1, 99_99) / 100)


def _posted(subject: Subject, some: list[dict[str, Any]]) -> int:
    for order in some:
        subject.book.enter(order["orderId"], Origin.UNANSWERED)
    try:
        accepted = [subject.api.submit(some[0])] if len(some) == 1 else subject.api.submit_batch(some)
    except (LabError, httpx.HTTPError):
        return 0
    for one in accepted:
        subject.book.enter(one.order_id, Origin.ACCEPTED)
    return len(accepted)


# kills and pauses


def kill_workers(subject: Subject, rng: random.Random) -> str:
    """End all processes of the worker."""
    return _kill(subject, "worker")


def kill_redrive(subject: Subject, rng: random.Random) -> str:
    """End all processes of the redrive function, in the middle of an operation."""
    redrive(subject, rng)
    time.sleep(rng.uniform(0, 1.5))
    return _kill(subject, "redrive")


def pause_workers(subject: Subject, rng: random.Random) -> str:
    """Stop all processes of the worker for a while."""
    return _pause(subject, subject.functions("worker"), rng, "worker")


def pause_redrive(subject: Subject, rng: random.Random) -> str:
    """Stop all processes of the redrive function for a while, in the middle of an operation."""
    redrive(subject, rng)
    return _pause(subject, subject.functions("redrive"), rng, "redrive")


def pause_engine(subject: Subject, rng: random.Random) -> str:
    """Stop the engine for a while; its functions wait for it."""
    return _pause(subject, [subject.engine.process()], rng, "worker", "redrive")


def _kill(subject: Subject, function: str) -> str:
    began, processes = time.time(), subject.functions(function)
    for process in processes:
        _signal(process, signal.SIGKILL)
    subject.disturbed(began, function)
    return f"{len(processes)} processes"


def _pause(subject: Subject, processes: list[psutil.Process], rng: random.Random, *functions: str) -> str:
    began, seconds = time.time(), rng.uniform(0.5, LONGEST_PAUSE)
    for process in processes:
        _signal(process, signal.SIGSTOP)
    time.sleep(seconds)
    for process in processes:
        _signal(process, signal.SIGCONT)
    subject.disturbed(began, *functions)
    return f"{len(processes)} processes, {seconds:.1f} s"


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


# dead letters


def redrive(subject: Subject, rng: random.Random) -> str:
    """Start an operation."""
    rate = {"ratePerSecond": rng.randint(5, 50)} if rng.random() < 0.5 else {}
    operation = subject.api.start_redrive(
        minAgeSeconds=rng.choice((0, 300)),
        canaryMessages=rng.randint(0, 3),
        maxMessages=rng.choice((20, 1000)),
        perMessageDelayJitter=rng.randint(0, 2),
        force=rng.random() < 0.5,
        **rate,
    )
    subject.operations.append(operation)
    return operation


def cancel(subject: Subject, rng: random.Random) -> str:
    """Cancel an operation soon after its start."""
    operation = redrive(subject, rng)
    time.sleep(rng.uniform(0, 2))
    return f"{operation} {subject.api.cancel_redrive(operation)['status']}"


def move_native(subject: Subject, rng: random.Random) -> str:
    """SQS's own move task; every second one is cancelled."""
    task = MoveTask(subject.pipeline, rng.choice((None, 10)))
    time.sleep(rng.uniform(0, 2))
    if rng.random() < 0.5 and task.progress()[0] == "RUNNING":
        task.cancel()
    return " ".join(map(str, task.progress()))


def edit(subject: Subject, rng: random.Random) -> str:
    """Repair a dead letter's body. A good one keeps its content, and with it the key by which copies are known."""
    chosen = subject.letter(rng)
    order_id = id_in(chosen.body)
    good = subject.book.is_good(order_id)
    with subject.browser.take(chosen.message_id) as envelope:
        body = envelope.body if good else json.dumps(hostile.order(order_id, customer="edited"))
        send_repaired(subject.pipeline, subject.browser, envelope, body)
    return order_id


def give_up(subject: Subject, rng: random.Random) -> str:
    """Discard a dead letter."""
    chosen = subject.letter(rng)
    with subject.browser.take(chosen.message_id) as envelope:
        discard(subject.pipeline, subject.browser, envelope, "torture")
    return id_in(chosen.body)


def purge(subject: Subject, rng: random.Random) -> str:
    """Empty one of the queues. What was settled before is not in it; all others may be gone."""
    url = rng.choice((subject.stack.queue_url, subject.stack.dlq_url))
    before = sight(subject)
    purge_queue(subject.sqs, url)
    subject.book.purge(before)
    return url.rpartition("/")[2]


def look(subject: Subject, rng: random.Random) -> str:
    """Look into the DLQ with the command, and over the API."""
    subject.api.preview(minAgeSeconds=0)
    return f"exit code {subject.lab('dlq', 'ls').code}"


# strangers


def hostile_batch(subject: Subject, rng: random.Random) -> str:
    """One body that is nested too deeply in the queue, and nine good orders that may share its batch."""
    ids = [subject.next_id() for _ in range(10)]
    good = [(one, hostile.Hostile(json.dumps(hostile.order(one)), curable=True)) for one in ids[1:]]
    subject.send(subject.stack.queue_url, [(ids[0], hostile.deep(ids[0])), *good], Origin.QUEUED)
    return ids[0]


def forgotten_fault(subject: Subject, rng: random.Random) -> str:
    """A failure mode whose maker dies: its time limit passes, and nobody undoes it."""
    mode = rng.choice(("schema_mismatch", "random_fail_p30", "slow_downstream"))
    Changes(subject.pipeline).make(faults.failure_mode(mode), why="torture", seconds=1)
    return mode


ACTIONS: dict[str, Action] = {
    action.__name__: action
    for action in (
        kill_workers, kill_redrive, pause_workers, pause_redrive, pause_engine, redrive, cancel,
        move_native, edit, give_up, purge, look, hostile_batch, forgotten_fault,
    )
}  # fmt: skip


# deaths of the engine


def kill_engine(subject: Subject) -> list[Finding]:
    """The engine dies alone; its supervisor sees it."""
    subject.engine.process().kill()
    return []


def kill_supervisor(subject: Subject) -> list[Finding]:
    """The supervisor dies, the engine lives on."""
    parent = subject.engine.process().parent()
    assert parent
    parent.kill()
    return []


def kill_both(subject: Subject) -> list[Finding]:
    """Both die at once, functions may live on."""
    engine = subject.engine.process()
    kill_supervisor(subject)
    _signal(engine, signal.SIGKILL)
    return []


def empty_state(subject: Subject) -> list[Finding]:
    """The file that says which engine runs is emptied, as a full disk does it."""
    (subject.engine.home / "state.json").write_text("")
    return []


def two_ups(subject: Subject) -> list[Finding]:
    """Two people start an engine at once."""
    found = subject.lab("down").findings() + subject.leftovers()
    with ThreadPoolExecutor() as people:
        both = list(people.map(subject.lab, ["up", "up"]))
    expected = (0, 1) if 0 in {run.code for run in both} else (0,)
    return found + [wrong for run in both for wrong in run.findings(*expected)]


DEATHS: dict[str, Callable[[Subject], list[Finding]]] = {
    death.__name__: death for death in (kill_engine, kill_supervisor, kill_both, empty_state, two_ups)
}
