"""Which groups made the DLQ's alarm ring. An alarm's own description is fixed when it is deployed, and names none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from functions.redrive.groups import TREND_BUCKET_SECONDS, Groups
from lab.common.clock import now_ms
from lab.common.output import several, shown
from lab.dlq.browser import DlqBrowser
from lab.dlq.notes import Notes
from lab.pipeline.observe import Pipeline

LETTERS = 1_000
"""So many letters are looked at, each of which costs it a receive."""

TOLD = 3


def growth(pipeline: Pipeline) -> Iterator[str]:
    """A line for each of the groups that grew last, those with the most new letters first."""
    browser, found = DlqBrowser(pipeline), Groups(now_ms())
    browser.each(LETTERS, found.add)
    yield from told(Notes(pipeline).on(found.as_json(browser.retention_seconds())))


def told(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The groups in lines, as the API tells them and with their notes."""
    by_growth = sorted(groups, key=lambda group: (-group["deaths"][-1], -group["lastDeathAt"]))
    for group in by_growth[:TOLD]:
        new = group["deaths"][-1]
        grew = f"{new} in the last {TREND_BUCKET_SECONDS // 60} minutes" if new else "none lately"
        by = f" by {group['by']}" if group.get("by") else ""
        yield shown(
            f"group {group['fingerprint']}: {several(group['count'], 'letter')}, {grew}, "
            f"{group['errorType']}: {group['signature']}; {group['status']}{by}"
        )
    if len(by_growth) > TOLD:
        yield f"and {several(len(by_growth) - TOLD, 'group')} more: lab dlq groups"
