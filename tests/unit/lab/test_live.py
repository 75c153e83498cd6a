"""The live view of a run fits its terminal and keeps the newest predictions in view."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from lab.common.output import Terminal
from lab.common.results import Result, Verdict
from lab.pipeline.timeline import Sample
from lab.scenario import live
from lab.scenario.live import View
from tests.support.results import result

RINGING = {"critical-dlq-depth": "ALARM", "warning-throttles": "OK"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "circuit_states", lambda _pipeline: {"price-service": "OPEN"})
    monkeypatch.setattr(live, "Changes", lambda _pipeline: SimpleNamespace(active=list))


def drawn(findings: list[Result], height: int, samples: list[Sample] | None = None) -> list[str]:
    if samples is None:
        samples = [Sample(1.0, queued=3, in_flight=2, dlq=5, processed=10, alarms=RINGING)]
    experiment: Any = SimpleNamespace(
        name="poison-payload", timeline=SimpleNamespace(samples=samples), pipeline=None
    )
    terminal = Terminal(file=io.StringIO(), width=80, height=height)
    terminal.print(View(experiment, findings))
    text: Any = terminal.file
    return text.getvalue().splitlines()


def decided(count: int) -> list[Result]:
    return [
        result("fault", f"prediction number {number}", "5", "5", Verdict.PROVED, seconds=1.0)
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 10, 17, 18, 19, 40])
def test_a_view_fits_its_terminal_and_ends_with_the_newest_prediction(count: int) -> None:
    lines = drawn(decided(count), height=24)
    assert len(lines) <= 24
    assert lines[0].startswith("poison-payload: the pipeline now")
    if count:
        assert f"prediction number {count - 1}" in lines[-1]


def test_a_view_moves_with_each_prediction_that_is_decided() -> None:
    """A view that shows the first rows alone stands still while the run goes on."""
    assert drawn(decided(30), height=24) != drawn(decided(31), height=24)


def test_a_view_tells_the_pipeline_in_whole_words() -> None:
    text = "\n".join(drawn([], height=24))
    assert "queue 3, in flight 2, DLQ 5, processed 10" in text
    assert "critical-dlq-depth" in text
    assert "warning-throttles" not in text
    assert "price-service OPEN" in text


def test_a_view_before_the_first_sample_names_the_run() -> None:
    assert drawn([], height=24, samples=[])[0].startswith("poison-payload: the pipeline now")
