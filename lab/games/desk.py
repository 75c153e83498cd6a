"""The facilitator's desk: what is going on in a game, and what is to be done in it, from any other process.

The game writes its state into `.lab/gameday/`, and takes from a file there what is asked of it. So a second terminal
and a page of the console reach it alike. One game at a time is under way in a clone.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from lab.common import paths
from lab.errors import LabError

type Action = Literal["inject", "pause", "resume", "hint", "note", "declare", "diagnose", "end"]

STALE_SECONDS = 15
"""A game that has not told its state for so long has ended, however it did."""


@dataclass(frozen=True)
class Ask:
    """One thing to do, by whom, and the words that belong to it."""

    action: Action
    text: str = ""
    who: str = ""


class Desk:
    """The files between a game and those who facilitate it."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or paths.LAB / "gameday"
        self._state, self._inbox = self._folder / "state.json", self._folder / "inbox.jsonl"
        self._read = 0

    def open(self) -> None:
        """Begin a game. Raises LabError if one is under way."""
        if self.under_way():
            raise LabError(
                "A GameDay is under way in this clone.", "See it: lab gameday show. End it: lab gameday end"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._inbox.write_text("")
        self._read = 0

    def tell(self, state: Mapping[str, Any]) -> None:
        """Publish the state, all of it at once."""
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps({**state, "toldAt": time.time()}))
        fresh.replace(self._state)

    def state(self) -> dict[str, Any] | None:
        """What was told last; None if no game was ever played."""
        try:
            return json.loads(self._state.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def under_way(self) -> dict[str, Any] | None:
        """The state of the game that is being played; None if there is none."""
        state = self.state()
        live = state and not state.get("over") and time.time() - state["toldAt"] < STALE_SECONDS
        return state if live else None

    def ask(self, action: Action, text: str = "", who: str = "") -> None:
        """Have something done in the game. Raises LabError if none is under way."""
        if not self.under_way():
            raise LabError("No GameDay is under way.", "Start one: lab gameday run spared-database")
        with self._inbox.open("a") as file:
            file.write(json.dumps(asdict(Ask(action, text, who))) + "\n")

    def asked(self) -> list[Ask]:
        """What was asked for since the last time, each once."""
        with self._inbox.open() as file:
            file.seek(self._read)
            text = file.read()
        whole, _, _ = text.rpartition("\n")
        if not whole:
            return []
        self._read += len(whole.encode()) + 1
        return [Ask(**json.loads(line)) for line in whole.splitlines()]
