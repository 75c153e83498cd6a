"""`lab mode`: the failure mode that is in force, and another one."""

from typing import Annotated

import typer

from lab.commands.options import Env, Port, say
from lab.errors import unknown
from lab.faults import failure_mode, runtime_settings
from lab.faults.healing import connect


def _modes() -> list[str]:
    from functions.common.failure_modes import FailureMode  # noqa: PLC0415  brings the functions' libraries

    return list(FailureMode)


def mode(
    name: Annotated[
        str | None,
        typer.Argument(help="The mode to put in force; without it, show it.", autocompletion=_modes),
    ] = None,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Show the failure mode, or put one in force. It stays until it is `none` again: lab mode none."""
    if name is not None and name not in _modes():
        raise unknown("failure mode", name, _modes())
    pipeline, _ = connect(port, env)
    if name is None:
        say(failure_mode.shown(pipeline))
        if unread := runtime_settings.unread_modes(pipeline):
            say(f"{unread.what} {unread.fix}")
        return
    failure_mode.put_in_force(pipeline, name)
    say(f"failure mode: {name}; the functions notice within seconds")
