"""A host engine and a disk that is too small, full or read-only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.common import paths
from lab.engines import HostEngine, disk, processes
from lab.errors import LabError
from tests.conftest import free_port

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make a small disk, by Linux's tmpfs"
)

type MakeDisk = Callable[[int], Path]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeDisk]:
    """Makes a disk of so many MiB, and has the engines' files there."""
    mounted = tmp_path / "disk"
    mounted.mkdir()

    def make(size: int) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "lab-test", mounted], check=True)
        monkeypatch.setattr(paths, "ENGINES", mounted / "engine")
        return mounted

    yield make
    subprocess.run(["umount", mounted], check=True)


def fill(mounted: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={mounted / 'fill'}"], check=False, stderr=subprocess.DEVNULL)
    assert shutil.disk_usage(mounted).free == 0


def test_an_engine_does_not_start_on_a_disk_without_room(small_disk: MakeDisk) -> None:
    mounted = small_disk(16)
    engine = HostEngine(free_port())
    with pytest.raises(LabError, match=r"has \d+ MiB free; the lab needs \d+ MiB") as raised:
        engine.up()
    assert str(mounted) in raised.value.what
    assert "Free some space" in raised.value.fix
    assert not engine.down()


def test_an_engine_does_not_start_on_a_full_disk(small_disk: MakeDisk) -> None:
    fill(small_disk(1))
    with pytest.raises(LabError, match="No space is left"):
        HostEngine(free_port()).up()


def test_an_engine_does_not_start_on_a_read_only_disk(small_disk: MakeDisk) -> None:
    mounted = small_disk(1)
    paths.ENGINES.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    with pytest.raises(LabError, match="is read-only"):
        HostEngine(free_port()).up()


def test_an_engine_is_stopped_though_its_disk_is_full(small_disk: MakeDisk) -> None:
    mounted = small_disk(disk.NEEDED_BYTES // disk.MIB + 64)
    engine = HostEngine(free_port())
    engine.up()
    fill(mounted)
    assert engine.down()
    assert processes.own(engine.home) == []
