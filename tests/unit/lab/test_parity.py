"""The pages of parity: what stands in them is what was asked and answered, and nothing else."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from lab.common.results import Result, Verdict
from lab.parity import FEATURES, page
from lab.parity.probe import Feature, documented, recorded
from lab.parity.refusals import NOT_REFUSED, REFUSALS
from lab.parity.workbench import Workbench

SOMEBODY_ELSES = re.compile(r"localstack|\bmoto\b|\bpro\b|licen[cs]e|upgrade|https?://", re.IGNORECASE)


def silent(_bench: Workbench) -> str:
    return ""


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages of their own, of two questions and one refusal."""
    features = [
        Feature("SQS", "a purge", "refused", recorded("a suite: test_purge"), silent),
        Feature("SQS", "a send", "accepted", documented("a guide"), silent),
    ]
    monkeypatch.setattr(page, "FEATURES", features)
    monkeypatch.setattr(page, "REFUSALS", REFUSALS[:1])
    for name in ("PAGE", "REFUSED", "MEASURED"):
        monkeypatch.setattr(page, name, tmp_path / name)
    return tmp_path


def answered(name: str, seen: str, verdict: Verdict = Verdict.PROVED) -> Result:
    return Result(group="SQS", name=name, expected="x", seen=seen, verdict=verdict)


def remember(packaging: str, *answers: Result) -> None:
    page.remember(packaging, "", "2026-11-29", answers, {REFUSALS[0].asked: "Not here."})


def test_row_has_what_aws_answers_what_that_rests_on_and_what_each_packaging_answered(measured: Path) -> None:
    remember("host", answered("a purge", "refused"), answered("a send", "lost"))
    remember("docker", answered("a purge", "accepted"))
    rows = (measured / "PAGE").read_text().splitlines()[-2:]
    assert rows == [
        "| SQS | a purge | refused | recorded: a suite: test_purge | the same | **accepted** |",
        "| SQS | a send | accepted | documented: a guide | **lost** | not asked |",
    ]


def test_refusals_show_the_engines_words_and_what_the_host_answers_otherwise(measured: Path) -> None:
    remember("host", answered("a purge", "refused"), answered("a send", "lost"))
    text = (measured / "REFUSED").read_text()
    assert f"| {REFUSALS[0].area} | {REFUSALS[0].asked} | Not here. |" in text
    assert "| SQS | a send | accepted | lost |" in text
    assert "a purge" not in text


def test_question_without_an_answer_keeps_its_last_one(measured: Path) -> None:
    remember("host", answered("a purge", "refused"), answered("a send", "lost"))
    remember("host", answered("a purge", "cannot connect", Verdict.UNREAD), answered("a send", "accepted"))
    stored = json.loads((measured / "MEASURED").read_text())["host"]["answers"]
    assert [answer["answered"] for answer in stored] == ["refused", "accepted"]
    assert page.differences("host") == {}


def test_pages_of_this_repository_are_made_of_the_questions_and_the_stored_answers() -> None:
    """After a change of a question: `lab probe --write`."""
    assert page.PAGE.read_text() == page.page()
    assert page.REFUSED.read_text() == page.refusals_page()


def test_questions_and_refusals_go_by_one_name_each() -> None:
    names = Counter(feature.name for feature in FEATURES) + Counter(refusal.asked for refusal in REFUSALS)
    assert [name for name, count in names.items() if count > 1] == []


def test_what_aws_answers_always_has_a_source() -> None:
    assert [feature.name for feature in FEATURES if not feature.evidence.source] == []


def test_refusals_are_in_the_engines_own_words() -> None:
    refused = json.loads(page.MEASURED.read_text())["host"]["refused"]
    assert refused.keys() == {refusal.asked for refusal in REFUSALS}
    assert [words for words in refused.values() if words == NOT_REFUSED or SOMEBODY_ELSES.search(words)] == []
