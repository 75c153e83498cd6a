"""The DLQ by what its letters died of, with the team's notes: `lab dlq groups`, and how the console's page begins."""

from collections.abc import Callable, Iterable
from typing import Any

from functions.publish.envelope import Envelope
from functions.redrive.groups import Groups
from lab.common.clock import now_ms
from lab.dlq.browser import MANY, DlqBrowser
from lab.dlq.notes import Notes
from lab.pipeline.observe import Pipeline

type Walk = Callable[[DlqBrowser, Callable[[Iterable[Envelope]], None]], bool]
"""Hands every letter on, in batches; tells whether those were all."""


def walk_all(browser: DlqBrowser, heard: Callable[[Iterable[Envelope]], None]) -> bool:
    """Every letter there is, told to nobody on the way."""
    return browser.each(MANY, heard)


def grouped(pipeline: Pipeline, browser: DlqBrowser, walk: Walk = walk_all) -> dict[str, Any]:
    """How many `letters` were seen, whether those were all (`complete`), and their `groups`, the largest first.

    It costs each letter a receive.
    """
    found = Groups(now_ms())
    complete = walk(browser, found.add)
    told = Notes(pipeline).on(found.as_json(browser.retention_seconds()))
    return {"letters": found.letters, "complete": complete, "groups": told}
