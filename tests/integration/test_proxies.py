"""Behind a company's proxy: whatever commands and functions ask of the engine, the proxy hears nothing of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from lab.common import paths
from lab.dlq.seed import bury
from lab.faults import FaultProxy
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from tests.support.listener import Listener, listener
from tests.support.loads import PATIENT, run


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> Iterator[Listener]:
    """A proxy that the environment names, once the pipeline is deployed. Nothing may have come by when a test ends."""
    del pipeline
    with listener() as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy
        assert proxy.heard == []


def lab(pipeline: Pipeline, *arguments: str) -> str:
    """What a command prints. It must succeed, whatever kind of engine the pipeline is on."""
    own = {name: value for name, value in os.environ.items() if name != "ENGINE"}
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments, "--port", str(urlsplit(pipeline.aws.endpoint or "").port)],
        cwd=paths.ROOT,
        env=own | {"COLUMNS": "80", "LAB_IAM": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["up", "status", "deploy", "mode", "dlq ls", "dlq stats", "look dlq"])
def test_a_command_works_and_the_proxy_hears_nothing(pipeline: Pipeline, command: str) -> None:
    lab(pipeline, *command.split())


def test_a_redrive_works_and_the_proxy_hears_nothing(pipeline: Pipeline) -> None:
    bury(pipeline, list(orders(3, label="proxied")))
    assert "3" in lab(pipeline, "dlq", "redrive", "--min-age", "0", "--yes")


def test_a_scenario_passes_and_the_proxy_hears_nothing(pipeline: Pipeline) -> None:
    assert "passed" in lab(pipeline, "scenario", "run", "happy-path")


def test_a_fault_proxy_passes_calls_on_to_the_engine_alone(pipeline: Pipeline) -> None:
    with FaultProxy(pipeline.aws.endpoint or "") as between:
        assert between.calls() == 0  # its own first call has reached the engine


def test_a_load_run_passes_and_the_proxy_hears_nothing(pipeline: Pipeline) -> None:
    ran = run(pipeline, "steady", "--seconds", "2", "--usual", "2", *PATIENT)
    assert ran.code == 0, ran.output
    assert ran.ledger["accepted"] > 0
