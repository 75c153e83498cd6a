"""A disk that cannot be written to is told as such."""

import errno
import shutil
from pathlib import Path

import boto3
import pytest

from lab import cli
from lab.common import paths
from lab.deployment import deploy
from lab.engines import disk
from lab.engines.clients import Aws
from lab.errors import LabError

MORE_THAN_THERE_IS = 2**60


def test_a_folder_that_is_still_to_be_made_is_looked_at_where_it_will_be(tmp_path: Path) -> None:
    disk.require_room(tmp_path / "not" / "yet", needed=1)
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_told_in_figures(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=rf"^{tmp_path} has \d+ MiB free; the lab needs \d+ MiB.$") as raised:
        disk.require_room(tmp_path, needed=MORE_THAN_THERE_IS)
    assert "Free some space" in raised.value.fix


@pytest.mark.skipif(not Path("/sys").exists(), reason="looks at a place that binds root, too")
def test_a_place_where_nobody_may_write_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="/sys") as raised:
        disk.require_room(Path("/sys/lab"))
    assert raised.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space is left for .lab/x."),
        (errno.EDQUOT, "No space is left for .lab/x."),
        (errno.EROFS, ".lab/x is read-only."),
        (errno.EACCES, "You may not write to .lab/x."),
    ],
)
def test_a_write_that_failed_is_told_by_its_file(number: int, told: str) -> None:
    error = disk.explained(OSError(number, "it failed", str(paths.LAB / "x")))
    assert error is not None
    assert error.what == told


def test_an_error_that_is_not_about_the_disk_is_not_explained() -> None:
    assert disk.explained(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert disk.explained(FileNotFoundError(errno.ENOENT, "missing", "x")) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_command_that_meets_a_full_disk_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def write(**_: object) -> None:
        with Path("/dev/full").open("w") as full:
            full.write("x")

    assert cli.run(write) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: No space is left for the lab's disk.\n  fix: Free some space")


def test_a_deployment_looks_for_room_before_it_asks_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    nobody = Aws(boto3.Session(region_name="us-east-1"), "http://127.0.0.1:1")
    with pytest.raises(LabError, match=r"has 0 MiB free"):
        deploy.deploy(nobody, "dev", {}, print)
