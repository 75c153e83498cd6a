"""Reports of runs: one self-contained HTML page each, and JSON for machines."""

from lab.report.run import Moment, Percentiles, Run
from lab.report.write import write

__all__ = ["Moment", "Percentiles", "Run", "write"]
