"""What this lab relies on, asked of the engine at hand: `lab probe` and docs/parity.md."""

from lab.parity.probe import FEATURES, Answer, Feature, run

__all__ = ["FEATURES", "Answer", "Feature", "run"]
