"""The commands of the runbook of settings, for whoever has no terminal.

A page names a command by its place; the text is the repository's, and never one that a page has sent.
"""

import os
import subprocess
from typing import Any

from markdown_it import MarkdownIt

from lab.common import paths
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.routes.endpoints import post
from lab.errors import LabError

RUNBOOKS = paths.ROOT / "ops" / "runbooks"
RUNNABLE = "settings"
"""Its commands ask nothing, and have nothing to be filled in."""

SHELL = 'set -e; variables=$(.lab/bin/lab env); eval "$variables"\n'
SECONDS = 60
MOST_SHOWN = 20_000


def commands() -> list[str]:
    """The runbook's shell blocks, in their order. The first makes the shell that each of the others has."""
    tokens = MarkdownIt("commonmark").parse((RUNBOOKS / f"{RUNNABLE}.md").read_text())
    return [token.content for token in tokens if token.type == "fence" and token.info == "sh"]


def run(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Run one block, by its place from 0, in a shell that knows the deployment; its exit code, and what it printed."""
    known = commands()
    command = known[fields.whole("place", 1, len(known) - 1)]
    _ = state.pipeline
    try:
        done = subprocess.run(  # noqa: S603  the repository's own text
            ["bash", "-c", SHELL + command],  # noqa: S607  the reader's shell
            cwd=paths.ROOT,
            env=os.environ | {"LAB_PORT": str(state.engine_port), "ENV": state.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"The command has not ended within {SECONDS} s.", "Look what it has done.") from error
    state.live.look_soon()
    return {"code": done.returncode, "printed": done.stdout[:MOST_SHOWN]}


ROUTES = [post("/api/runbooks/run", run)]
