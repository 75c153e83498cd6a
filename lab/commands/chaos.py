"""`lab chaos`: draw schedules of faults, judge each, and shrink what breaks a promise."""

import itertools
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from lab import engines
from lab.challenge.chaos import CHAOS, Found, search, things
from lab.challenge.package import handler_of
from lab.challenge.run import run
from lab.challenge.schedule import Schedule, read
from lab.challenge.stand import Stand, alone, remove
from lab.challenge.verdict import Verdict
from lab.commands.challenge import tell
from lab.commands.options import Env, Port, say
from lab.common import paths
from lab.common.interrupts import undoing
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.faults.proxy import FaultProxy

SAVED = paths.LAB / "chaos"


class Bench:
    """The world of the search, deployed; made again where a run leaves messages behind."""

    def __init__(self, aws: Aws, env: str, handler: str) -> None:
        self._aws, self._env = aws, env
        self._handler = handler_of(handler)
        self._stand: Stand | None = None
        self._open = ExitStack()

    @cached_property
    def _proxy(self) -> FaultProxy:
        return self._open.enter_context(FaultProxy(self._aws.endpoint or ""))

    def judge(self, schedule: Schedule) -> Verdict:
        """Play one schedule on the handler."""
        self._stand = self._stand or Stand.deploy(self._aws, self._env, CHAOS)
        verdict = run(self._stand, self._handler, schedule, lambda _line: None, lambda: self._proxy)
        if verdict.unloaded:
            raise LabError(
                f"The handler cannot be loaded: {verdict.unloaded}.", "Mend it, then run it again."
            )
        if verdict.leaves_messages:
            self._remove()
        return verdict

    def close(self) -> None:
        """Remove the stack, and end the proxy."""
        self._open.close()
        self._remove()

    def _remove(self) -> None:
        if self._stand:
            remove(self._aws, self._env, CHAOS.name)
            self._stand = None


def chaos(  # noqa: PLR0917  one parameter for each option
    minutes: Annotated[float, typer.Option(min=0.1, help="When to draw no more schedules.")] = 10,
    seed: Annotated[int, typer.Option(help="The first schedule's; the next one's is one more.")] = 1,
    schedules: Annotated[int | None, typer.Option(min=1, help="How many at most.")] = None,
    handler: Annotated[
        str, typer.Option("--handler", help="my.py:handler, or the lab's own worker.")
    ] = "worker",
    replay: Annotated[Path | None, typer.Option(help="Play a saved schedule, and draw none.")] = None,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Draw schedules of faults, judge the handler under each, and shrink what breaks a promise.

    Exit code 1 if anything broke.
    """
    engine = engines.present(port)
    engine.require_running()
    if not engine.runs.local_functions:
        raise LabError(
            "The search needs functions that reach this machine's fault proxy.",
            "Use the host engine: make down up ENGINE=host",
        )
    aws = guarded.local(engine.endpoint)
    bench = Bench(aws, env, handler)
    with alone(aws, env, CHAOS.name), undoing(bench.close):
        if replay:
            schedule = read(replay)
            verdict = bench.judge(schedule)
            _show(schedule)
            tell(verdict)
            raise typer.Exit(0 if verdict.passed else 1)
        found = _searched(bench, minutes * 60, seed, schedules)
    if found:
        raise typer.Exit(1)


def _searched(bench: Bench, seconds: float, seed: int, most: int | None) -> list[Found]:
    deadline = time.monotonic() + seconds
    seeds = itertools.takewhile(
        lambda number: time.monotonic() < deadline and (most is None or number < seed + most),
        itertools.count(seed),
    )
    found: list[Found] = []
    judged = 0
    for result in search(bench.judge, seeds, say):
        judged += 1
        if result:
            found.append(result)
            _report(result)
    say(f"{judged} schedules, seeds {seed} to {seed + judged - 1}: {len(found)} broke a promise")
    return found


def _report(found: Found) -> None:
    SAVED.mkdir(parents=True, exist_ok=True)
    file = SAVED / f"seed-{found.schedule.seed}.json"
    file.write_text(found.schedule.dumps(), encoding="utf-8")
    if not found.again:
        say("it did not break again with the same schedule: it is saved whole")
    _show(found.schedule)
    tell(found.verdict)
    say(f"again: lab chaos --replay {file}")


def _show(schedule: Schedule) -> None:
    say(f"{things(schedule)} things done to {len(schedule.orders)} orders:")
    for step in schedule.done_to_them:
        say(f"  {step.text}")
