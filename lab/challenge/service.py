"""What a command, a page or a test asks of the challenges: list them, show one, and judge a handler."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from lab.challenge.catalog import CHALLENGES, Challenge, challenge
from lab.challenge.package import handler_of
from lab.challenge.run import run
from lab.challenge.schedule import Schedule
from lab.challenge.stand import Stand, alone, remove
from lab.challenge.verdict import Verdict
from lab.common.interrupts import undoing
from lab.engines.clients import Aws
from lab.errors import LabError


@dataclass(frozen=True)
class Entry:
    """A line of the list."""

    name: str
    title: str
    promises: tuple[str, ...]


def entries() -> list[Entry]:
    """All challenges, the easiest first."""
    return [
        Entry(each.name, each.title, tuple(promise.rule.promise for promise in each.promises))
        for each in CHALLENGES.values()
    ]


def solutions(of: Challenge) -> dict[str, str]:
    """The naive handler and the reference, for whoever has solved it."""
    return {name: (of.folder / f"{name}.py").read_text(encoding="utf-8") for name in ("naive", "reference")}


def judge(
    aws: Aws,
    env_name: str,
    name: str,
    handler: str,
    *,
    seed: int = 1,
    schedule: Schedule | None = None,
    keep: bool = False,
    local_functions: bool = True,
    say: Callable[[str], None] = lambda _line: None,
) -> Verdict:
    """Deploy the challenge's stack, judge a handler, and remove the stack, unless it is to be kept for the next run.

    Raises LabError for a handler that is none, for an engine that cannot be reached by the lab's proxies, and where the
    engine does not do as asked.
    """
    chosen, file = challenge(name), handler_of(handler)
    played = schedule or chosen.schedule(seed)
    if not local_functions and any(step.kind in ("fault", "deaf bus") for step in played.steps):
        raise LabError(
            f"{name} is not provable here: functions in containers do not reach the fault proxy of this machine.",
            "Use the host engine: make down up ENGINE=host",
        )
    with alone(aws, env_name, name), ExitStack() as afterwards:
        say(f"deploying {name} ...")
        stand = Stand.deploy(aws, env_name, chosen)
        kept: list[bool] = []
        afterwards.enter_context(undoing(lambda: None if any(kept) else remove(aws, env_name, name)))
        verdict = run(stand, file, played, say)
        kept.append(keep and not verdict.leaves_messages)
        return verdict
