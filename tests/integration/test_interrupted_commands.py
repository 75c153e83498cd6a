"""What interrupts a command does not leave its fault in force: signals roll back, and the next command heals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import httpx
import pytest

from lab.common import paths
from lab.engines.direct import DIRECT
from lab.faults import catalogue as faults
from lab.faults import routed, runtime_settings
from lab.faults import steady_state as steady
from lab.faults.changes import HIDDEN, Change, Changes
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.conftest import free_port
from tests.support.terminals import (
    ENDS,
    Terminal,
    at_a_terminal,
    hang_up,
    press_ctrl_c_again_and_again,
    terminate_thrice,
)

TOLD = "undone, as its time was up: failure-mode changed by scenario killed"
COMMANDS = {
    "mode": ["mode"],
    "status": ["status"],
    "dlq": ["dlq", "ls", "--json"],
    "trace": ["trace", "nobody"],
    "look": ["look", "dlq"],
}
LONG_COMMANDS = {
    "deploy": ["deploy"],
    "check": ["check"],
    "scenario": ["scenario", "run", "happy-path"],
}
KILLED = """
import os, signal, sys
from lab.engines import clients as aws
from lab.faults.changes import Changes
from lab.pipeline.observe import Pipeline
from lab.faults import catalogue as faults
from lab.deployment.stack import Stack

local = aws.local(sys.argv[1])
pipeline = Pipeline(local, Stack.read(local, "dev"))
change = eval(sys.argv[2])
Changes(pipeline).make(change, why="scenario killed", seconds=float(sys.argv[3]))
os.kill(os.getpid(), signal.SIGKILL)
"""


LAB = """
import runpy
runpy.run_module("lab", run_name="__main__")
"""


def environment(pipeline: Pipeline) -> dict[str, str]:
    """What tells a command which engine is meant."""
    return os.environ | {"LAB_PORT": str(urlsplit(pipeline.aws.endpoint or "").port), "TERM": "xterm"}


def lab(pipeline: Pipeline, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=paths.ROOT,
        env=environment(pipeline),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def at_terminal(pipeline: Pipeline, *arguments: str) -> AbstractContextManager[Terminal]:
    """A command at a terminal of its own."""
    return at_a_terminal(LAB, *arguments, environment=environment(pipeline))


def killed(pipeline: Pipeline, change: str, seconds: float) -> None:
    """Let a process put a fault in force for so many seconds, and kill it."""
    command = [sys.executable, "-c", KILLED, pipeline.aws.endpoint or "", change, str(seconds)]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment(pipeline), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.fixture(autouse=True)
def healthy(pipeline: Pipeline) -> Iterator[None]:
    steady.restore(pipeline, print)
    yield
    steady.restore(pipeline, print)


def rolled_back(pipeline: Pipeline) -> bool:
    return pipeline.failure_mode() == "none" and not Changes(pipeline).active()


@pytest.mark.parametrize(
    "arguments",
    [
        *(pytest.param(arguments, id=name) for name, arguments in COMMANDS.items()),
        *(
            pytest.param(arguments, id=name, marks=pytest.mark.long)
            for name, arguments in LONG_COMMANDS.items()
        ),
    ],
)
def test_a_change_left_by_a_killed_run_is_undone_by_the_next_command(
    pipeline: Pipeline, arguments: list[str]
) -> None:
    killed(pipeline, "faults.failure_mode('poison_payload')", seconds=0)
    assert pipeline.failure_mode() == "poison_payload"
    done = lab(pipeline, *arguments)
    assert rolled_back(pipeline)
    assert TOLD in done.stderr.splitlines()
    assert "time was up" not in done.stdout


def test_a_change_left_by_a_killed_run_is_reported_until_it_expires(pipeline: Pipeline) -> None:
    killed(pipeline, "faults.failure_mode('poison_payload')", seconds=60)
    (active,) = Changes(pipeline).active()
    until = time.strftime("%H:%M:%S", time.localtime(active.expires_at))
    done = lab(pipeline, "dlq", "ls", "--json")
    assert done.stderr == f"in force until {until}: failure-mode changed by scenario killed\n"
    assert done.stdout == ""
    assert pipeline.failure_mode() == "poison_payload"


def test_a_worker_is_not_left_with_an_event_bus_that_died_with_its_run(pipeline: Pipeline) -> None:
    before = runtime_settings.WORKER_ENVIRONMENT.read(pipeline)
    killed(pipeline, "faults.silent_event_bus()", seconds=0)
    assert faults.BUS_ENDPOINT in runtime_settings.WORKER_ENVIRONMENT.read(pipeline)
    lab(pipeline, "mode")
    assert runtime_settings.WORKER_ENVIRONMENT.read(pipeline) == before


def test_a_function_is_not_left_with_a_proxy_whose_maker_was_killed(pipeline: Pipeline) -> None:
    worker = pipeline.stack.worker_function_name
    before = runtime_settings.WORKER_ENVIRONMENT.read(pipeline)
    with routed(pipeline, [worker], "http://127.0.0.1:1", ["SQS"], seconds=0):
        assert runtime_settings.WORKER_ENVIRONMENT.read(pipeline) == before | {
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"
        }
        lab(pipeline, "mode")
        assert runtime_settings.WORKER_ENVIRONMENT.read(pipeline) == before


def test_a_puzzle_outlives_every_command_but_its_repair(pipeline: Pipeline) -> None:
    puzzle = Change(runtime_settings.ORDER_EVENTS_RULE, lambda _now, _pipeline: "DISABLED", "hidden")
    Changes(pipeline).make(puzzle, why=HIDDEN, seconds=None)
    for name in ("mode", "status"):
        assert lab(pipeline, *COMMANDS[name]).stderr == ""
    assert runtime_settings.ORDER_EVENTS_RULE.read(pipeline) == "DISABLED"


def test_a_mode_that_a_person_has_typed_stays_although_a_fault_before_it_expires(pipeline: Pipeline) -> None:
    Changes(pipeline).make(faults.failure_mode("poison_payload"), why="a run", seconds=60)
    assert lab(pipeline, "mode", "duplicate_submit").returncode == 0
    assert Changes(pipeline, clock=lambda: time.time() + 120).heal() == []
    assert pipeline.failure_mode() == "duplicate_submit"


@pytest.mark.long
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_scenario_at_a_terminal_is_rolled_back_however_it_is_ended(
    pipeline: Pipeline, end: Callable[[Terminal], None]
) -> None:
    with at_terminal(pipeline, "scenario", "run", "poison-payload") as terminal:
        eventually(lambda: pipeline.failure_mode() == "poison_payload", within=60)
        end(terminal)
        # Ctrl-C that comes after the rollback ends Python's own clean-up.
        assert terminal.process.wait(timeout=150) in (130, -signal.SIGINT), terminal.output
    assert rolled_back(pipeline)
    assert pipeline.queue().total == pipeline.dlq().total == 0


@pytest.mark.parametrize(
    "end",
    [
        hang_up,
        pytest.param(press_ctrl_c_again_and_again, marks=pytest.mark.long),
        pytest.param(terminate_thrice, marks=pytest.mark.long),
    ],
    ids=lambda end: end.__name__,
)
def test_a_console_undoes_its_changes_however_it_is_ended(
    pipeline: Pipeline, end: Callable[[Terminal], None]
) -> None:
    port = free_port()
    with at_terminal(pipeline, "console", "--console-port", str(port)) as terminal:
        eventually(lambda: answers(port), within=30)
        change = faults.failure_mode("poison_payload")
        Changes(pipeline).make(change, why="the console: Poison payload", seconds=600)
        end(terminal)
        terminal.process.wait(timeout=60)
    assert rolled_back(pipeline), terminal.output


def answers(port: int) -> bool:
    try:
        return bool(httpx.get(f"http://127.0.0.1:{port}/", **DIRECT).status_code)
    except httpx.TransportError:
        return False


@pytest.mark.long
def test_a_check_at_a_terminal_that_is_closed_leaves_no_fault(pipeline: Pipeline) -> None:
    with at_terminal(pipeline, "check") as terminal:
        eventually(lambda: pipeline.failure_mode() == "slow_downstream", within=60)
        terminal.close()
        terminal.process.wait(timeout=60)
    assert rolled_back(pipeline)
