"""Dead letters that strangers wrote, in the real DLQ: every tool shows them as text and does its work."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.commands import dlq as dlq_cli
from lab.commands import look
from lab.commands import trace as trace_cli
from lab.common import paths
from lab.common.output import Terminal
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.consoles import console
from tests.support.printing import obeyed, run
from tests.support.strangers import send

type Lab = Callable[..., str]


@pytest.fixture
def sent(pipeline: Pipeline) -> dict[str, str]:
    """The letters are in the DLQ: the message id of each by its name."""
    return send(pipeline)


@pytest.fixture(params=["utf-8", "ascii"])
def lab(request: pytest.FixtureRequest, engine_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Run a command on a terminal of this encoding: what it printed, once it is seen that all went well."""
    port = str(urlsplit(engine_endpoint).port)
    for module in (dlq_cli, look, trace_cli):
        monkeypatch.setattr(module, "console", Terminal(width=500))

    def ran(*arguments: str, code: int = 0) -> str:
        ended, printed = run(*arguments, "--port", port, encoding=request.param)
        assert ended == code, printed
        assert obeyed(printed) == []
        return printed

    return ran


def test_every_tool_shows_letters_of_strangers_as_text_and_does_its_work(
    pipeline: Pipeline, sent: dict[str, str], lab: Lab, tmp_path: Path
) -> None:
    listed = lab("dlq", "ls")
    for seen in ("[/red][link=file:///etc/passwd]x", "\\u202egpj\\x9b31m", "\\ud800", "a\\x00b\\x1b[2J"):
        assert seen in listed
    assert "[red]" in lab("dlq", "stats")
    assert "[/red][link=file:///etc/passwd]x" in lab("look", "dlq")
    for name, message_id in sent.items():
        assert message_id in lab("dlq", "show", message_id), name
        assert lab("trace", message_id, "--lines").startswith("order "), name
    file = tmp_path / "letters.jsonl"
    lab("dlq", "export", str(file))
    assert {json.loads(line)["messageId"] for line in file.read_text().splitlines()} == set(sent.values())
    given_up = lab("dlq", "discard", sent["half a surrogate pair"], "--yes", "--reason", "a test")
    assert "order \\ud800" in given_up

    moved = lab("dlq", "redrive", "--yes", "--min-age", "0", "--canaries", "0", code=1)
    assert "SUCCEEDED" in moved
    assert "died again" in moved
    eventually(lambda: pipeline.queue().total == 0 and pipeline.dlq().visible >= len(sent) - 2, within=60)
    died_again = lab("dlq", "ls")
    assert "a\\x00b\\x1b[2J" in died_again
    assert "MalformedJson" in died_again


def test_the_page_of_dead_letters_hears_of_each_as_text(pipeline: Pipeline, sent: dict[str, str]) -> None:
    with console(pipeline) as page:
        seen = page.act("/api/dlq/look", plan={"force": True, "minAgeSeconds": 0}, limit=100)
        plan = page.act("/api/dlq/plan", plan={"minAgeSeconds": 0})
    assert {letter["messageId"] for letter in seen["letters"]} == set(sent.values())
    assert plan["preview"]["eligible"] == len(sent)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_a_process_with_any_encoding_lists_letters_of_strangers(
    sent: dict[str, str], engine_endpoint: str, encoding: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "dlq", "ls", "--port", str(urlsplit(engine_endpoint).port)],
        cwd=paths.ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    printed = done.stdout.decode(encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert obeyed(printed) == []
    assert all(message_id[:8] in printed for message_id in sent.values())
