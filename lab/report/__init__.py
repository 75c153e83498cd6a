"""Reports of runs: one self-contained HTML page each, and JSON for machines."""

from lab.report.run import Run
from lab.report.write import write

__all__ = ["Run", "write"]
