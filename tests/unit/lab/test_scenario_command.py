"""`lab scenario run` ends with the verdict's exit code, and takes a person's predictions from wherever they come."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from lab.commands import scenario as command
from lab.common import paths
from lab.common.output import Terminal
from lab.common.results import Result, Verdict
from lab.errors import LabError
from lab.pipeline.timeline import Timeline
from lab.report import Run
from lab.scenario.catalog import Entry, load
from support.eventually import eventually
from tests.support.accounts import account
from tests.support.results import result
from tests.support.terminals import at_a_terminal

PROVED, REFUTED, ELSEWHERE, UNREAD = Verdict


class Ended:
    """A runner whose runs have ended already, each with these verdicts."""

    def __init__(self, *runs: list[Verdict]) -> None:
        self._runs = iter(runs)

    def run(self, entry: Entry, then: Entry | None) -> Run:
        findings = [row(entry, number, verdict) for number, verdict in enumerate(next(self._runs))]
        return Run(entry.name, "x", "host", Timeline(), account=account(done=["a"]), findings=findings)


def row(entry: Entry, number: int, verdict: Verdict) -> Result:
    phase, prediction = entry.scenario.predictions[number]
    seen = prediction.expected.text
    return result(phase.name, prediction.name, seen, seen, verdict, why=prediction.why)


@pytest.fixture(autouse=True)
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(command, "console", Terminal(file=out, width=80))
    monkeypatch.setattr(paths, "REPORTS", tmp_path)
    return out


def code_of(*runs: list[Verdict], **options: Any) -> int:
    """What a command ends with that ran a scenario for each list of verdicts."""
    entries = [load(name) for name in ("poison-payload", "throttling")][: len(runs)]
    try:
        command.run_all(Ended(*runs), entries, **options)  # pyright: ignore
    except typer.Exit as leave:
        return leave.exit_code
    return 0


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([[PROVED, PROVED]], 0),
        ([[PROVED, ELSEWHERE]], 0),
        ([[PROVED, REFUTED]], 1),
        ([[PROVED, UNREAD]], 3),
        ([[]], 1),
        ([[PROVED], [REFUTED]], 1),
        ([[UNREAD], [REFUTED]], 1),
        ([[UNREAD], [PROVED]], 3),
    ],
    ids=str,
)
def test_the_exit_code_is_that_of_the_worst_scenario(runs: list[list[Verdict]], code: int) -> None:
    assert code_of(*runs) == code


def test_a_persons_predictions_are_judged_scored_and_explained(printed: io.StringIO) -> None:
    guesses = {
        "poison-payload": {
            ("steady state", "orders processed"): "7",
            ("steady state", "messages in the DLQ"): "0",
        }
    }
    assert code_of([PROVED, PROVED], guesses=guesses) == 0
    text = " ".join(printed.getvalue().split())
    assert "you: 1 of 2" in text
    assert "- steady state, orders processed: you said 7, seen 5. An order is processed at the first" in text


def test_who_predicted_nothing_is_not_told_a_score(printed: io.StringIO) -> None:
    assert code_of([PROVED], guesses={"poison-payload": {}}) == 0
    assert "you:" not in printed.getvalue()


def test_predictions_come_from_a_file_or_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, typed = [load("poison-payload")], "# mine\n7\n\n5\n"
    file = tmp_path / "mine.txt"
    file.write_text(typed)
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    wanted = {
        "poison-payload": {("steady state", "orders processed"): "7", ("fault", "messages in the DLQ"): "5"}
    }
    assert command.predicted(entries, predict=False, file=file) == wanted
    assert command.predicted(entries, predict=True, file=None) == wanted
    assert command.predicted(entries, predict=False, file=None) == {}


@pytest.mark.parametrize("content", [None, b"\xff\xfe5"], ids=["missing", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_fix(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.txt"
    if content:
        file.write_bytes(content)
    with pytest.raises(LabError) as error:
        command.predicted([load("poison-payload")], predict=True, file=file)
    assert "predictions cannot be read" in error.value.what


def test_a_scenario_is_shown_with_its_premises_and_rules(printed: io.StringIO) -> None:
    command.show("poison-payload")
    text = " ".join(printed.getvalue().split())
    assert "fault, with failure mode poison_payload: 5 more orders are sent." in text
    assert max(map(len, printed.getvalue().splitlines())) <= 120


ASKED = """
import sys
from lab.cli import run
from lab.commands.scenario import predicted
from lab.scenario.catalog import load

sys.exit(run(lambda standalone_mode: print(sorted(predicted([load("throttling")], True, None)["throttling"].values()))))
"""


@pytest.mark.parametrize(
    ("ended_by", "code", "told"),
    [("\x04", 0, "['3']"), ("\x03", 130, "interrupted")],
    ids=["Ctrl-D", "Ctrl-C"],
)
def test_questions_at_a_terminal_are_asked_again_and_can_be_ended(
    ended_by: str, code: int, told: str
) -> None:
    with at_a_terminal(ASKED, environment=os.environ) as terminal:
        for keys, question in (("three\n", 1), ("3\n", 2), (ended_by, 3)):
            eventually(lambda asked=question: terminal.output.count("): ") >= asked, within=30)
            terminal.type(keys)
        assert terminal.process.wait(30) == code
        eventually(lambda: told in terminal.output, within=10)
    assert "'three' is not a number from 0" in terminal.output


class Endless(io.StringIO):
    """A pipe that never ends, such as that of `yes 7`, and that counts what is read of it."""

    lines = 0

    def readline(self, size: int | None = -1, /) -> str:
        self.lines += 1
        return "7\n"

    def read(self, size: int | None = -1, /) -> str:
        raise AssertionError("read as a whole")


def test_of_a_pipe_without_end_no_more_is_read_than_there_are_questions_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = Endless()
    monkeypatch.setattr(sys, "stdin", pipe)
    with pytest.raises(LabError):
        command.predicted([load("poison-payload")], predict=True, file=None)
    assert pipe.lines <= command.MOST_LINES
