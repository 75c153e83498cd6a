"""Load runs as users start them: `lab load` in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lab.common import paths
from lab.pipeline.observe import Pipeline

PATIENT = ("--max-accept-p99-ms", "30000")
"""For runs that are not about speed: tests share their machine."""


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its exit code, what it printed, and its report."""

    code: int
    output: str
    report: dict[str, Any]

    @property
    def ledger(self) -> dict[str, int]:
        return self.report["ledger"]

    def figure(self, name: str) -> int:
        return int(self.report["figures"][name])

    def broken(self) -> list[str]:
        return [finding["name"] for finding in self.report["findings"] if finding["verdict"] != "proved"]


@contextmanager
def started(pipeline: Pipeline, *arguments: str, **popen: Any) -> Generator[subprocess.Popen[str]]:
    """`lab load ...` on this pipeline's engine; ended with the block."""
    port = str(urlsplit(pipeline.aws.endpoint or "").port)
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "load", *arguments, "--port", port],
        cwd=paths.ROOT,
        env=os.environ | {"COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **popen,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def ended(process: subprocess.Popen[str], within: float) -> Ended:
    """Wait for the end."""
    output, _ = process.communicate(timeout=within)
    page = next((line.split()[-1] for line in output.splitlines() if line.startswith("Report: ")), None)
    report = json.loads((paths.ROOT / page).with_name("report.json").read_text()) if page else {}
    return Ended(process.returncode, output, report)


def run(pipeline: Pipeline, *arguments: str, within: float = 180) -> Ended:
    """A headless run to its end."""
    with started(pipeline, *arguments, "--headless") as process:
        return ended(process, within)
