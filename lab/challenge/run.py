"""One run of a challenge: the handler is put in, the schedule is played, the history is judged."""

import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

from botocore.exceptions import ClientError

from lab.challenge.catalog import CHALLENGES, Challenge
from lab.challenge.nemesis import Nemesis
from lab.challenge.package import HANDLER, OWN_WORKER, Handler, package
from lab.challenge.schedule import Schedule
from lab.challenge.stand import Stand
from lab.challenge.testimony import Testimony, untold, waiting
from lab.challenge.verdict import SLOW_IMPORT, Verdict
from lab.errors import LabError
from lab.faults.proxy import FaultProxy
from lab.history.check import Judgement, check
from lab.history.events import History
from lab.history.rules import Rule

LATE_SECONDS = 3.0
"""How long log lines are waited for, where a promise seems broken without them."""

UNTOLD_SECONDS = 20.0
"""How long they are waited for, where it is known that some are missing."""

LOOK_SECONDS = 0.3
GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException")
"""The codes of what is not there."""

NOTHING: Mapping[str, str] = MappingProxyType({})


def run(
    stand: Stand,
    handler: Handler,
    schedule: Schedule,
    say: Callable[[str], None],
    proxy: Callable[[], FaultProxy] | None = None,
) -> Verdict:
    """Judge a handler's file. Raises LabError where the engine does not do as asked.

    `proxy` gives one that is there already: it takes seconds to start.
    """
    began = time.monotonic()
    stand.install(package(handler, stand.aws.endpoint or ""), HANDLER)
    own = stand.challenge.worker if handler.needs == OWN_WORKER else NOTHING
    verdict = judged(stand, handler.entry, schedule, say, own, proxy)
    return replace(verdict, seconds=time.monotonic() - began)


def judged(  # noqa: PLR0917
    stand: Stand,
    entry: str,
    schedule: Schedule,
    say: Callable[[str], None],
    variables: Mapping[str, str] = NOTHING,
    proxy: Callable[[], FaultProxy] | None = None,
) -> Verdict:
    """Play a schedule on a function that has the witness around its handler, which `entry` names as `module:name`."""
    began = time.monotonic()
    challenge = stand.challenge
    own = stand.environment | {"LAB_HANDLER": entry} | dict(variables)
    with (
        everything_there(),
        Nemesis(stand, schedule).ready(proxy) as nemesis,
        stand.with_environment(nemesis.environment | own),
    ):
        if why := load(stand):
            return Verdict(challenge, schedule, time.monotonic() - began, unloaded=why, load=load_average())
        say(f"nemesis: {len(schedule.orders)} orders, seed {schedule.seed}")
        nemesis.play(say)
        said, rules = _settle(nemesis.testimony, challenge)
        say(said)
        history, judgement = _gathered(nemesis.testimony, rules)
        unstruck = challenge.name in CHALLENGES and nemesis.unstruck  # what chaos draws may pass a run by
    return Verdict(
        challenge,
        schedule,
        time.monotonic() - began,
        history=history,
        judgement=judgement,
        unstruck=unstruck,
        load=load_average(),
    )


@contextmanager
def everything_there() -> Generator[None]:
    """Raise LabError where something of the stack is gone."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in GONE:
            raise
        raise LabError(
            f"Something of the challenge's stack is gone: {error}.",
            "A handler that deletes its queue or its table cannot be judged. To have its calls denied: "
            "make down, then make up LAB_IAM=enforce",
        ) from error


def load(stand: Stand) -> str:
    """Have the function import its handler; why it could not, or nothing. It warms an environment, too."""
    answer = stand.lambda_().invoke(FunctionName=stand.function_name, Payload=json.dumps({"probe": True}))
    told = cast("dict[str, Any]", json.load(answer["Payload"]))  # the witness's answer, or Lambda's own error
    if "loaded" in told:
        return ""
    if "error" in told:
        return f"{told['where']}: {told['error']}: {told['message']}"
    if "timed out" in str(told):
        seconds = stand.challenge.world.timeout
        return f"{SLOW_IMPORT}, and then longer than the {seconds} s of an invocation"
    if "signal: killed" in str(told) or "OutOfMemory" in str(told):
        return f"its import was killed: it needs more than the {stand.challenge.world.memory} MB that the function has"
    return f"its import ended the function: {told}"


def load_average() -> float:
    """How many processes have wanted each processor of this machine during the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _settle(testimony: Testimony, challenge: Challenge) -> tuple[str, list[Rule]]:
    """Wait until the queue is empty twice in a row, or nothing can mend what is broken.

    Returns which of them it was, and the rules that can be judged then: an order on its way has broken no promise yet.
    """
    deadline, calm = time.monotonic() + challenge.world.settle, 0
    every = [promise.rule for promise in challenge.promises]
    for_good = [promise.rule for promise in challenge.promises if promise.for_good]
    while time.monotonic() < deadline:
        calm = 0 if waiting(testimony.stand) else calm + 1
        if calm >= 2:
            return "the queue is empty", every
        if not check(testimony.gather(), for_good).kept:
            return "a promise is broken: the rest is not waited for", for_good
        time.sleep(LOOK_SECONDS)
    return f"not settled within {challenge.world.settle} s", every


def _gathered(testimony: Testimony, rules: list[Rule]) -> tuple[History, Judgement]:
    began = time.monotonic()
    while True:
        history = testimony.gather()
        judgement = check(history, rules)
        waited = time.monotonic() - began
        if waited > UNTOLD_SECONDS or (not untold(history) and (judgement.kept or waited > LATE_SECONDS)):
            return history, judgement
        time.sleep(LOOK_SECONDS)
