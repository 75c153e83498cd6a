"""Which processes are an engine's: those that have its folder in their environment, and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.engines import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "engine" / "4566"
    home.mkdir(parents=True)
    yield home
    processes.end(home)


def started(cwd: Path, **variables: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(SLEEP, cwd=cwd, env={"PATH": os.environ["PATH"], **variables})


def test_an_engine_that_never_ran_has_no_processes(home: Path) -> None:
    assert processes.own(home) == processes.helpers(home) == []


def test_only_processes_started_for_an_engine_are_found_and_ended(home: Path) -> None:
    own, with_its_own_tmp, helper = (
        started(home, TMPDIR=str(home / "tmp" / "lambda-1")),
        started(home, LAMBDA_TASK_ROOT=str(home / "tmp" / "lambda-1" / "code")),
        started(home, LAB_FOR_ENGINE=str(home)),
    )
    others = [
        started(home),
        started(home, TMPDIR=f"{home}0/tmp", LAB_FOR_ENGINE=f"{home}0"),
        started(home, TMPDIR=str(home.parent)),
        started(home, HOME=str(home)),
        started(home, LAMBDA_TASK_ROOT=f"{home}0/code"),
    ]
    assert {process.pid for process in processes.own(home)} == {own.pid, with_its_own_tmp.pid}
    assert [process.pid for process in processes.helpers(home)] == [helper.pid]
    processes.end(home)
    assert not [process for process in (own, with_its_own_tmp, helper) if psutil.pid_exists(process.pid)]
    assert [process.poll() for process in others] == [None] * 5
    for process in others:
        process.kill()
        process.wait()


def test_a_process_with_an_unreadable_environment_belongs_to_no_engine(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "environ", denied)
    assert processes.own(home) == processes.helpers(home) == []


def test_a_child_without_the_environment_is_not_ended_with_its_parent(home: Path) -> None:
    """Whose child it is says nothing: everything is a child of the first process."""
    script = f"import subprocess, time; print(subprocess.Popen({SLEEP}, env={{}}).pid, flush=True); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={"LAB_FOR_ENGINE": str(home)},
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        processes.end(home)
    assert child.is_running()
    child.kill()
