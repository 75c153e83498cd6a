"""Locks between processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.common import locks
from lab.errors import LabError
from support.eventually import eventually

HOLDER = """
import sys, time
from pathlib import Path
from lab.common import locks
with locks.held(Path(sys.argv[1]), within=1, what="x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_that_is_held_elsewhere_is_waited_for_and_its_holder_named(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LabError, match=rf"Some command \(pid {holder.pid}\)") as raised,
            locks.held(file, within=0.2, what="Some command"),
        ):
            pass
        holder.kill()
    assert f"kill {holder.pid}" in raised.value.fix


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    with locks.held(file, within=1, what="x"):
        assert file.read_text() == str(os.getpid())


def test_a_lock_leaves_no_file(tmp_path: Path) -> None:
    with locks.held(tmp_path / "lock", within=1, what="x"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_many_processes_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    """The file is removed by each of them, which must not let two others hold one each."""
    inside = f"""
import sys
from pathlib import Path
from lab.common import locks
here = Path({str(tmp_path / "here")!r})
for _ in range(20):
    with locks.held(Path({str(tmp_path / "lock")!r}), within=30, what="x"):
        here.mkdir()
        here.rmdir()
"""
    runs = [subprocess.Popen([sys.executable, "-c", inside]) for _ in range(4)]
    assert [
        eventually(lambda run=run: run.poll() is not None, within=60) and run.returncode for run in runs
    ] == [0] * 4
