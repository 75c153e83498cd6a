"""The way of every command to the deployed pipeline: which one, and healed of what has outlived its maker."""

import time

from botocore.exceptions import BotoCoreError, ClientError

from lab import engines
from lab.common.interrupts import undeterred
from lab.common.output import Terminal
from lab.deployment.stack import Stack
from lab.engines import clients as guarded
from lab.engines.clients import Aws
from lab.engines.kinds import Kind
from lab.errors import LabError
from lab.faults.changes import MEND, Changes
from lab.pipeline.observe import Pipeline


def connect(port: int, env: str) -> tuple[Pipeline, Kind]:
    """The deployed pipeline, healed, and what runs it. Raises LabError if there is none."""
    engine = engines.present(port)
    engine.require_running()
    return deployed(guarded.local(engine.endpoint), env), engine.runs


def deployed(aws: Aws, env: str) -> Pipeline:
    """The pipeline deployed there, healed. Raises LabError if there is none."""
    pipeline = Pipeline(aws, Stack.read(aws, env))
    heal(pipeline)
    return pipeline


def heal(pipeline: Pipeline) -> None:
    """Undo what has outlived its maker, and tell of it and of what is still in force: on standard error, a line each.

    What cannot be undone is told of, too, and stays recorded: it does not keep a command from its own work.
    """
    changes = Changes(pipeline)
    try:
        changes.heal(tell)
        for active in changes.active():
            if active.expires_at is not None:
                until = time.strftime("%H:%M:%S", time.localtime(active.expires_at))
                tell(f"in force until {until}: {active.told}")
    except LabError as error:
        tell(f"{error.what} {error.fix}")
    except (BotoCoreError, ClientError) as error:
        tell(f"Whether a fault is in force could not be seen ({error}). {MEND}")


def tell(line: str) -> None:
    """One line on standard error, where it is in nobody's way."""
    undeterred(Terminal(stderr=True).say)(line)
