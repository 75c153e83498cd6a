"""What a screen reader, a pipe and a terminal without colour are given, by the program itself."""

import io
import os
import re
import subprocess
import sys

import pytest

from lab.common import paths
from lab.common.output import Terminal
from lab.scenario.catalog import names
from support.eventually import eventually
from tests.support.terminals import at_a_terminal

RUN = "from lab.cli import main\nmain()"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])(?:;\d+)*m")
DRAWN = re.compile("[\u2500-\u259f\u2800-\u28ff]")
"""Boxes, bars and the dots that spinners are made of."""


def at_terminal(*words: str, **variables: str) -> str:
    """All that the lab wrote to a terminal."""
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"} | variables
    with at_a_terminal(RUN, *words, environment=environment) as terminal:
        eventually(lambda: terminal.process.poll() is not None and terminal.output, within=60)
        return terminal.output


def test_a_terminal_is_given_styles_and_boxes_unless_it_asks_for_none() -> None:
    told = at_terminal("look", "faults")
    assert "\x1b[" in told
    assert DRAWN.search(told)


@pytest.mark.parametrize(
    "words", [("look", "faults"), ("--help",), ("dlq", "redrive", "--help"), ("mode", "x")]
)
@pytest.mark.parametrize(("option", "variable"), [(("--plain",), ""), ((), "1")], ids=["option", "variable"])
def test_a_plain_terminal_is_given_text_alone(
    words: tuple[str, ...], option: tuple[str, ...], variable: str
) -> None:
    told = at_terminal(*option, *words, LAB_PLAIN=variable)
    assert told.strip()
    assert "\x1b" not in told
    assert not DRAWN.search(told)


ADDRESS = "http://127.0.0.1:8090/" + "x" * 80


@pytest.mark.parametrize(
    "line", ["aaaa " * 40, f"open {ADDRESS} now", f"  {ADDRESS}", "x" * 79 + " yy", "", "first\n\n  last"]
)
def test_a_line_longer_than_a_terminal_is_broken_between_words_alone(line: str) -> None:
    out = io.StringIO()
    Terminal(file=out, width=80, force_terminal=True, color_system=None).say(line)
    told = out.getvalue()
    assert told.split() == line.split()
    assert all(len(each.rstrip()) <= 80 or len(each.split()) == 1 for each in told.splitlines())
    assert told.count("\n") >= line.count("\n") + 1


def test_a_line_longer_than_80_columns_stays_one_in_a_pipe() -> None:
    out = io.StringIO()
    Terminal(file=out, width=80).say("aaaa " * 40)
    assert out.getvalue() == "aaaa " * 40 + "\n"


def test_the_fix_of_a_name_that_there_is_not_breaks_no_name_on_80_columns() -> None:
    told = at_terminal("scenario", "run", "posion-payload").split()
    assert {f"{name}," for name in names()[:-1]} <= set(told)


def test_a_terminal_without_colour_is_given_none() -> None:
    assert COLOUR.search(at_terminal("mode", "x"))
    assert not COLOUR.search(at_terminal("mode", "x", NO_COLOR="1"))


def test_a_pipe_is_given_no_escape() -> None:
    command = [sys.executable, "-m", "lab", "look", "faults"]
    told = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert "poison_payload" in told.stdout
    assert "\x1b" not in told.stdout + told.stderr
