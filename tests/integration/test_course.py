"""The course's checkpoints on the deployed pipeline: each says no before, and yes after what it asks for."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from lab.common import paths
from lab.common.progress import Progress
from lab.dlq.browser import DlqBrowser
from lab.dlq.grouped import grouped
from lab.dlq.notes import Notes, Status
from lab.dlq.repair import discard
from lab.dlq.seed import bury
from lab.learn.checkpoints import Looked, Since, look
from lab.learn.letters import SHARES, prepare
from lab.learn.module import Checkpoint
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually

CONTRADICTION = [{"sku": "a", "quantity": 1, "unitPrice": 2}]


class Looks:
    """Looks at checkpoints of one person who began when this was made."""

    def __init__(self, pipeline: Pipeline, progress: Progress) -> None:
        self.progress = progress
        self._pipeline = pipeline
        self._began = int(time.time() * 1000)

    def at(self, kind: str, typed: str = "", **given: Any) -> Looked:
        since = Since(self._pipeline, self._began, self.progress, typed)
        return look(Checkpoint("x", "x", kind, given=given), since)

    def reached(self, kind: str, typed: str = "", within: float = 30, **given: Any) -> Looked:
        def passed() -> Looked:
            found = self.at(kind, typed, **given)
            assert found.passed, found.seen
            return found

        return eventually(passed, within=within, every=0.5)


@pytest.fixture
def looks(pipeline: Pipeline, tmp_path: Path) -> Looks:
    return Looks(pipeline, Progress(tmp_path))


def test_orders_and_their_messages_count_from_when_a_module_was_begun(
    pipeline: Pipeline, api: Api, tmp_path: Path
) -> None:
    early = api.submit(next(orders(1, label="early")))
    eventually(
        lambda: [effect for effect in pipeline.effects() if effect.order_id == early.order_id], within=20
    )
    looks = Looks(pipeline, Progress(tmp_path))
    assert looks.at("orders", least=1).seen == "0 of 1 orders processed"
    assert not looks.at("message", typed=early.message_id).passed
    late = api.submit(next(orders(1, label="late")))
    assert looks.reached("message", typed=late.message_id).seen == f"the message of {late.order_id}"
    looks.reached("orders", least=1)
    assert not looks.at("orders", least=2).passed
    assert not looks.at("message", typed='") || ($.event = "x').passed
    assert looks.at("message").seen == "nothing was typed"


def test_deaths_their_alarm_and_the_empty_queue_are_seen(looks: Looks, pipeline: Pipeline, api: Api) -> None:
    asked: dict[str, Any] = {"function": "worker", "event": "order.dead_lettered"}
    assert not looks.at("logged", **asked).passed
    assert not looks.at("rang", alarm="critical-dlq-depth").passed
    assert looks.at("quiet").passed
    api.submit({"orderId": "mortal-1", "amount": 1, "items": CONTRADICTION})
    looks.reached("logged", **asked, fields={"errorCategory": "PERMANENT"})
    assert not looks.at("logged", **asked, fields={"errorCategory": "VALIDATION"}).passed
    assert not looks.at("logged", **asked, least=2).passed
    assert not looks.at("quiet").passed
    looks.reached("rang", alarm="critical-dlq-depth", within=60)


def test_notes_and_discards_are_seen_by_their_rows(looks: Looks, pipeline: Pipeline) -> None:
    note: dict[str, Any] = {"row": "group", "time_field": "at"}
    given_up: dict[str, Any] = {"row": "discard", "time_field": "discardedAt"}
    assert not looks.at("kept", **note, least=1).passed
    assert not looks.at("kept", **given_up, least=1).passed
    (order,) = bury(pipeline, list(orders(1, label="given-up")))
    Notes(pipeline).write("0123456789ab", Status.KNOWN, "seen")
    browser = DlqBrowser(pipeline)
    with browser.take(order) as letter:
        discard(pipeline, browser, letter, "a test")
    assert looks.at("kept", **note, least=1).passed
    assert looks.at("kept", **given_up, least=1).passed
    assert not looks.at("kept", **given_up, least=2).passed


def test_what_a_person_did_and_runs_with_a_report_are_seen(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"area": "puzzle", "did": "solved", "least": 2}
    looks.progress.note("puzzle", "mapping-off", "solved")
    looks.progress.note("puzzle", "mapping-off", "solved")
    assert looks.at("done", **asked).seen == "1 of 2 puzzles solved: mapping-off"
    looks.progress.note("puzzle", "mute-alarm", "solved")
    assert looks.at("done", **asked).passed
    monkeypatch.setattr(paths, "REPORTS", tmp_path)
    run = tmp_path / "traffic-spike-1" / "report.json"
    run.parent.mkdir()
    for started, passed in ((time.time() - 60, False), (time.time() + 1, True)):
        run.write_text(json.dumps({"name": "traffic-spike", "timeline": {"started": started}}))
        assert looks.at("reported", run="traffic-spike").passed is passed
    assert not looks.at("reported", run="worker-crash").passed


def test_templates_count_if_they_are_made_after_the_beginning(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "AWS_ASSEMBLY", tmp_path)
    assert looks.at("synthesized").seen == "not made yet"
    (tmp_path / "manifest.json").write_text("{}")
    looks.reached("synthesized")


def test_letters_of_the_module_fall_into_its_four_causes(pipeline: Pipeline) -> None:
    prepare(pipeline, 40)
    found = eventually(lambda: grouped(pipeline, DlqBrowser(pipeline)), within=20)
    assert sorted(group["count"] for group in found["groups"]) == [2, 6, 12, 20]
    assert len(found["groups"]) == len(SHARES)
