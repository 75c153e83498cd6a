"""`lab demo`: from nothing to a finished story."""

import typer

from lab.commands.deploy import deployed_and_probed
from lab.commands.options import Env, Port, console
from lab.commands.up import started
from lab.engines import clients
from lab.engines.kinds import Kind
from lab.pipeline.observe import Pipeline
from lab.scenario import demo as story


def demo(port: Port = 4566, env: Env = "dev") -> None:
    """From nothing to a finished story: orders, a bad release, alarm, rollback, redrive, ledger, report."""
    engine = started(port)
    aws = clients.local(engine.endpoint)
    stack = deployed_and_probed(aws, env, None)
    run, page = story.play(
        Pipeline(aws, stack), Kind(f"{engine.runs}, LocalStack 4.14.0", engine.runs.local_functions), console
    )
    story.summary(run, page, console)
    if not run.passed:
        raise typer.Exit(1)
