"""The host packaging: one supervised LocalStack on loopback that leaves nothing behind."""

import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from lab.common import paths
from lab.engines import HostEngine, ports
from lab.engines import clients as aws
from lab.engines.direct import DIRECT
from lab.errors import LabError
from support import functions
from support.eventually import eventually
from support.processes import has_ended
from tests.conftest import free_port

SECRETS = ("AWS_SECRET_ACCESS_KEY", "LAB_TEST_CANARY")
NOT_FOR_THE_ENGINE = "not-for-the-engine"


@pytest.fixture
def engine() -> Iterator[HostEngine]:
    engine = HostEngine(free_port())
    yield engine
    engine.down()


@pytest.fixture(scope="module")
def running() -> Iterator[HostEngine]:
    """One that tests look at and leave as it is. It was started where there were SECRETS."""
    engine = HostEngine(free_port())
    with pytest.MonkeyPatch.context() as environment:
        for name in SECRETS:
            environment.setenv(name, NOT_FOR_THE_ENGINE)
        assert engine.up()
    yield engine
    engine.down()


def processes_of(engine: HostEngine) -> list[psutil.Process]:
    supervisor = psutil.Process(json.loads((engine.home / "state.json").read_text())["supervisor"])
    return [supervisor, *supervisor.children(recursive=True)]


def s3_of(engine: HostEngine) -> Any:
    return aws.local(engine.endpoint).client("s3", s3={"addressing_style": "path"})


def test_an_engine_listens_on_loopback_only(running: HostEngine) -> None:
    listening = {
        connection.laddr.ip
        for process in processes_of(running)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_stopping_leaves_no_process_no_port_and_no_file(engine: HostEngine) -> None:
    engine.up()
    processes = processes_of(engine)
    start = time.monotonic()
    assert engine.down()
    assert time.monotonic() - start < 10
    assert all(has_ended(process) for process in processes)
    assert not engine.home.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(engine.endpoint, **DIRECT)


def test_an_engine_writes_only_into_its_own_folder(engine: HostEngine) -> None:
    """S3 bodies included, which LocalStack puts under the system's temporary folder."""
    elsewhere = (Path(tempfile.gettempdir()), Path("/var/lib/localstack"), Path("/etc/localstack"))
    before = {path for folder in elsewhere if folder.exists() for path in folder.iterdir()}
    engine.up()
    s3 = s3_of(engine)
    s3.create_bucket(Bucket="some-bucket")
    s3.put_object(Bucket="some-bucket", Key="key", Body=b"kept inside" * 100_000)
    assert [path for path in engine.home.rglob("some-bucket") if path.is_dir()]
    after = {path for folder in elsewhere if folder.exists() for path in folder.iterdir()}
    assert {path for path in after - before if "localstack" in path.name} == set()


def test_starting_a_running_engine_changes_nothing(running: HostEngine) -> None:
    first = running.process().pid
    assert not running.up()
    assert running.process().pid == first


def test_a_crash_is_noticed_and_reported_with_the_last_log_lines(engine: HostEngine) -> None:
    engine.up()
    engine.process().kill()
    eventually(lambda: engine.status().state == "crashed")
    with pytest.raises(LabError, match="crashed") as raised:
        engine.require_running()
    assert "exit code -9" in raised.value.what
    assert "Ready." in raised.value.details


def test_a_crashed_engine_can_be_started_again(engine: HostEngine) -> None:
    engine.up()
    engine.process().kill()
    eventually(lambda: engine.status().state == "crashed")
    assert engine.up()
    assert engine.status().state == "running"


def test_a_stuck_stop_is_ended_by_pid(engine: HostEngine) -> None:
    engine.up()
    process = engine.process()
    os.kill(process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert engine.down()
    assert time.monotonic() - start < 12
    assert has_ended(process)


def test_a_stale_state_file_is_not_taken_for_a_running_engine(engine: HostEngine) -> None:
    """Another program may have the recorded pid by now: this test's own process does."""
    engine.home.mkdir(parents=True)
    (engine.home / "state.json").write_text(
        json.dumps(
            {"port": engine.port, "supervisor": os.getpid(), "started": 1.0, "engine": 1, "exit": None}
        )
    )
    assert engine.status().state == "crashed"
    assert engine.up()


def test_a_busy_port_is_refused_with_its_owner_and_the_fix(engine: HostEngine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", engine.port))
        other.listen()
        with pytest.raises(LabError, match=f"Port {engine.port} is in use") as raised:
            engine.up()
    assert f"pid {os.getpid()}" in raised.value.what
    assert "LAB_PORT=" in raised.value.fix


def test_two_labs_run_side_by_side(running: HostEngine, engine: HostEngine) -> None:
    engine.up()
    s3_of(running).create_bucket(Bucket="only-here")
    assert [bucket["Name"] for bucket in s3_of(running).list_buckets()["Buckets"]] == ["only-here"]
    assert s3_of(engine).list_buckets()["Buckets"] == []
    engine.down()
    assert running.status().state == "running"


def test_the_engine_inherits_no_credentials(running: HostEngine) -> None:
    assert NOT_FOR_THE_ENGINE not in running.process().environ().values()


def test_another_value_of_lab_iam_is_refused(engine: HostEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_IAM", "yes")
    with pytest.raises(LabError, match="LAB_IAM=yes is not known") as raised:
        engine.up()
    assert "LAB_IAM=enforce" in raised.value.fix


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fifty_starts_and_stops_leave_no_process_no_port_and_no_file(engine: HostEngine) -> None:
    """Each engine has run a function, and so has processes and files to leave behind."""
    folders = (Path(tempfile.gettempdir()), paths.ENGINES)
    before = {path for folder in folders if folder.exists() for path in folder.iterdir()}
    seen: set[psutil.Process] = set()
    for _ in range(50):
        engine.up()
        client = aws.local(engine.endpoint).client
        assert functions.create(client, "def handler(event, context): return 1").invoke().payload == 1
        seen.update(processes_of(engine))
        engine.down()
    assert len(seen) >= 150
    assert all(has_ended(process) for process in seen)
    ports.require_free(engine.port)
    after = {path for folder in folders if folder.exists() for path in folder.iterdir()}
    assert not {path for path in after - before if "lambda" in path.name or "localstack" in path.name}
    assert not engine.home.exists()
