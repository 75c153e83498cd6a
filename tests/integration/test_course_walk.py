"""The course walked on a terminal: what each module asks for is done by the commands that it names.

Nothing counts before, and everything after. Module 1 is walked in the browser: test_console_browser.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lab.common import paths
from lab.dlq.browser import DlqBrowser
from lab.dlq.grouped import grouped
from lab.faults import steady_state as steady
from lab.games import breakfix
from lab.learn.module import load
from lab.pipeline.observe import Pipeline
from lab.scenario.catalog import load as scenario
from lab.scenario.guesses import questions
from support.eventually import eventually
from tests.support.pages import run, section

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SHELL = 'set -e; export PATH="$PWD/.lab/bin:$PATH"; variables=$(lab env); eval "$variables"\n'
SETTINGS = paths.ROOT / "ops" / "runbooks" / "settings.md"


@pytest.fixture(autouse=True)
def nothing_is_denied() -> None:
    """Not here: puzzles take permissions away."""


@pytest.fixture(autouse=True)
def restored(pipeline: Pipeline) -> Iterator[None]:
    steady.restore(pipeline, print)
    yield
    steady.restore(pipeline, print)


class Walk:
    """One person in one module, at a shell that knows the lab."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.pipeline = pipeline
        self.module = load(name)

    def begun(self, *, said_at_once: tuple[str, ...] = ()) -> "Walk":
        """The module is begun, and no checkpoint but those is passed."""
        self.types(f"lab learn begin {self.module.name}")
        verdicts = self._verdicts()
        assert verdicts == {point.told: point.name in said_at_once for point in self.module.checkpoints}
        return self

    def types(self, command: str, *, code: int = 0) -> str:
        """Type a command, and read what it prints."""
        done = self._run(command)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def step(self, number: int, *, then: str = "", code: int = 0, **names: str) -> str:
        """Type the command of a step, counted from 1, with the names in it replaced, and what is added to it."""
        command = self.module.steps[number - 1].command
        assert all(name in command for name in names)
        for name, value in names.items():
            command = command.replace(name, value)
        return self.types(f"{command} {then}", code=code)

    def sends(self, count: int, label: str) -> None:
        """Send orders, by the command of the first module."""
        (first, *_) = load("first-order").steps
        for number in range(count):
            self.types(first.command.replace("first-1", f"{label}-{number}"))

    def finished(self) -> None:
        """The question is answered, every checkpoint passes, and the module is done with all its points."""
        self.types(f"lab learn answer {self.module.name} {self.module.question.right}")
        eventually(self._passed, within=60, every=2)
        row = re.search(rf"{self.module.name}\b.*\bdone\b.*\b100\b", self.types("lab learn"))
        assert row

    def _passed(self) -> bool:
        verdicts = self._verdicts()
        assert set(verdicts.values()) == {True}, verdicts
        return True

    def _verdicts(self) -> dict[str, bool]:
        said = self._run(f"lab learn check {self.module.name}").stdout
        return {told: mark == "yes" for mark, told in re.findall(r"^(yes|NO ) ([^:]+):", said, re.MULTILINE)}

    def _run(self, command: str) -> CompletedProcess[str]:
        return run(SHELL + command, self.pipeline, within=500)


type Begins = Callable[..., Walk]


@pytest.fixture
def begins(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begins:
    """`begins("poison")` is somebody new, who has begun that module."""
    monkeypatch.setenv("LAB_PROGRESS", str(tmp_path))
    return lambda name: Walk(pipeline, name).begun()


def test_poison_module_is_done_by_its_commands(begins: Begins, pipeline: Pipeline, tmp_path: Path) -> None:
    walk = begins("poison")
    walk.step(1)
    walk.sends(5, "mortal")
    eventually(lambda: pipeline.dlq().visible == 5, within=60)
    assert "VALIDATION" in walk.step(2)
    eventually(lambda: pipeline.alarm_states()["critical-dlq-depth"] == "ALARM", within=60)
    walk.types("lab mode none")
    walk.step(3, then="--yes", code=1)  # the canaries die again, which halts it
    eventually(lambda: pipeline.dlq().visible == 5, within=60)
    died = json.loads(walk.types("lab dlq show mortal-0 --json"))["body"]
    repaired = tmp_path / "body.json"
    repaired.write_text(json.dumps(json.loads(died) | {"amount": 12.5}))
    walk.step(4, ORDER_ID="mortal-0", then=f"--body {repaired} --yes")
    for number in range(1, 5):
        walk.types(f"lab dlq discard mortal-{number} --reason 'corrupt beyond repair' --yes")
    walk.finished()


def test_predictions_module_is_done_by_three_scenarios(begins: Begins) -> None:
    walk = begins("predict")
    for name in ("poison-payload", "duplicate-submit", "partial-batch"):
        entry = scenario(name)
        expected = [prediction.expected for _, prediction, _ in questions(entry.scenario)]
        answers = "\n".join(each.text if each.exact else "" for each in expected)
        said = walk.types(f"{walk.module.steps[0].command.replace('poison-payload', name)} <<< '{answers}'")
        exact = sum(each.exact for each in expected)
        assert f"you: {exact} of {exact}" in said
    walk.finished()


def test_idempotency_module_is_done_by_duplicates_and_a_crash(begins: Begins) -> None:
    walk = begins("idempotency")
    walk.step(1)
    walk.sends(10, "twice")
    walk.types("lab mode none")
    walk.types("lab steady")
    walk.step(2)
    walk.finished()


def test_outage_module_is_done_by_two_scenarios(begins: Begins) -> None:
    walk = begins("outage")
    walk.step(1)
    walk.step(2)
    walk.finished()


def test_load_module_is_done_by_the_load_it_names(begins: Begins) -> None:
    walk = begins("load")
    walk.step(1)
    walk.finished()


def test_thousands_module_is_done_by_its_commands(begins: Begins, pipeline: Pipeline) -> None:
    walk = begins("thousands")
    groups = grouped(pipeline, DlqBrowser(pipeline))["groups"]
    outage = next(each for each in groups if "price-service refused" in each["signature"])["fingerprint"]
    lines = next(each for each in groups if each["errorType"] == "LinesExceedAmount")
    assert outage in walk.step(1)
    walk.step(2, GROUP=outage)
    walk.step(3, GROUP=outage, then="--yes")
    walk.step(4, ORDER_ID=lines["samples"][0]["orderId"], then="--yes")
    walk.finished()


def test_puzzles_module_is_done_by_three_cures(begins: Begins, pipeline: Pipeline) -> None:
    walk = begins("puzzles")
    for broken in (walk.module.steps[0].command, "lab break dead-line", "lab break silent-night"):
        walk.types(broken)
        _look, cure = section(SETTINGS, breakfix.require_broken(pipeline).section)
        walk.types(cure)
        assert "Mended" in walk.types("lab check")
    walk.finished()


def test_gameday_module_is_done_by_playing_one(begins: Begins) -> None:
    walk = begins("gameday")
    command = walk.module.steps[0].command.replace("spared-database", "schema-evolution")
    walk.types(f"{command} --unattended --faster 3")
    walk.finished()


def test_cost_module_is_done_by_its_commands(begins: Begins) -> None:
    walk = begins("cost")
    assert "1,000,000" in walk.step(1)
    walk.step(2)
    walk.finished()
