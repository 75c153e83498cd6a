"""A GameDay's rules: pauses do not count, an incident lasts until it is repaired, and each moment is its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.faults.changes import Change
from lab.faults.runtime_settings import RuntimeSetting
from lab.games import game as games
from lab.games.desk import Ask, Desk
from lab.games.game import Game
from lab.games.gameday import GameDay, Inject, moment
from lab.pipeline.timeline import Sample

VALUES: dict[str, Any] = {}
SETTING = RuntimeSetting(
    "concurrency", lambda _pipeline: VALUES["now"], lambda _pipeline, value: VALUES.update(now=value)
)
BREAK = Change(SETTING, lambda _now, _pipeline: 0, "broken")
DAY = GameDay(
    "a-day",
    "A day",
    rate=1,
    seconds=600,
    injects=(
        Inject(60, "It is slow.", BREAK, repair="give it back"),
        Inject(120, "More.", rate=4),
    ),
    hints=("first", "second"),
)


class Undone:
    """The changes of a pipeline: they are made, and forgotten."""

    def __init__(self, _pipeline: object) -> None:
        """Of any pipeline."""

    def make(self, change: Change, **_: object) -> None:
        VALUES["now"] = change.turned(VALUES["now"], None)

    def forget(self, setting: str) -> None:
        VALUES["forgotten"] = setting

    def active(self) -> list[Any]:
        return []

    def undo_all(self, _changes: list[Any]) -> None:
        VALUES["undone"] = True


type Play = Callable[..., Game]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    """Makes a game whose time a test moves: `game.timeline.now`."""
    VALUES.clear()
    VALUES["now"] = None
    monkeypatch.setattr(games, "Changes", Undone)

    def made(day: GameDay = DAY) -> Game:
        desk = Desk(tmp_path)
        desk.open()
        anything: Any = SimpleNamespace()
        timeline: Any = SimpleNamespace(now=0.0, samples=[])
        return Game(day, anything, anything, timeline, anything, lambda _line: None, desk, rate=day.rate)

    return made


def sample(at: float, *, queued: int = 0, dlq: int = 0, rings: str = "") -> Sample:
    return Sample(at, queued, 0, dlq, 0, {"an-alarm": "OK"} | ({rings: "ALARM"} if rings else {}))


def step(game: Game, at: float, *samples: Sample) -> None:
    """What the clock's thread does, once."""
    game.timeline.now = at
    game.timeline.samples += samples
    game._watch()
    if not game.paused and game._is_due():
        game.inject_next()


def test_inject_comes_when_the_played_time_says_so(play: Play) -> None:
    game = play()
    step(game, 59)
    assert game.incidents == []
    game.pause()
    step(game, 500)
    assert (game.clock, game.incidents) == (59, [])
    game.resume()
    step(game, 501)
    assert (game.clock, len(game.incidents)) == (60, 1)
    assert VALUES["now"] == 0


def test_incident_has_the_times_of_what_happened_to_it_in_played_seconds(play: Play) -> None:
    game = play()
    step(game, 60)
    (incident,) = game.incidents
    step(game, 70, sample(70, queued=20, rings="an-alarm"))
    game.pause()
    game.timeline.now = 170
    game.resume()
    game.declare()
    step(game, 180, sample(180, queued=30, rings="an-alarm"))
    game.diagnose("it may not run")
    VALUES["now"] = None
    step(game, 190, sample(190, queued=30))
    assert (incident.repaired, incident.recovered) == (90, None)
    step(game, 200, sample(200, queued=1))
    assert (incident.began, incident.detected, incident.declared, incident.diagnosed) == (60, 70, 70, 80)
    assert (incident.repaired, incident.recovered) == (90, 100)
    assert VALUES["forgotten"] == SETTING.name


def test_alarm_that_rang_before_an_incident_does_not_detect_it(play: Play) -> None:
    game = play()
    step(game, 30, sample(30, rings="an-alarm"))
    step(game, 60)
    step(game, 70, sample(70, rings="an-alarm"))
    assert game.incidents[0].detected is None
    step(game, 80, sample(80))
    step(game, 90, sample(90, rings="an-alarm"))
    assert game.incidents[0].detected == 90


def test_nothing_is_recovered_while_a_letter_lies_in_the_dlq(play: Play) -> None:
    game = play()
    step(game, 60)
    VALUES["now"] = 10
    step(game, 70, sample(70, dlq=1))
    step(game, 80, sample(80, dlq=1))
    assert game.incidents[0].repaired == 70
    assert game.incidents[0].recovered is None


def test_letters_are_repaired_once_they_were_there_and_are_gone_however_late_the_look(play: Play) -> None:
    game = play(replace(DAY, injects=(Inject(60, "A release.", repair="give the letters up"),)))
    step(game, 60)
    (incident,) = game.incidents
    step(game, 70, sample(61), sample(63, dlq=3, rings="an-alarm"), sample(65, dlq=12, rings="an-alarm"))
    assert (incident.detected, incident.repaired, incident.recovered) == (70, None, None)
    step(game, 80, sample(75, dlq=5), sample(78))
    assert (incident.repaired, incident.recovered) == (80, None)
    step(game, 90, sample(88))
    assert incident.recovered == 90


def test_incident_that_nobody_repairs_never_recovers_by_itself(play: Play) -> None:
    game = play()
    step(game, 60)
    for at in range(70, 600, 10):
        step(game, at, sample(at))
    assert game.incidents[0].repaired is None
    assert game.incidents[0].recovered is None


def test_what_happens_twice_counts_the_first_time(play: Play) -> None:
    game = play()
    step(game, 60)
    for at in (70, 90):
        game.timeline.now = at
        game.declare()
        game.diagnose("it is slow")
    assert (game.incidents[0].declared, game.incidents[0].diagnosed) == (70, 70)


@pytest.mark.parametrize(
    ("ask", "kind", "text"),
    [
        (Ask("hint", who="Ada"), "hint", "first"),
        (Ask("note", "a thought", "Ada"), "note", "a thought"),
        (Ask("declare", who="Ada"), "declared", "the team has declared an incident"),
        (Ask("diagnose", "reserved concurrency", "Ada"), "diagnosed", "reserved concurrency"),
        (Ask("inject", who="Ada"), "inject", "It is slow."),
        (Ask("pause", who="Ada"), "clock", "paused"),
        (Ask("end", who="Ada"), "end", "ended early"),
    ],
)
def test_what_the_desk_asks_for_is_done_and_on_the_timeline(
    play: Play, ask: Ask, kind: str, text: str
) -> None:
    game = play()
    game.obey(ask)
    last = game.moments[-1]
    assert (last.kind, last.text) == (kind, text)
    assert last.who == ("" if kind == "inject" else "Ada")


def test_hints_are_given_once_each_and_end(play: Play) -> None:
    game = play()
    assert [game.hint(), game.hint(), game.hint()] == ["first", "second", None]
    assert game.hints_given == 2


def test_state_for_the_desk_has_what_comes_next_and_is_json(play: Play) -> None:
    game = play()
    step(game, 60, sample(60, queued=2))
    game.desk.tell(game.state())
    told = game.desk.state() or {}
    assert told["nextInject"]["told"] == "More."
    assert told["incidents"][0]["repair"] == "give it back"
    assert (told["pipeline"]["queued"], told["clock"]) == (2, 60)


@pytest.mark.parametrize(("seconds", "told"), [(45, "45 s"), (119, "119 s"), (120, "2:00"), (754.9, "12:34")])
def test_clock_is_told_in_seconds_or_in_minutes(seconds: float, told: str) -> None:
    assert moment(seconds) == told
