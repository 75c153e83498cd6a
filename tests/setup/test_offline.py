"""Setup without a network, and with a home that cannot be written to."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lab.common import paths
from support.engines import free_port
from tests.setup.conftest import environment, isolated, make
from tests.setup.packages import whole_clone


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What make bundle writes in this clone."""
    written = tmp_path_factory.mktemp("bundle") / "lab-bundle.tar"
    subprocess.run(
        ["make", "bundle", f"BUNDLE={written}"], cwd=paths.ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return written


@pytest.mark.timeout(900)
def test_an_archive_is_all_that_a_fresh_clone_needs_with_the_network_cut_off_and_home_read_only(
    archive: Path, tmp_path: Path
) -> None:
    clone, port = whole_clone(tmp_path / "clone"), free_port()
    home = tmp_path / "home"
    environ = environment(home, ENGINE="host", LAB_PORT=str(port), PYTHON=f"{sys.base_prefix}/bin/python3.13")
    environ |= {"XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "OFFLINE": str(archive)}
    steps = f"ip link set lo up && mount -t tmpfs -o ro none {home} && make up deploy-local && make doctor"
    steps += "; code=$?; make down; exit $code"
    done = subprocess.run(
        [
            *isolated("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            "bash",
            "-c",
            steps,
        ],
        cwd=clone,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "setup: done" in done.stdout
    assert "packages come from .lab/offline" in " ".join(done.stdout.split())
    assert (clone / ".lab/cache/uv").is_dir()


def test_an_archive_that_is_not_there_is_named(small: Path, tmp_path: Path) -> None:
    done = make(small, environment(tmp_path / "home"), "setup", "OFFLINE=none.tar")
    assert "error: OFFLINE=none.tar is not a file." in done.stdout
    assert not (small / ".lab/offline").exists()


def test_an_archive_of_another_platform_is_refused(small: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tar"
    with tarfile.open(foreign, "w") as written:
        entry = tarfile.TarInfo("platform")
        entry.size = len(text := b"Plan9 mips\n")
        written.addfile(entry, io.BytesIO(text))
    done = make(small, environment(tmp_path / "home"), "setup", f"OFFLINE={foreign}")
    assert f"error: OFFLINE={foreign} is no bundle for " in done.stdout
    assert not (small / ".lab/offline").exists()
