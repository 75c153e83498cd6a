"""What commands share: options, each declared once, and the terminal they speak to."""

from typing import Annotated

import typer

from lab.common.output import Terminal

Port = Annotated[
    int,
    typer.Option("--port", envvar="LAB_PORT", min=1024, max=65534, help="The engine's port on 127.0.0.1."),
]
Env = Annotated[str, typer.Option("--env", envvar="ENV", help="The stacks' environment name (envName).")]

console = Terminal()
say = console.say
"""Prints one line of progress."""
