"""Serving the console on loopback, from the first line printed to the last change undone."""

import os
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from lab.common.interrupts import undeterred, undoing
from lab.console.app import create_app
from lab.console.connection import Connect, MissingError
from lab.console.console_state import ConsoleState
from lab.console.security import ENTRANCE, HOSTS_VARIABLE, Guard, Keys, forwarded
from lab.engines import ports
from lab.engines.aws_errors import AWS_ERRORS, explained
from lab.errors import LabError

JOB_SECONDS = 120.0
"""How long the end waits for a job that was asked to end: a scenario rolls back first."""


def listening(port: int) -> socket.socket:
    """A socket that listens on the port of 127.0.0.1. Raises LabError, naming the owner, where it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ports.LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise LabError(
            f"Port {port} is in use{ports.owner(port)}.",
            f"Stop that program, or choose another port: make console CONSOLE_PORT={port + 1}",
        ) from error
    return listener


def serve(
    connect: Connect, *, engine_port: int, env: str, port: int, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C, termination or the terminal's end; then end what is under way and undo every change.

    LAB_CONSOLE_HOSTS names the origins under which a forwarded port shows it. Raises LabError if the port is taken, or
    that variable names something else.
    """
    guard = Guard(port, Keys(), forwarded(os.environ.get(HOSTS_VARIABLE, "")))
    listener = listening(port)
    state = ConsoleState(guard, engine_port, env, connect)
    origins = (f"http://{ports.LOOPBACK}:{port}", *guard.forwarded)
    address, *elsewhere = (f"{origin}{ENTRANCE}#{guard.keys.token}" for origin in origins)
    for each in (address, *elsewhere):
        say(f"console: {each}")
    say("The address is for you alone: it lets a browser in. Ctrl-C ends the console.")
    config = uvicorn.Config(
        create_app(state),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    if open_browser:
        webbrowser.open(address)
    with (
        undoing(lambda: leave(state, undeterred(say))),
        closing(listener),
        suppress(KeyboardInterrupt),  # uvicorn has shut down, and passes on what made it do so
    ):
        uvicorn.Server(config).run(sockets=[listener])


def leave(state: ConsoleState, say: Callable[[str], None]) -> None:
    """Leave nothing of the console's behind."""
    job = state.jobs.last
    if job and job.under_way:
        if job.work.kind == "redrive":
            say("the redrive goes on without the console: lab dlq watch, lab dlq cancel")
        else:
            say(f"{job.work.title}: rolling back")
            state.jobs.cancel()
            if not state.jobs.wait(JOB_SECONDS):
                say("it has not ended: run make steady")
    try:
        pipeline = state.pipeline
    except MissingError:
        pipeline = None
    try:
        state.switches.close(pipeline, say)
    except LabError as error:
        say(f"{error.what} {error.fix}")
    except AWS_ERRORS as error:
        say(f"{explained(error).what} If it still runs: make steady")
    say("console ended")
