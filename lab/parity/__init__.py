"""What this lab relies on, asked of the engine at hand: `lab probe` and docs/parity.md."""

from lab.parity import questions
from lab.parity.probe import FEATURES, Feature, run

__all__ = ["FEATURES", "Feature", "questions", "run"]
