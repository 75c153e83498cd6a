"""The facilitator's desk: whatever process asks, the game is told once, and its state is seen until it ends."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.games import desk as desks
from lab.games.desk import Ask, Desk


@pytest.fixture
def game(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.open()
    desk.tell({"name": "black-friday", "over": False})
    return desk


def test_what_another_process_asks_reaches_the_game_once_and_in_order(game: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path)
    other.ask("note", "the partner sleeps: é", "Ada")
    assert game.asked() == [Ask("note", "the partner sleeps: é", "Ada")]
    other.ask("hint")
    other.ask("declare", who="Bo")
    assert game.asked() == [Ask("hint"), Ask("declare", who="Bo")]
    assert game.asked() == []


def test_request_that_is_half_written_waits_for_its_rest(game: Desk, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox.jsonl"
    inbox.write_text('{"action": "hi')
    assert game.asked() == []
    inbox.write_text('{"action": "hint", "text": "", "who": ""}\n')
    assert game.asked() == [Ask("hint")]


def test_state_is_seen_by_another_process_until_the_game_is_over(game: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path)
    assert (other.under_way() or {})["name"] == "black-friday"
    game.tell({"name": "black-friday", "over": True})
    assert other.under_way() is None
    assert (other.state() or {})["name"] == "black-friday"


def test_game_whose_process_was_killed_is_not_under_way(
    game: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "STALE_SECONDS", -1)
    assert Desk(tmp_path).under_way() is None
    Desk(tmp_path).open()


def test_second_game_and_a_request_to_none_are_refused(game: Desk, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="under way"):
        Desk(tmp_path).open()
    with pytest.raises(LabError, match="No GameDay"):
        Desk(tmp_path / "elsewhere").ask("hint")


def test_request_of_an_earlier_game_is_forgotten(game: Desk, tmp_path: Path) -> None:
    game.ask("end")
    game.tell({"over": True})
    second = Desk(tmp_path)
    second.open()
    assert second.asked() == []
