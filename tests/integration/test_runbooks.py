"""Every command block of the runbooks runs on a deployed pipeline."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from functions.redrive.fingerprint import fingerprint
from lab.common import paths
from lab.dlq.browser import dead_letters
from lab.dlq.seed import bury
from lab.games.gameday import GAMEDAYS
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from tests.support.edits import RIGHT, WRONG, edited_and_waiting, worker_away
from tests.support.pages import blocks, run
from tests.support.redrives import supply

pytestmark = pytest.mark.long

OPS = paths.ROOT / "ops"


def commands() -> list[str]:
    """Every different line of every `sh` block; a GameDay is a test of its own, and so is each cure of a setting."""
    pages = (*OPS.glob("runbooks/*.md"), *OPS.glob("gamedays/*.md"))
    pages = tuple(page for page in pages if page.name != "settings.md")  # tests/integration/test_breakfix.py
    lines = [line for page in pages for _, block in blocks(page) for line in block.splitlines()]
    return sorted({line for line in lines if " gameday run " not in line})


NAMES = ("MESSAGE_ID", "GROUP", "OPERATION")
"""What a reader replaces in a command by what an earlier command has told."""

CONFIRMED = tuple(f" dlq {name} " for name in ("redrive", "edit", "patch", "undo", "discard"))


@contextmanager
def names_in(command: str, pipeline: Pipeline, api: Api) -> Iterator[dict[str, str]]:
    """A letter, its group or an operation that has edited it, so that each name in a command means something."""
    if not any(name in command for name in NAMES):
        yield {}
        return
    if "OPERATION" in command:
        with worker_away(pipeline):
            yield {"OPERATION": edited_and_waiting(pipeline, api, 2)[1]}
        return
    passes = any(f" dlq {name} " in command for name in ("redrive", "dry-run"))
    orders = supply(1) if passes else supply(1, currency=WRONG)
    bury(pipeline, orders)
    (letter,) = dead_letters(pipeline)
    yield {"MESSAGE_ID": letter.message_id, "GROUP": fingerprint(letter)}


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_runbooks_runs(
    pipeline: Pipeline, api: Api, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\nsed -i s/{WRONG}/{RIGHT}/ $1\n")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    with names_in(command, pipeline, api) as names:
        for name, value in names.items():
            command = command.replace(name, value)
        yes = " --yes" if any(part in command for part in CONFIRMED) else ""
        done = run(f"{command}{yes}", pipeline)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("gameday", "dead", "alarm"),
    [("schema-evolution", 6, True), ("downstream-outage", 0, False), ("traffic-spike", 0, True)],
)
def test_a_gameday_can_be_played_unattended_and_loses_nothing(
    pipeline: Pipeline, gameday: str, dead: int, alarm: bool
) -> None:
    done = run(".lab/bin/lab steady", pipeline)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(f".lab/bin/lab gameday run {gameday} --unattended --faster 3", pipeline)
    assert done.returncode == 0, done.stdout + done.stderr
    for inject in GAMEDAYS[gameday].injects:
        assert inject.told in done.stdout
    for row, count in (("orders in the DLQ", dead), ("orders still queued", 0), ("orders lost", 0)):
        assert re.search(rf"{row}\W+{count}\b", done.stdout), done.stdout
    assert re.search(r"time to recover.*?\d+\.\d s", done.stdout), done.stdout
    if alarm:
        assert re.search(r"first alarm\W+\d+\.\d s", done.stdout), done.stdout


def test_every_command_block_is_a_shell_block_that_is_run() -> None:
    for path in (*OPS.glob("runbooks/*.md"), *OPS.glob("gamedays/*.md")):
        fences = re.findall(r"^```(\w*)$", path.read_text(), re.MULTILINE)
        assert [fence for fence in fences if fence] == ["sh"] * (len(fences) // 2), Path(path).name
