"""The live view of a run fits its terminal and keeps the newest predictions in view."""

import io
import os
import re
from types import SimpleNamespace
from typing import Any

import pytest

from lab.common.output import Terminal
from lab.common.results import Result, Verdict
from lab.pipeline.timeline import Sample
from lab.scenario import live
from lab.scenario.live import View
from support.eventually import eventually
from tests.support.results import result
from tests.support.terminals import at_a_terminal

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


RUN = """
import sys, time
from types import SimpleNamespace
from lab.commands.options import console
from lab.common.results import Verdict
from lab.pipeline.timeline import Sample
from lab.scenario import live
from tests.support.results import result

live.REFRESHES_A_SECOND = 10
live.circuit_states = lambda _pipeline: {}
live.Changes = lambda _pipeline: SimpleNamespace(active=list)
sample = Sample(1.0, queued=3, in_flight=2, dlq=5, processed=10, alarms={})
experiment = SimpleNamespace(name="a-run", timeline=SimpleNamespace(samples=[sample]), pipeline=None)
findings = []
with live.live(console, experiment, findings):
    for number in range(int(sys.argv[1])):
        findings.append(result("fault", f"prediction-{number}-of-the-run", "5", "5", Verdict.PROVED))
        time.sleep(0.14)
print("over")
"""
UP = re.compile(r"(?:\x1b\[1A(?:\x1b\[2K)?)+")


def test_a_run_at_a_low_terminal_shows_every_prediction_as_it_is_decided_and_never_scrolls() -> None:
    """Drawn by a real terminal: a view higher than the screen would leave its head in the scrollback."""
    count = 22
    environment = os.environ | {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    with at_a_terminal(RUN, str(count), environment=environment) as terminal:
        eventually(lambda: "over" in terminal.output, within=90)
    seen = [terminal.output.find(f"prediction-{number}-of-the-run") for number in range(count)]
    assert seen == sorted(seen)
    assert min(seen) >= 0
    assert max(up.group().count("1A") for up in UP.finditer(terminal.output)) < 24
