"""A clone whose installation was never made, or has been interrupted, or is half removed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.common import paths

STAMP = ".lab/env/stamp"
"""Is there when everything is."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The front doors of a clone, and an environment that was installed once."""
    for name in ("Makefile", "lab/machine.sh", "lab/engines/shims/lab"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.ROOT / name, tmp_path / name)
    command = tmp_path / ".lab/env/lab/bin/lab"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "lab $*"\n')
    command.chmod(0o755)
    (tmp_path / STAMP).touch()
    (tmp_path / ".lab/bin").mkdir()
    (tmp_path / ".lab/bin/lab").symlink_to("../../lab/engines/shims/lab")
    return tmp_path


def told(clone: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        words,
        cwd=clone,
        env=plain | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_of_a_whole_installation_runs(clone: Path) -> None:
    assert told(clone, ".lab/bin/lab", "status").stdout == "lab status\n"


def test_the_command_of_half_an_installation_says_how_to_make_it_whole(clone: Path) -> None:
    (clone / STAMP).unlink()
    done = told(clone, ".lab/bin/lab", "status")
    assert done.returncode == 1
    assert done.stderr == "error: The lab is not installed, or not all of it.\n  fix: Run: make setup\n"


@pytest.mark.parametrize("words", [(".lab/bin/lab", "down"), ("make", "-s", "clean")])
def test_programs_keep_bytecode_although_the_image_says_that_none_be_kept(
    clone: Path, words: tuple[str, ...]
) -> None:
    (clone / ".lab/env/lab/bin/lab").write_text('#!/bin/sh\necho "${PYTHONDONTWRITEBYTECODE-kept}"\n')
    assert told(clone, *words, PYTHONDONTWRITEBYTECODE="1").stdout == "kept\n"


def test_clean_stops_the_engine_and_keeps_reports_where_nobody_can_be_asked(clone: Path) -> None:
    (clone / ".lab/reports/one").mkdir(parents=True)
    done = told(clone, "make", "clean")
    assert done.stdout == "lab down\nkept: .lab/reports\n"
    assert [each.name for each in (clone / ".lab").iterdir()] == ["reports"]


def test_an_interrupted_clean_leaves_nothing_that_passes_for_an_installation(clone: Path) -> None:
    tools = clone / "tools"
    tools.mkdir()
    (tools / "find").symlink_to("/bin/false")  # as if Ctrl-C came when it begins to remove the environments
    done = told(clone, "make", "clean", PATH=f"{tools}:{os.environ['PATH']}")
    assert done.returncode
    assert (clone / ".lab/bin/lab").is_symlink()
    assert not (clone / ".lab/env").exists()
