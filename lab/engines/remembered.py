"""The port of this clone's engine: what `lab up` was told last, and what every command uses that is told none."""

import os
from collections.abc import MutableMapping

from lab.common import paths

FILE = paths.LAB / "port"
VARIABLE = "LAB_PORT"


def port() -> int | None:
    """The port that was remembered, if any."""
    try:
        return int(FILE.read_text())
    except (OSError, ValueError):
        return None


def remember(port: int) -> None:
    """Use this port from now on, in every terminal of this clone."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(f"{port}\n")


def forget(forgotten: int) -> None:
    """Use the usual port again, if it is this one that was remembered."""
    if port() == forgotten:
        FILE.unlink(missing_ok=True)


def use(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have commands take the remembered port, unless the environment names one."""
    known = port()
    if known is not None and not environment.get(VARIABLE):
        environment[VARIABLE] = str(known)
