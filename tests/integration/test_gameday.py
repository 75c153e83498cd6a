"""An exercise on a compressed clock, with a team that repairs; demonstrations whose alarm rings before their cure."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import report
from lab.common import paths
from lab.common.polling import wait_for
from lab.faults import runtime_settings
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.games.desk import Desk
from lab.games.game import Game, play
from lab.games.gameday import DEMONSTRATIONS, GAMEDAYS, GameDay
from lab.games.score import report_of, score, times
from lab.pipeline.observe import Pipeline
from tests.support.pages import run

pytestmark = pytest.mark.long

SHORT = [day for day in DEMONSTRATIONS if day.seconds <= 60 or os.environ.get("LAB_EVERY_GAMEDAY")]


@pytest.fixture(autouse=True)
def restored(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)


def until(what: str, game: Game, done: Callable[[], bool], within: float = 100) -> None:
    wait_for(what, lambda: done() or game.finished.is_set(), bool, within=within)
    assert game.trouble is None
    assert done(), [each.text for each in game.moments]


def kinds(game: Game) -> list[str]:
    return [each.kind for each in game.moments]


@pytest.mark.timeout(500)
def test_an_exercise_lasts_until_the_team_repairs_it_and_every_moment_is_in_its_report(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "REPORTS", tmp_path / "reports")
    day = GAMEDAYS["spared-database"].faster(6)
    desk, facilitator = Desk(tmp_path / "desk"), Desk(tmp_path / "desk")
    with play(day, pipeline, print, team=("Ada: commander",), desk=desk) as game:
        until("the desk to be open", game, lambda: facilitator.under_way() is not None)
        facilitator.ask("pause", who="Fay")
        until("the clock to stand", game, lambda: game.paused)
        stands = game.clock
        facilitator.ask("inject", who="Fay")
        until("the first inject", game, lambda: bool(game.incidents))
        assert game.clock == stands
        facilitator.ask("resume", who="Fay")
        (incident,) = game.incidents
        until("an alarm", game, lambda: incident.detected is not None)
        assert incident.repaired is None
        facilitator.ask("declare", who="Ada")
        facilitator.ask("diagnose", "the worker may not run", "Ada")
        facilitator.ask("hint", who="Ada")
        facilitator.ask("note", "who has done that?", "Cy")
        until("the note", game, lambda: "note" in kinds(game))
        assert runtime_settings.WORKER_CONCURRENCY.read(pipeline) == 0, "nothing heals itself"
        runtime_settings.WORKER_CONCURRENCY.write(pipeline, None)
        until("the repair to be seen", game, lambda: incident.repaired is not None)
        assert Changes(pipeline).active() == []
        until("the recovery", game, lambda: incident.recovered is not None)
        facilitator.ask("end", who="Fay")
        until("the end", game, game.finished.is_set)
        card = score(game)
        page = report.write(report_of(game, card, "test"), ["critical-dlq-depth"])
    ends = (incident.detected, incident.declared, incident.diagnosed, incident.repaired, incident.recovered)
    assert incident.began < (incident.detected or 0)
    assert list(ends) == sorted(at or 0 for at in ends)
    assert "not at all" not in times(card).values()
    assert card.hints == 1
    assert card.account.sound
    for told in (
        "who has done that?",
        "the worker may not run",
        "Ada: commander",
        day.injects[0].told,
        day.hints[0].split("`")[0],
    ):
        assert told in page.read_text()
    assert (facilitator.state() or {})["over"]


@pytest.mark.parametrize("day", SHORT, ids=lambda day: day.name)
@pytest.mark.timeout(500)
def test_the_first_alarm_of_a_demonstration_rings_before_its_cure(
    pipeline: Pipeline, tmp_path: Path, day: GameDay
) -> None:
    with play(day, pipeline, print, desk=Desk(tmp_path)) as game:
        wait_for("the time to be up", lambda: game.over, bool, within=day.seconds + 30)
        card = score(game)
    cured_after = game.injected_at[-1] - game.injected_at[0]
    assert card.alarm_after is not None
    assert card.alarm_after < cured_after
    assert card.account.sound


def test_facilitators_commands_reach_the_game_of_another_terminal(pipeline: Pipeline) -> None:
    day = GAMEDAYS["schema-evolution"]
    with play(day, pipeline, print) as game:
        done = run('.lab/bin/lab gameday note "seen from elsewhere" && .lab/bin/lab gameday show', pipeline)
        assert done.returncode == 0, done.stdout + done.stderr
        until("the note", game, lambda: "seen from elsewhere" in [each.text for each in game.moments], 20)
        assert day.title in done.stdout
        second = run(".lab/bin/lab gameday run schema-evolution --unattended", pipeline)
        assert second.returncode == 1
        assert "under way" in second.stderr or "steady state" in second.stderr
    assert run(".lab/bin/lab gameday show", pipeline).returncode == 1
