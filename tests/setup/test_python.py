"""Setup where the machine has no Python 3.13."""

import hashlib
import json
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.setup.conftest import Index, environment, make

RELEASES = "https://github.com/astral-sh/python-build-standalone/releases/download"
LEFT_OUT = {"test", "idlelib", "tkinter", "site-packages", "__pycache__", "ensurepip", "share", "include"}
QUESTION = "No Python 3.13 found. Fetch one into .lab/python"


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """uv's variables for a mirror of its own Python builds that has one: an archive of this very interpreter."""
    home = tmp_path_factory.mktemp("mirror")
    archive = home / "1" / "cpython.tar.gz"
    archive.parent.mkdir()

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if LEFT_OUT & set(entry.name.split("/")) else entry

    with tarfile.open(archive, "w:gz", compresslevel=1) as written:
        for folder in ("bin", "lib"):
            written.add(Path(sys.base_prefix) / folder, f"python/{folder}", filter=kept)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    key = f"cpython-3.13.{sys.version_info.micro}-linux-{machine}-gnu"
    build = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": 3,
        "minor": 13,
        "patch": sys.version_info.micro,
        "prerelease": "",
        "url": f"{RELEASES}/1/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "1",
    }
    builds = home / "builds.json"
    builds.write_text(json.dumps({key: build}))
    return {"UV_PYTHON_INSTALL_MIRROR": home.as_uri(), "UV_PYTHON_DOWNLOADS_JSON_URL": str(builds)}


@pytest.fixture
def machine(
    index: Index, mirror: dict[str, str], older_python: Path, current_node: Path, tmp_path: Path
) -> dict[str, str]:
    """The environment of a machine whose newest Python is older than 3.13."""
    given = environment(
        tmp_path / "home",
        **mirror,
        SSL_CERT_FILE=str(index.ca),
        PIP_INDEX_URL=f"{index.address}/simple/",
        npm_config_registry=f"{index.address}/npm/",
    )
    return given | {"PATH": f"{older_python}:{current_node}:/usr/bin:/bin"}


def fetched(clone: Path) -> Path:
    """The environment's interpreter, as a path with no links in it."""
    return (clone / ".lab/env/lab/bin/python").resolve()


def test_setup_fetches_a_python_into_the_clone_where_it_is_told_to(
    small: Path, machine: dict[str, str]
) -> None:
    done = make(small, machine, "setup", "FETCH_PYTHON=1")
    assert done.returncode == 0, done.stdout
    assert fetched(small).is_relative_to(small / ".lab/python")
    assert not (Path(machine["HOME"]) / ".local").exists()
    said = subprocess.run([fetched(small), "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"Python {sys.version.split()[0]}\n"


def test_a_python_that_was_fetched_is_found_again_without_asking(
    small: Path, machine: dict[str, str]
) -> None:
    assert make(small, machine, "setup", "FETCH_PYTHON=1").returncode == 0
    (small / ".lab/env/stamp").unlink()
    done = make(small, machine, "setup")
    assert done.returncode == 0, done.stdout
    assert fetched(small).is_relative_to(small / ".lab/python")


def test_an_environment_of_which_half_was_deleted_is_made_again_and_no_other_python_is_touched(
    small: Path, machine: dict[str, str]
) -> None:
    def installed() -> list[Path]:
        return sorted((small / ".lab/python").rglob("*.dist-info"))

    assert make(small, machine, "setup", "FETCH_PYTHON=1").returncode == 0
    before = installed()
    told = small / ".lab/env/lab/pyvenv.cfg"
    for deleted in (told, small / ".lab/env/stamp"):
        deleted.unlink()
    done = make(small, machine, "setup")
    assert done.returncode == 0, done.stdout
    assert told.exists()
    assert installed() == before


def test_without_a_terminal_nothing_is_fetched_and_the_ways_out_are_told(
    small: Path, machine: dict[str, str]
) -> None:
    done = make(small, machine, "setup")
    assert done.returncode != 0
    assert "error: No Python 3.13 found" in done.stdout
    assert "make setup FETCH_PYTHON=1" in done.stdout
    assert not (small / ".lab/python").exists()


@pytest.mark.parametrize(("answer", "agreed"), [(b"\n", True), (b"n\n", False)])
def test_on_a_terminal_it_is_asked_once(
    small: Path, machine: dict[str, str], answer: bytes, agreed: bool
) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    with subprocess.Popen(
        ["make", "setup"],
        cwd=small,
        env=machine,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        said, _ = running.communicate()
    os.close(theirs)
    os.close(ours)
    assert said.count(QUESTION) == 1
    assert (running.returncode == 0) == agreed, said
    assert (small / ".lab/python").exists() == agreed


def test_an_archive_that_is_not_the_one_uv_expects_is_refused(
    small: Path, machine: dict[str, str], tmp_path: Path
) -> None:
    builds = json.loads(Path(machine["UV_PYTHON_DOWNLOADS_JSON_URL"]).read_text())
    for build in builds.values():
        build["sha256"] = "0" * 64
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(builds))
    done = make(small, machine | {"UV_PYTHON_DOWNLOADS_JSON_URL": str(forged)}, "setup", "FETCH_PYTHON=1")
    assert done.returncode != 0
    assert "error: Python 3.13 could not be installed" in done.stdout
    assert not (small / ".lab/env/lab").exists()
