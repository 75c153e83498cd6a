"""An exercise on a compressed clock, with a team that repairs; demonstrations whose alarm rings before their cure."""

import html
import json
import os
import time
from collections.abc import Callable, Iterator
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
from lab.pipeline.observe import Pipeline, fields_of
from tests.support.denials import denials
from tests.support.pages import run, section

pytestmark = pytest.mark.long

SETTINGS = paths.ROOT / "ops" / "runbooks" / "settings.md"
SHELL = 'set -e; variables=$(.lab/bin/lab env); eval "$variables"\n'
SHORT = [day for day in DEMONSTRATIONS if day.seconds <= 60 or os.environ.get("LAB_EVERY_GAMEDAY")]


@pytest.fixture(autouse=True)
def nothing_is_denied(pipeline: Pipeline) -> Iterator[None]:
    """Nothing but the table that nobody has given the worker: a colleague has tidied up.

    A line that is cut off before the table is of an order of which another line names it.
    """
    began = time.time_ns() // 1_000_000
    yield
    lines = {line: (fields_of(line) or {}).get("correlation_id") for line in denials(pipeline, began)}
    astray = {order for line, order in lines.items() if order and "table/ingestion-orders" in line}
    assert [line for line, order in lines.items() if order not in astray] == []


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


def typed(pipeline: Pipeline, command: str) -> str:
    """What a person's command prints, at a shell that knows the lab."""
    done = run(SHELL + command, pipeline)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def letters_are_given_up(pipeline: Pipeline) -> None:
    (group,) = json.loads(typed(pipeline, ".lab/bin/lab dlq groups --json"))["groups"]
    command = (
        f".lab/bin/lab dlq discard --group {group['fingerprint']} --reason 'nobody knows this version' --yes"
    )
    typed(pipeline, command)


def service_is_switched_back(pipeline: Pipeline) -> None:
    _look, cure = section(SETTINGS, "A failure mode is in force")
    typed(pipeline, cure)


def table_is_set_right_and_the_dead_are_redriven(pipeline: Pipeline) -> None:
    _look, cure = section(SETTINGS, "The worker has a wrong variable")
    typed(pipeline, cure)
    typed(pipeline, ".lab/bin/lab dlq redrive --min-age 0 --max 1000 --yes")


def mapping_is_enabled(pipeline: Pipeline) -> None:
    _look, cure = section(SETTINGS, "The event source mapping is disabled")
    typed(pipeline, cure)


REPAIRS: dict[str, tuple[Callable[[Pipeline], None], ...]] = {
    "first-of-the-month": (letters_are_given_up, service_is_switched_back),
    "black-friday": (table_is_set_right_and_the_dead_are_redriven, mapping_is_enabled),
}


@pytest.mark.parametrize(("name", "factor"), [("first-of-the-month", 8), ("black-friday", 10)])
@pytest.mark.timeout(600)
def test_each_incident_of_a_long_exercise_is_detected_before_its_repair_and_recovers_by_it(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, factor: float
) -> None:
    monkeypatch.setattr(paths, "REPORTS", tmp_path / "reports")
    day, desk, team = GAMEDAYS[name].faster(factor), Desk(tmp_path / "desk"), Desk(tmp_path / "desk")
    with play(day, pipeline, print, team=("Ada: commander",), desk=desk) as game:
        for number, repair in enumerate(REPAIRS[name], 1):
            until(
                f"incident {number}", game, lambda number=number: len(game.incidents) == number, day.seconds
            )
            incident = game.incidents[-1]
            until("an alarm", game, lambda incident=incident: incident.detected is not None)
            team.ask("declare", who="Ada")
            team.ask("diagnose", f"found: {incident.inject.repair}", "Ada")
            until("the diagnosis", game, lambda incident=incident: incident.diagnosed is not None)
            assert incident.repaired is None, "nothing heals itself"
            repair(pipeline)
            until("the repair", game, lambda incident=incident: incident.repaired is not None)
            until("the recovery", game, lambda incident=incident: incident.recovered is not None, 150)
        until("the end of the clock", game, lambda: game.over, day.seconds)
        card = score(game)
        told = html.unescape(report.write(report_of(game, card, "test"), ["critical-dlq-depth"]).read_text())
    assert [each.inject for each in card.incidents] == [each for each in day.injects if each.repair]
    for incident in card.incidents:
        ends = (incident.detected, incident.diagnosed, incident.repaired, incident.recovered)
        known = [at for at in ends if at is not None]
        assert len(known) == len(ends)
        assert [incident.began, *known] == sorted([incident.began, *known])
        assert f"found: {incident.inject.repair}".split("`")[0] in told
    assert "not at all" not in times(card).values()
    assert all(name in told for name in times(card))
    assert all(inject.told in told for inject in day.injects)
    assert card.account.sound


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
