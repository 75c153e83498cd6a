"""Seeded search: schedules over all faults and changes of the infrastructure, shrunk where they break a promise."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from lab.challenge import promises as keep
from lab.challenge.catalog import Challenge, Drawn, World, on_writes, orders
from lab.challenge.schedule import Order, Schedule, Step, in_batches, some
from lab.challenge.verdict import Verdict

STEPS = (2, 5)
"""How many things are done in one schedule, at least and at most."""

WITHIN = 3.0
"""Seconds in which they begin."""

REVOKED = (
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "events:PutEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
)
"""Actions that the function's role, with which the mapping polls, too, may be denied for a while."""

type Kind = Callable[[random.Random, list[Order], float, float], list[Step]]
"""Draws what is done, given the orders, when it is to begin, and how many seconds it is to last."""

type Judge = Callable[[Schedule], Verdict]


def _storm(rng: random.Random) -> Drawn:
    those = orders(12)
    done: list[Step] = []
    for drawn in rng.sample(list(PALETTE), rng.randint(*STEPS), counts=list(PALETTE.values())):
        at, seconds = round(rng.uniform(0, WITHIN), 1), round(rng.uniform(1, 3), 1)
        done += drawn(rng, those, at, seconds)
    return those, [*in_batches(those, every=1.0, of=4), *done]


def _duplicate(rng: random.Random, those: list[Order], at: float, _seconds: float) -> list[Step]:
    return [Step(at + 0.3, "duplicate", some(rng, those, 2))]


def _redeliver(rng: random.Random, those: list[Order], _at: float, _seconds: float) -> list[Step]:
    return [Step(0, "redeliver", some(rng, those, 1))]


def _refuse(rng: random.Random, those: list[Order], _at: float, _seconds: float) -> list[Step]:
    return [Step(0, "refuse", some(rng, those, 1))]


def _kill(rng: random.Random, those: list[Order], _at: float, _seconds: float) -> list[Step]:
    point = rng.choice(("entry", "effect", "answer", f"call {rng.randint(1, 6)}"))
    return [Step(0, "kill", some(rng, those, 1), {"point": point})]


def _errors(_rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
    return on_writes(at, error="InternalServerError", status=500, seconds=seconds)


def _denied(_rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
    return on_writes(at, error="AccessDeniedException", status=400, seconds=seconds)


def _slow(rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
    return on_writes(at, latency_ms=rng.randint(200, 500), seconds=seconds)


def _hang(rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
    return on_writes(at, hangs=True, times=rng.randint(1, 2), seconds=seconds)


def _bus(_rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
    facts = {"service": "events", "operation": "PutEvents", "error": "InternalException", "status": 500}
    return [Step(at, "fault", facts=facts | {"seconds": seconds})]


def _setting(what: str, *may_be: object) -> Kind:
    def drawn(rng: random.Random, _those: list[Order], at: float, seconds: float) -> list[Step]:
        return [Step(at, "setting", facts={"what": what, "to": rng.choice(may_be), "seconds": seconds})]

    return drawn


PALETTE: Mapping[Kind, int] = {
    _duplicate: 2,
    _redeliver: 2,
    _refuse: 2,
    _kill: 3,
    _errors: 1,
    _denied: 1,
    _slow: 1,
    _hang: 1,
    _bus: 1,
    _setting("mapping", "disabled", "deleted"): 1,
    _setting("timeout", 1): 1,
    _setting("concurrency", 1): 1,
    _setting("permission", *REVOKED): 2,
}
"""All that may be done to messages, process, AWS APIs and infrastructure, and how often in one schedule at most.

An engine is not restarted: it keeps its state in memory, and would come back without the stack.
"""

CHAOS = Challenge(
    name="chaos",
    title="Anything may happen",
    by=_storm,
    promises=(keep.ONE_EFFECT, keep.ONE_PLACE, keep.GOOD_LIVE, *keep.ALWAYS),
    hint="",
    world=World(max_receives=8, visibility=3, settle=60),
)
"""The world of the search. Whatever happens there is over within seconds: a sound handler loses nothing to it."""


@dataclass(frozen=True)
class Found:
    """A schedule that broke promises. `schedule` is the smallest that did so again; `again` whether any did."""

    schedule: Schedule
    names: tuple[str, ...]
    verdict: Verdict
    again: bool


def search(judge: Judge, seeds: Iterable[int], say: Callable[[str], None]) -> Iterator[Found | None]:
    """Judge one schedule after the other: for each what it found, shrunk, or None."""
    for seed in seeds:
        schedule = CHAOS.schedule(seed)
        verdict = judge(schedule)
        if verdict.untested:
            say(f"seed {seed} is not tested: {verdict.untested}")
        if verdict.passed or verdict.untested:
            yield None
            continue
        say(f"seed {seed} breaks: {', '.join(verdict.names) or verdict.unloaded}")
        names = set(verdict.names)
        last = [verdict]

        def fails(smaller: Schedule, names: set[str] = names, last: list[Verdict] = last) -> bool:
            now = judge(smaller)
            if names & set(now.names):
                last[0] = now
                return True
            return False

        again = fails(schedule)
        smallest = shrink(schedule, fails) if again else schedule
        yield Found(smallest, tuple(sorted(names)), last[0], again)


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """The schedule without every step that it fails without, too. Steps of one fault go together.

    >>> storm = CHAOS.schedule(1)
    >>> shrink(storm, lambda smaller: True).done_to_them
    ()
    """
    for group in _groups(schedule):
        smaller = schedule
        for step in group:
            smaller = smaller.without(step)
        if fails(smaller):
            schedule = smaller
    return schedule


def _groups(schedule: Schedule) -> list[list[Step]]:
    """What is done, each with what belongs to it: a fault of three operations is one thing."""
    groups: dict[str, list[Step]] = {}
    for step in schedule.done_to_them:
        facts = {name: value for name, value in step.facts.items() if name != "operation"}
        groups.setdefault(f"{step.at} {step.kind} {step.orders} {facts}", []).append(step)
    return list(groups.values())


def things(schedule: Schedule) -> int:
    """How many things a schedule does, beside sending its orders."""
    return len(_groups(schedule))
