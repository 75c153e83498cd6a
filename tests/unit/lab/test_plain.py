"""What a screen reader, a pipe and a terminal without colour are given, by the program itself."""

import os
import re
import subprocess
import sys

import pytest

from lab.common import paths
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


def test_a_terminal_without_colour_is_given_none() -> None:
    assert COLOUR.search(at_terminal("mode", "x"))
    assert not COLOUR.search(at_terminal("mode", "x", NO_COLOR="1"))


def test_a_pipe_is_given_no_escape() -> None:
    command = [sys.executable, "-m", "lab", "look", "faults"]
    told = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert "poison_payload" in told.stdout
    assert "\x1b" not in told.stdout + told.stderr
