"""`lab up`: start the engine."""

import os
import time

from lab import engines
from lab.commands.options import Port, console, say
from lab.common.output import styled
from lab.common.paths import ROOT
from lab.engines import Engine, iam, remembered
from lab.engines.host import GONE
from lab.errors import LabError


def up(port: Port = 4566) -> None:
    """Start the engine and wait until it serves. ENGINE=docker|host forces one; else the lab chooses."""
    started(port)
    say("next: make deploy-local")


def started(port: int) -> Engine:
    """The engine on the port, started if there is none, of the packaging that is wanted or possible."""
    require_only(port)
    engine = engines.present(port)
    before = engine.status()
    if before.state == "running":
        engines.require_as_wanted(engines.wanted(), engine)
    else:
        kind, why = engines.choose(engines.wanted())
        say(why)
        if kind != engine.kind:
            engine.down()  # what it left holds the port
        engine = engines.start(kind, port)
    start = time.monotonic()
    with console.status("starting the engine"):
        begun = engine.up()
    if not is_another():
        remembered.remember(port)
    if not begun:
        iam.require_as_wanted(port, enforced=engine.enforces_iam)
        say(f"engine already running at {engine.endpoint} ({engine.kind})")
        return engine
    if before.state in ("crashed", "astray"):
        _tell_of_loss(before, engine)
    say(f"engine ready at {engine.endpoint} in {time.monotonic() - start:.1f} s")
    if engine.enforces_iam:
        say("functions may do what their roles allow and nothing else (LAB_IAM=enforce)")
    return engine


def require_only(port: int) -> None:
    """Raise LabError where another engine of this clone runs already."""
    if is_another():
        return
    known = remembered.port()
    if known not in (None, port) and engines.present(known).status().state == "running":
        raise LabError(
            f"This clone runs an engine already, on port {known}.",
            f"Use it: LAB_PORT={known}; or start another one beside it: make up LAB_PORT={port} ANOTHER=1",
        )


def is_another() -> bool:
    """Whether an engine beside the only one is wanted, whose port is not remembered."""
    return bool(os.environ.get("ANOTHER"))


def _tell_of_loss(before: engines.Status, engine: Engine) -> None:
    """Say what a start has cost, where the engine before it was not stopped on request."""
    say(styled(f"the engine before was {before.state}: {before.detail}", "yellow"))
    say(styled(GONE, "yellow"))
    if isinstance(engine, engines.HostEngine) and engine.log_before.exists():
        say(f"its log: {engine.log_before.relative_to(ROOT)}")
