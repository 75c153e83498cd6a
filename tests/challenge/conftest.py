"""An engine, and each challenge's stack deployed once for all of its handlers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from lab.challenge.catalog import challenge
from lab.challenge.package import handler_of
from lab.challenge.run import run
from lab.challenge.stand import Stand, remove
from lab.challenge.verdict import Verdict
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.faults.proxy import FaultProxy

RUNS = 3
"""How often a run is begun at most, where the machine is too busy for one."""

type Judge = Callable[..., Verdict]
"""`judge("crash", "naive")`, or with the path of a handler and a seed."""


def settled(judge: Judge, name: str, handler: str, seed: int = 1) -> Verdict:
    """The verdict of the first run that has tested the handler."""
    for _ in range(RUNS - 1):
        if not (verdict := judge(name, handler, seed)).untested:
            return verdict
    return judge(name, handler, seed)


@pytest.fixture(scope="session")
def local(engine_endpoint: str) -> Aws:
    return guarded.local(engine_endpoint)


@pytest.fixture(scope="session")
def judge(local: Aws) -> Iterator[Judge]:
    stands: dict[str, Stand] = {}
    open_ = ExitStack()
    shared = cache(lambda: open_.enter_context(FaultProxy(local.endpoint or "")))

    def judged(name: str, handler: str, seed: int = 1) -> Verdict:
        chosen = challenge(name)
        if name not in stands:
            stands[name] = Stand.deploy(local, "dev", chosen)
        own = f"{chosen.folder / handler}.py:handler"
        text = own if handler in ("naive", "wrong", "reference") else handler
        verdict = run(stands[name], handler_of(text), chosen.schedule(seed), print, shared)
        if verdict.leaves_messages:
            remove(local, "dev", name)
            del stands[name]
        return verdict

    with open_:
        yield judged
    for name in stands:
        remove(local, "dev", name)
