"""`lab console`: serve the console."""

from typing import Annotated

import typer

from lab.commands.options import Env, Port, say
from lab.faults.healing import connect

DEFAULT_PORT = 8090


def console(
    console_port: Annotated[
        int,
        typer.Option(envvar="CONSOLE_PORT", min=1024, max=65534, help="The console's own port on 127.0.0.1."),
    ] = DEFAULT_PORT,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Serve a web page that shows the pipeline, breaks it and repairs it; on this machine alone.

    It needs no engine to start: while there is none, its pages say what to run.
    """
    from lab.console.server import serve  # noqa: PLC0415  only this command needs a web server

    serve(
        lambda: connect(port, env),
        engine_port=port,
        env=env,
        port=console_port,
        open_browser=open_browser,
        say=say,
    )
