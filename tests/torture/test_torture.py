"""The lab under torture: kills, pauses, races and hostile letters at random by seed, judged by identity.

LAB_TORTURE_SEED repeats a run's draw (which race is won differs), LAB_TORTURE_SECONDS says how long rounds are begun.
Each round ends in calm: nothing moves, every order is judged by its id, the commands still work, and what can be
cured is redriven. Every fourth round the engine dies, with all it knew, and is stopped, started and deployed to again.
"""

import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import httpx
import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lab.dlq.seed import bury
from lab.errors import LabError
from tests.conftest import free_port
from tests.torture import calm, hostile
from tests.torture.actions import ACTIONS, DEATHS, Action, orders
from tests.torture.ledger import MAX_RECEIVES, Finding, Origin
from tests.torture.schedule import Round, Step, rounds
from tests.torture.subject import Subject

SECONDS = float(os.environ.get("LAB_TORTURE_SECONDS") or 60)
"""How long rounds are begun; the last one is a round of deaths."""

SEED = int(os.environ.get("LAB_TORTURE_SEED") or random.SystemRandom().randrange(2**31))
GOOD_LETTERS = 20
UNUSABLE = "unusable"
"""The kind of finding after which nothing more can be found out."""

DIARY_SHOWN, TIMELINES_SHOWN, TIMELINE_LINES = 80, 3, 20
LOSING = (LabError, ClientError, BotoCoreError, httpx.HTTPError, psutil.Error)
"""What the loser of a race may be told."""


@pytest.fixture
def subject() -> Iterator[Subject]:
    """A running lab of the test's own."""
    subject = Subject(free_port(), SEED)
    try:
        ran = subject.lab("up")
        assert not ran.findings(), ran
        yield subject
    finally:
        subject.lab("down")
        subject.leftovers()


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 900)
def test_a_tortured_lab_loses_no_order_and_stays_usable(subject: Subject) -> None:
    subject.note(f"LAB_TORTURE_SEED={SEED} LAB_TORTURE_SECONDS={SECONDS:g}")
    end = time.monotonic() + SECONDS
    found: list[Finding] = []
    guilty: dict[str, str] = {}
    for this in rounds(SEED, ACTIONS, hostile.LETTERS, DEATHS):
        last = time.monotonic() > end
        if last and not this.deaths:
            continue
        fresh = [one for one in _played(subject, this) if not one.order_id or one not in found]
        found += fresh
        for one in fresh:
            subject.note(f"FOUND {one}")
            if one.order_id and len(guilty) < TIMELINES_SHOWN:
                guilty.setdefault(one.order_id, _timeline(subject, one.order_id))
        if last or any(one.kind == UNUSABLE for one in fresh):
            break
    if found:
        pytest.fail(_report(subject, found, guilty), pytrace=False)


def _played(subject: Subject, this: Round) -> list[Finding]:
    what = ", ".join(this.deaths) or f"{len(this.steps)} actions; letters: {', '.join(this.letters)}"
    subject.note(f"round {this.number}: {what}")
    try:
        return _killed(subject, this) if this.deaths else _stormed(subject, this)
    except LOSING:
        return [Finding(UNUSABLE, traceback.format_exc(limit=-4))]


def _stormed(subject: Subject, this: Round) -> list[Finding]:
    if not subject.deployed:
        subject.start()
    began = time.time()
    subject.disturbances.clear()
    _bury(subject, this.letters)
    with ThreadPoolExecutor(len(this.steps) + 1) as crowd:
        crowd.submit(_acted, subject, orders, "orders", this.number)
        found = [finding for some in crowd.map(partial(_stepped, subject), this.steps) for finding in some]
    found += calm.heal(subject)
    if unsettled := calm.settle(subject):
        return found + unsettled
    found += _judged(subject, calm.read_logs(subject, began))
    found += _tools(subject)
    found += calm.redrive_everything(subject, hostile.LABEL) + calm.settle(subject)
    return found + _judged(subject, MAX_RECEIVES, redriven=True)


def _judged(subject: Subject, disturbed: int, *, redriven: bool = False) -> list[Finding]:
    sight = calm.sight(subject)
    subject.note(f"  {len(subject.book.entries)} orders: {sight}")
    left = [letter for letter in sight.letters if redriven and subject.book.is_good(letter.order_id)]
    found = [Finding("cannot be redriven", f"died of {letter.cause!a}", letter.order_id) for letter in left]
    return found + subject.book.judge(sight, disturbed)


def _bury(subject: Subject, names: Iterable[str]) -> None:
    """What races are about: good orders that died long ago, and a few hostile letters."""
    good = [hostile.order(subject.next_id()) for _ in range(GOOD_LETTERS)]
    for order in good:
        subject.book.enter(order["orderId"], Origin.BURIED)
    bury(subject.pipeline, good)
    for name in names:  # one by one: together they would be too long for a batch
        order_id = subject.next_id()
        subject.send(subject.stack.dlq_url, [(order_id, hostile.LETTERS[name](order_id))], Origin.BURIED)


def _stepped(subject: Subject, step: Step) -> list[Finding]:
    time.sleep(step.after)
    return _acted(subject, ACTIONS[step.action], step.action, step.seed)


def _acted(subject: Subject, action: Action, name: str, seed: int) -> list[Finding]:
    try:
        subject.note(f"  {name}: {action(subject, random.Random(seed))}")
    except LOSING as refusal:
        subject.note(f"  {name}: refused: {str(refusal)[:120]}")
    except Exception:  # noqa: BLE001  one action's failure is a finding like others
        return [Finding(f"action {name}", traceback.format_exc(limit=-3))]
    return []


def _tools(subject: Subject) -> list[Finding]:
    """The commands an operator needs now, on whatever lies in the DLQ."""
    ids = [envelope.message_id for envelope in subject.browser.browse(1000).envelopes]
    commands = [["status"], ["dlq", "ls"], ["dlq", "ls", "--json"], ["dlq", "stats"]]
    commands += [["dlq", "show", one] for one in random.Random(SEED).sample(ids, min(3, len(ids)))]
    return [finding for command in commands for finding in subject.lab(*command).findings()]


def _killed(subject: Subject, this: Round) -> list[Finding]:
    """The engine dies under load. It can be stopped and started again; what it knew is gone."""
    found = subject.lab("steady", within=200).findings()
    with ThreadPoolExecutor() as crowd:
        crowd.submit(_acted, subject, orders, "orders", this.number)
        time.sleep(1)
        for death in this.deaths:
            subject.note(f"  {death}")
            after = DEATHS[death](subject) + subject.lab("status").findings(0, 1)
            after += subject.lab("down").findings() + subject.leftovers() + subject.lab("up").findings()
            found += [replace(one, kind=f"after {death}, {one.kind}") for one in after]
    return found


def _timeline(subject: Subject, order_id: str) -> str:
    """The end of what `lab trace` says of an order."""
    return "\n".join(subject.lab("trace", order_id).output.splitlines()[-TIMELINE_LINES:])


def _report(subject: Subject, found: list[Finding], guilty: dict[str, str]) -> str:
    kinds = Counter(one.kind for one in found)
    first = {one.kind: one for one in reversed(found)}
    lines = [
        f"seed {SEED}: {len(found)} findings",
        *(f"{kinds[kind]} x {one}" for kind, one in first.items()),
    ]
    lines += ["", "what happened, in seconds:", *subject.diary[-DIARY_SHOWN:]]
    for order_id, timeline in guilty.items():
        lines += ["", f"{order_id}:", timeline]
    return "\n".join(lines)
