"""`lab load`: drive load with Locust, in its web UI or without."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from lab import engines
from lab.commands.options import Env, Port
from lab.common import paths
from lab.engines import ports
from lab.engines.direct import without_proxies
from loadtests.shapes import USUAL_USERS, planned
from loadtests.thresholds import Thresholds

SHAPES = (
    "steady, spike (10 times the usual load within 5 s), ramp (to the knee) or soak, where users wait for answers; "
    "open-steady, open-spike, open-ramp or poisson, where orders come on a schedule; models (both side by side)"
)
LIMITS = Thresholds()


def load(  # noqa: PLR0917  one parameter for each option
    shape: Annotated[str, typer.Argument(help=f"How the load goes over time: {SHAPES}.")] = "steady",
    headless: Annotated[
        bool, typer.Option("--headless", help="No web UI: end with the verdict as exit code, and a report.")
    ] = False,
    usual: Annotated[
        int, typer.Option(help="Users of the usual load; each sends about 1 request a second.")
    ] = USUAL_USERS,
    seconds: Annotated[float, typer.Option(help="Seconds of one stage; 0: the shape's own.")] = 0.0,
    seed: Annotated[
        int, typer.Option(help="Of a schedule's arrivals: the same seed gives the same ones.")
    ] = 1,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Worker processes that share the users; without: one process.")
    ] = None,
    max_accept_p99_ms: Annotated[float, typer.Option(help="Limit of POST /events.")] = LIMITS.accept_p99_ms,
    max_error_percent: Annotated[
        float, typer.Option(help="Limit of failed requests; a throttled one (429) has not failed.")
    ] = LIMITS.error_percent,
    max_drain_seconds: Annotated[
        float, typer.Option(help="Limit until the queue is empty.")
    ] = LIMITS.drain_seconds,
    web_port: Annotated[
        int, typer.Option(envvar="LOCUST_PORT", min=1024, max=65535, help="The web UI's port on 127.0.0.1.")
    ] = 8089,
    port: Port = 4566,
    env: Env = "dev",
) -> NoReturn:
    """Drive load on the deployed pipeline with Locust."""
    plan = planned(shape, usual, seconds)
    engines.present(port).require_running()  # Locust itself finds the pipeline, and heals it
    if not headless:
        ports.require_free(web_port, "make load LOCUST_PORT")
    options: dict[str, object] = {
        "--locustfile": paths.ROOT / "loadtests" / "locustfile.py",
        "--shape": plan.shape,
        "--usual": usual,
        "--seconds": seconds,
        "--seed": seed,
        "--processes": processes,
        "--max-accept-p99-ms": max_accept_p99_ms,
        "--max-error-percent": max_error_percent,
        "--max-drain-seconds": max_drain_seconds,
        "--lab-port": port,
        "--lab-env": env,
        "--web-host": "127.0.0.1",
        "--web-port": web_port,
        "--master-bind-host": "127.0.0.1",
    }
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    flags = ["--headless", "--only-summary", "--report", "--loglevel", "WARNING"] if headless else []
    command = [sys.executable, "-m", "locust", *given, *flags]
    os.chdir(paths.ROOT)
    os.execve(command[0], command, without_proxies(os.environ))  # noqa: S606  from here on this process is Locust
