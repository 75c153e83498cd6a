"""What is broken on purpose shows in the pipeline's behaviour, and is mended by undoing it."""

import os
import time

import pytest

from lab.common import paths
from lab.common.results import Verdict
from lab.errors import LabError
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.games import breakfix
from lab.games.check import check, leftovers
from lab.games.puzzles import PUZZLES, Puzzle
from lab.pipeline.observe import Pipeline
from tests.support.pages import run, section

pytestmark = pytest.mark.long

QUICK = ("deaf-rule", "closed-door", "mute-alarm")
CHOSEN = [puzzle for puzzle in PUZZLES if puzzle.answer in QUICK or os.environ.get("LAB_EVERY_PUZZLE")]
SETTINGS = paths.ROOT / "ops" / "runbooks" / "settings.md"
CIRCUIT_CHECKS = 4
"""A circuit that the puzzle has opened closes again within so many checks after the cure."""
SHELL = 'set -e; variables=$(.lab/bin/lab env); eval "$variables"\n'


@pytest.fixture(autouse=True)
def nothing_is_denied() -> None:
    """Not here: what is broken may well be that a function has no permission any more."""


@pytest.fixture(autouse=True)
def mended(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)


def missing(pipeline: Pipeline) -> list[str]:
    results = list(check(pipeline))
    print(*results, sep="\n")  # noqa: T201  for whoever reads a failure
    return [result.name for result in results if result.verdict is not Verdict.PROVED]


def test_a_healthy_pipeline_shows_every_behaviour_and_a_check_leaves_nothing(pipeline: Pipeline) -> None:
    assert missing(pipeline) == []
    assert leftovers(pipeline) == ""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("puzzle", CHOSEN, ids=lambda puzzle: puzzle.answer)
def test_a_puzzle_is_told_until_the_runbooks_cure_mends_it_whatever_failed_checks_have_left(
    pipeline: Pipeline, puzzle: Puzzle
) -> None:
    look, cure = section(SETTINGS, puzzle.section)
    breakfix.break_it(pipeline, name=puzzle.name)
    for _ in range(0 if puzzle.is_nothing else 2):
        began = time.monotonic()
        results = list(check(pipeline))
        print(*results, f"within {time.monotonic() - began:.1f} s", sep="\n")  # noqa: T201  for whoever reads a failure
        outcome = breakfix.judge(pipeline, results)
        assert outcome
        assert not outcome.solved
    if not puzzle.is_nothing:
        seen = run(SHELL + look, pipeline)
        assert seen.returncode == 0, seen.stderr
        cured = run(SHELL + cure, pipeline)
        assert cured.returncode == 0, cured.stderr
    for _ in range(1 if puzzle.is_nothing else CIRCUIT_CHECKS):
        results = list(check(pipeline))
        print(*results, sep="\n")  # noqa: T201
        outcome = breakfix.judge(pipeline, results, nothing_wrong=puzzle.is_nothing)
        assert outcome
        if outcome.solved:
            break
    else:
        pytest.fail(outcome.told)
    assert Changes(pipeline).active() == []
    steady.restore(pipeline, print)


def test_who_says_that_nothing_is_wrong_is_wrong_while_something_is(pipeline: Pipeline) -> None:
    breakfix.break_it(pipeline, name="mute-alarm")
    outcome = breakfix.judge(pipeline, list(check(pipeline)), nothing_wrong=True)
    assert outcome
    assert not outcome.solved
    assert breakfix.require_broken(pipeline).answer == "mute-alarm"
    steady.restore(pipeline, print)


def test_the_same_seed_breaks_the_same_thing_and_nothing_is_broken_twice(pipeline: Pipeline) -> None:
    found: list[str] = []
    for _ in range(2):
        breakfix.break_it(pipeline, seed=4)
        found.append(breakfix.require_broken(pipeline).name)
        with pytest.raises(LabError, match="broken already"):
            breakfix.break_it(pipeline, seed=5)
        steady.restore(pipeline, print)
    assert found[0] == found[1]


def test_the_refusal_of_a_dirty_lab_does_not_give_the_puzzle_away(pipeline: Pipeline) -> None:
    breakfix.break_it(pipeline, seed=4)
    with pytest.raises(LabError) as raised:
        steady.require(pipeline)
    assert "broken on purpose" in raised.value.what
    assert breakfix.require_broken(pipeline).change.setting.name not in raised.value.what
    steady.restore(pipeline, print)
