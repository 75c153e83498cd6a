"""The price table."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.common.paths import ROOT

TABLE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` units."""

    dollars: float
    per: float
    unit: str

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


def load(table: Path = TABLE) -> Prices:
    """Read the table."""
    document: dict[str, Any] = tomllib.loads(table.read_text())
    prices = {name: Price(**entry) for name, entry in document.pop("prices").items()}
    return Prices(**document, table=prices)
