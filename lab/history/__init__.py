"""The history of a run: everything that happened to its orders, by id, in one file that a checker reads.

`gather` makes it of what clients were told, logs, rows, dead letters and events; `places` is what the ledger needs of
it; `rules` are the contract; `check` judges a history by them; `states` are situations worth having been in.
"""

from lab.history.check import Judgement, check
from lab.history.events import Event, History, Kind, read, write
from lab.history.gather import Account, Recorder, account
from lab.history.places import places

__all__ = [
    "Account",
    "Event",
    "History",
    "Judgement",
    "Kind",
    "Recorder",
    "account",
    "check",
    "places",
    "read",
    "write",
]
