"""Accounts of runs that never were, for tests of what is made of them."""

from typing import Any

from lab.history import Account, History
from lab.history.check import Judgement
from lab.pipeline.ledger import Ledger

NOTHING = History("none", 0, 0, (), frozenset())


def account(**orders: Any) -> Account:
    """An account whose ledger has these orders: `done=["a"], lost=["b"]`. No rule is broken."""
    return Account(NOTHING, Ledger(**orders), Judgement({}, {}))
