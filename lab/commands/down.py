"""`lab down`: stop the engine."""

import time

from lab import engines
from lab.commands.options import Port, console, say
from lab.engines import remembered


def down(port: Port = 4566) -> None:
    """Stop the engine and remove its files. What was deployed to it is gone."""
    start = time.monotonic()
    with console.status("stopping the engine"):
        stopped = engines.present(port).down()
    remembered.forget(port)
    say(f"engine stopped in {time.monotonic() - start:.1f} s" if stopped else "no engine was running")
