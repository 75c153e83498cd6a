"""Many hands on the same dead letters at once: each letter is taken by one of them, who is named, and none is lost."""

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from functions.common import codec
from functions.common.errors import LinesExceedAmountError
from functions.redrive.fingerprint import fingerprint
from lab.dlq.browser import DlqBrowser, dead_letters
from lab.dlq.fates import fates
from lab.dlq.native import FINAL, MoveTask
from lab.dlq.repair import Discarding, send_repaired
from lab.dlq.seed import bury
from lab.errors import LabError
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.redrives import executions, finished, ledger_of, settled, supply

TO_EUR = codec.dumps([{"op": "add", "path": "/currency", "value": "EUR"}])


class Hands:
    """Everybody who may take a letter of a group. Each call takes what it can and says nothing where it comes late."""

    def __init__(self, pipeline: Pipeline, api: Api, group: str, letters: dict[str, str]) -> None:
        self.pipeline, self.api, self.group, self.letters = pipeline, api, group, letters
        self.operations: list[str] = []

    def redrive(self) -> None:
        self._operation()

    def patch(self) -> None:
        self._operation(patch=TO_EUR)

    def discard(self) -> None:
        Discarding(frozenset(self.letters), "race").carry_out(self.pipeline, DlqBrowser(self.pipeline))

    def edit(self) -> None:
        browser, name = DlqBrowser(self.pipeline), next(iter(self.letters))
        with suppress(LabError), browser.take(name) as letter:
            send_repaired(
                self.pipeline, browser, letter, codec.dumps(codec.loads(letter.body) | {"currency": "CHF"})
            )

    def native(self) -> None:
        task = MoveTask(self.pipeline)
        eventually(lambda: task.progress()[0] in FINAL, within=60)

    def _operation(self, **more: Any) -> None:
        operation = self.api.start_redrive(
            fingerprint=self.group, minAgeSeconds=0, force=True, canaryMessages=0, **more
        )
        self.operations.append(operation)
        finished(self.api, operation, within=90)


def raced(pipeline: Pipeline, api: Api, count: int, *names: str) -> tuple[list[str], dict[str, str], Hands]:
    """Let these hands have the letters of one group at once. Returns the orders, and who took each letter."""
    ids = bury(pipeline, supply(count), error=LinesExceedAmountError("a race"))
    letters = {letter.message_id: fingerprint(letter) for letter in dead_letters(pipeline)}
    (group,) = set(letters.values())
    hands = Hands(pipeline, api, group, letters)
    acts: list[Callable[[], None]] = [getattr(hands, name) for name in names]
    with ThreadPoolExecutor(len(acts)) as threads:
        for running in [threads.submit(act) for act in acts]:
            running.result()
    eventually(lambda: pipeline.dlq().in_flight == 0, within=60)
    if pipeline.dlq().visible:  # an edit hides all that it looks through, also from those who end meanwhile
        hands.redrive()
    eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().total == 0, within=60)
    return ids, fates(pipeline, letters), hands


def whole(pipeline: Pipeline, ids: list[str], taken: dict[str, str]) -> None:
    """Every order has its effect once or is discarded, and as many letters are told to be discarded as are so."""
    discarded = sum(fate.startswith("discarded") for fate in taken.values())
    settled(pipeline, ids, within=60, succeeded=len(ids) - discarded, discarded=discarded, in_dlq=0)
    given_up = set(ledger_of(pipeline, ids).discarded)
    assert executions(pipeline, ids) == dict.fromkeys(set(ids) - given_up, 1)


def test_two_redrives_a_patch_and_a_discard_of_one_group_lose_nothing_and_each_letter_has_one_taker(
    pipeline: Pipeline, api: Api
) -> None:
    ids, taken, hands = raced(pipeline, api, 40, "redrive", "redrive", "patch", "discard", "edit")
    assert len(taken) == 40
    whole(pipeline, ids, taken)
    takers = Counter(fate.split(" of ")[0] for fate in taken.values())
    rows = {operation: api.redrive(operation) for operation in hands.operations}
    for operation, row in rows.items():
        told = sum(number for taker, number in takers.items() if operation in taker)
        assert told == row["moved"], (takers, row)
        assert row["notSent"] == row["notDeleted"] == 0


def test_sqss_own_move_task_beside_a_redrive_an_edit_and_a_discard_loses_nothing(
    pipeline: Pipeline, api: Api
) -> None:
    ids, taken, _ = raced(pipeline, api, 30, "native", "redrive", "edit", "discard")
    whole(pipeline, ids, taken)
    assert len(taken) <= 30, "the others were moved by the task, which writes no row"


def test_one_letter_that_everybody_wants_has_one_taker_and_the_late_ones_are_told(
    pipeline: Pipeline, api: Api
) -> None:
    for _ in range(3):
        ids, taken, hands = raced(pipeline, api, 1, "redrive", "patch", "edit", "discard")
        whole(pipeline, ids, taken)
        ((letter, fate),) = taken.items()
        moved = sum(api.redrive(operation)["moved"] for operation in hands.operations)
        assert moved + (not any(operation in fate for operation in hands.operations)) == 1
        with pytest.raises(LabError, match=re.escape(fate)), DlqBrowser(pipeline).take(letter):
            pass
