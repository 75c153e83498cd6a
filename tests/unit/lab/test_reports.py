"""A run's report holds what strangers wrote as text, in every format."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lab import report
from lab.common import paths
from lab.common.results import Verdict
from lab.pipeline.timeline import Timeline
from lab.report import Run
from lab.report.run import Excerpt
from tests.support.results import result
from tests.support.strangers import TEXTS


def run(stranger: str) -> Run:
    findings = [
        result(stranger, stranger, stranger, stranger, Verdict.REFUTED, source=stranger, guess=stranger),
        result("fault", "two", "1", stranger, Verdict.NOT_PROVABLE),
    ]
    return Run(
        "run",
        stranger,
        stranger,
        Timeline(started=1_780_000_000),
        figures={stranger: stranger},
        timings={stranger: stranger},
        hypothesis=stranger,
        story=[f"`{stranger}` {stranger}"],
        findings=findings,
        excerpts=[Excerpt(1.0, "worker", stranger, stranger, stranger, stranger)],
    )


@pytest.mark.parametrize("stranger", TEXTS)
def test_a_report_about_any_text_is_well_formed_and_runs_nothing(
    stranger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "REPORTS", tmp_path)
    folder = report.write(run(stranger), []).parent
    for page in (folder / "report.html", tmp_path / "index.html"):
        html = page.read_text(encoding="utf-8")
        assert [
            character for character in html if not character.isprintable() and character not in "\n\t"
        ] == []
        assert "<script" not in html
        assert "<img" not in html
    suite = ET.parse(folder / "junit.xml").getroot()  # noqa: S314  our own
    assert [case.get("name") is not None for case in suite] == [True, True]
    assert json.loads((folder / "report.json").read_text())["title"] == stranger
