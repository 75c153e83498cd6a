"""Commands of Markdown pages: what stands in their `sh` blocks, and a shell to run it."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from lab.common import paths
from lab.pipeline.observe import Pipeline

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """The kind and the text of each fenced block, in their order."""
    return BLOCK.findall(page.read_text())


def section(page: Path, heading: str) -> list[str]:
    """The texts of the fenced blocks under one heading."""
    _, _, after = page.read_text().partition(f"\n## {heading}\n")
    return [text for _, text in BLOCK.findall(after.partition("\n## ")[0])]


def run(command: str, pipeline: Pipeline, within: float = 280) -> subprocess.CompletedProcess[str]:
    """Run a command in the shell that the reader of a page has, on a pipeline's engine."""
    port = str(urlsplit(pipeline.aws.endpoint or "").port)
    return subprocess.run(  # noqa: S602  the shell is what the reader has
        command,
        shell=True,
        executable="/bin/bash",
        cwd=paths.ROOT,
        env=os.environ | {"LAB_PORT": port},
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
