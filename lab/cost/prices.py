"""The price table."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.common.paths import ROOT

TABLE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` units. `see` is where an `assumed` price has to be looked up."""

    dollars: float
    per: float
    unit: str
    assumed: bool = False
    see: str = ""

    def of(self, quantity: float) -> float:
        """Dollars for a quantity of units."""
        return quantity * self.dollars / self.per


@dataclass(frozen=True)
class Prices:
    """Prices of one region at one date."""

    region: str
    checked: str
    verified: bool
    note: str
    table: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.table[name]

    @property
    def caption(self) -> str:
        """Where the prices are from, for whoever reads a bill."""
        doubt = "" if self.verified else f"; {self.note}"
        return f"prices of {self.region}, noted {self.checked} ({TABLE.relative_to(ROOT)}){doubt}"

    def assumed(self, names: Iterable[str]) -> str:
        """Which of these prices are assumed, and where to look them up; empty where none is."""
        doubtful = [price for name in names if (price := self.table[name]).assumed]
        return "; ".join(f"{price.unit}: ${price.dollars:g}, see {price.see}" for price in doubtful)


def load(table: Path = TABLE) -> Prices:
    """Read the table."""
    document: dict[str, Any] = tomllib.loads(table.read_text())
    prices = {name: Price(**entry) for name, entry in document.pop("prices").items()}
    return Prices(**document, table=prices)
