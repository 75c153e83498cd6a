"""Everything that was started for a host engine can be stopped, whatever was killed, lost or interrupted before."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from lab.cli import INTERRUPTED
from lab.common import paths
from lab.engines import HostEngine, ports, processes
from lab.engines import clients as aws
from lab.errors import LabError
from support import functions
from support.eventually import eventually
from support.processes import has_ended
from tests.conftest import free_port

DAMAGED = (
    "",
    '{"port": 45',
    "null",
    "[]",
    '{"supervisor": 1}',
    '{"port": 1, "supervisor": "x", "engine": 1}',
)
"""Cut short, and of another shape."""

ORPHAN = """
import subprocess, sys

def handler(event, context):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).pid
"""


@pytest.fixture
def engine() -> Iterator[HostEngine]:
    engine = HostEngine(free_port())
    yield engine
    engine.down()


def lab(engine: HostEngine, command: str) -> subprocess.Popen[str]:
    """That command on the engine's port, under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab", command, "--port", str(engine.port)],
        cwd=paths.ROOT,
        env=os.environ | {"ENGINE": "host", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def living(engine: HostEngine) -> list[psutil.Process]:
    return processes.own(engine.home)


def supervisor_of(engine: HostEngine) -> psutil.Process:
    parent = engine.process().parent()
    assert parent
    return parent


def assert_stopped(engine: HostEngine) -> None:
    assert living(engine) == []
    assert not engine.home.exists()
    ports.require_free(engine.port)


def test_of_two_starts_at_once_one_starts_and_the_other_finds_the_engine_running(engine: HostEngine) -> None:
    starts = [lab(engine, "up") for _ in range(2)]
    told = [start.communicate(timeout=60)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0], told
    assert sum("engine ready at" in text for text in told) == 1
    assert sum("engine already running at" in text for text in told) == 1
    assert engine.down()
    assert_stopped(engine)


def test_an_engine_whose_record_is_damaged_is_astray_and_can_be_stopped(engine: HostEngine) -> None:
    engine.up()
    for text in DAMAGED:
        (engine.home / "state.json").write_text(text)
        with pytest.raises(LabError, match="astray") as raised:
            engine.require_running()
        assert "record unreadable, 2 processes live" in raised.value.what
        assert raised.value.fix == "Run: make down up"
    assert engine.down()
    assert_stopped(engine)


def test_a_record_that_names_another_process_brings_it_no_harm(engine: HostEngine) -> None:
    """Its id was used again, or the record is of another engine."""
    engine.up()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as bystander:
        named = {"port": engine.port, "supervisor": bystander.pid, "engine": bystander.pid}
        (engine.home / "state.json").write_text(json.dumps(named))
        assert engine.status().state == "astray"
        assert engine.down()
        assert bystander.poll() is None
        bystander.kill()
    assert_stopped(engine)


def test_an_engine_without_its_files_can_be_stopped(engine: HostEngine) -> None:
    engine.up()
    (engine.home / "state.json").unlink()
    assert engine.status().state == "astray"
    assert engine.down()
    assert_stopped(engine)


def test_a_start_takes_the_place_of_an_engine_that_is_astray(engine: HostEngine) -> None:
    engine.up()
    before = engine.process()
    (engine.home / "state.json").write_text("")
    start = lab(engine, "up")
    told = start.communicate(timeout=60)[0]
    assert start.returncode == 0, told
    assert "orders and all other state are gone" in told
    assert has_ended(before)
    assert engine.status().state == "running"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_an_engine_ends_with_its_supervisor_even_if_it_is_suspended(engine: HostEngine) -> None:
    engine.up()
    process = engine.process()
    supervisor = supervisor_of(engine)
    process.suspend()
    supervisor.kill()
    eventually(lambda: living(engine) == [])
    assert engine.status().state == "crashed"


@pytest.mark.parametrize("killed", ["supervisor", "engine", "both"])
def test_an_engine_can_be_stopped_and_started_after_a_kill(engine: HostEngine, killed: str) -> None:
    engine.up()
    process, supervisor = engine.process(), supervisor_of(engine)
    for victim in {"supervisor": [supervisor], "engine": [process], "both": [supervisor, process]}[killed]:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    engine.down()
    assert_stopped(engine)
    assert engine.up()


def test_a_suspended_supervisor_is_ended(engine: HostEngine) -> None:
    engine.up()
    supervisor = supervisor_of(engine)
    supervisor.suspend()
    assert engine.down()
    assert_stopped(engine)


def test_a_suspended_engine_is_said_not_to_answer(
    engine: HostEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.engines.ready.ANSWER_SECONDS", 0.5)
    engine.up()
    engine.process().suspend()
    with pytest.raises(LabError, match="does not answer") as raised:
        engine.up()
    assert raised.value.fix == "Run: make down up"


def test_a_process_left_by_a_function_is_ended_after_engine_and_supervisor_were_killed(
    engine: HostEngine,
) -> None:
    engine.up()
    function = functions.create(aws.local(engine.endpoint).client, ORPHAN)
    orphan = psutil.Process(function.invoke().payload)
    process, supervisor = engine.process(), supervisor_of(engine)
    supervisor.kill()
    with suppress(psutil.NoSuchProcess):
        process.kill()
    eventually(lambda: [process.pid for process in living(engine)] == [orphan.pid])
    assert engine.status().state == "astray"
    assert engine.down()
    assert has_ended(orphan)
    assert_stopped(engine)


def test_a_process_that_only_reads_an_engines_folder_is_left_alone(engine: HostEngine) -> None:
    engine.up()
    with subprocess.Popen(["tail", "-f", engine.log], cwd=engine.home, stdout=subprocess.DEVNULL) as reader:
        assert engine.down()
        assert reader.poll() is None
        reader.kill()


def under_way(engine: HostEngine, start: subprocess.Popen[str]) -> None:
    """Wait until a start has begun the engine's processes, and is not done."""
    eventually(lambda: len(living(engine)) >= 2, every=0.01)
    assert start.poll() is None


def test_an_interrupted_start_leaves_no_process(engine: HostEngine) -> None:
    start = lab(engine, "up")
    under_way(engine, start)
    start.send_signal(signal.SIGINT)
    told = start.communicate(timeout=30)[0]
    assert start.returncode == INTERRUPTED, told
    assert living(engine) == []
    assert engine.up()


@pytest.mark.parametrize("follows", ["up", "down"])
def test_a_killed_start_does_not_block_the_next_command(engine: HostEngine, follows: str) -> None:
    start = lab(engine, "up")
    under_way(engine, start)
    start.kill()
    start.communicate()
    if follows == "up":
        engine.up()
        assert engine.status().state == "running"
    engine.down()
    assert_stopped(engine)


def test_the_log_of_a_crashed_engine_is_kept_by_the_next_start(engine: HostEngine) -> None:
    engine.up()
    engine.process().kill()
    eventually(lambda: engine.status().state == "crashed")
    crashed = engine.log.read_bytes()
    start = lab(engine, "up")
    told = start.communicate(timeout=60)[0]
    assert "crashed: exit code -9" in told
    assert "accepted orders and all other state are gone" in told
    kept = paths.ROOT / told.partition("its log: ")[2].splitlines()[0]
    assert kept.read_bytes() == crashed
    assert max(map(len, told.splitlines())) <= 80


def test_stopping_waits_for_a_start_that_is_under_way(engine: HostEngine) -> None:
    start = lab(engine, "up")
    under_way(engine, start)
    began = time.monotonic()
    assert engine.down()
    assert "engine ready" in start.communicate(timeout=10)[0]
    assert time.monotonic() - began < 30
    assert_stopped(engine)


FAULT_PROXY = """
import sys, time
from lab.faults import FaultProxy
with FaultProxy(sys.argv[1]):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_the_fault_proxy_of_a_killed_run_ends_with_the_engine(engine: HostEngine) -> None:
    """It outlives its run, as functions may still be routed through it."""
    engine.up()
    command = [sys.executable, "-c", FAULT_PROXY, engine.endpoint]
    with subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline() == b"ready\n"
        (proxy,) = psutil.Process(run.pid).children()
        run.kill()
    assert proxy.is_running()
    assert engine.status().state == "running"
    assert engine.down()
    assert has_ended(proxy)
    assert_stopped(engine)
