"""ENGINE is obeyed or refused, also where an engine runs already; functions get wheels of the system they run on."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lab import engines
from lab.commands import up
from lab.deployment import deploy
from lab.engines import HostEngine, kinds, remembered
from lab.errors import LabError

ENDPOINT = "http://127.0.0.1:4599"


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> HostEngine:
    """A host engine that runs, as far as anybody asks."""
    engine = HostEngine(4599)
    monkeypatch.setattr(engine, "status", lambda: engines.Status("running", "pid 1"))
    monkeypatch.setattr(engine, "up", lambda: False)
    monkeypatch.setattr(engines, "present", lambda _port: engine)
    monkeypatch.setattr(remembered, "port", lambda: None)
    monkeypatch.setattr(remembered, "remember", lambda _port: None)
    monkeypatch.delenv("LAB_IAM", raising=False)
    return engine


@pytest.mark.parametrize("wanted", ["", "host"])
def test_a_running_engine_of_the_wanted_kind_is_used(
    running: HostEngine, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE", wanted)
    assert up.started(4599) is running


@pytest.mark.parametrize(
    ("wanted", "what", "fix"),
    [
        ("podman", "ENGINE=podman is not an engine.", "Use docker or host"),
        (
            "docker",
            "ENGINE=docker, but the engine that runs on port 4599 is of the kind host.",
            "make down up",
        ),
    ],
)
def test_another_kind_is_refused_although_an_engine_runs(
    running: HostEngine, wanted: str, what: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE", wanted)
    with pytest.raises(LabError) as raised:
        up.started(4599)
    assert raised.value.what == what
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("system", "kind", "setting"),
    [
        ("linux", kinds.HOST, {}),
        ("linux", kinds.DOCKER, {}),
        ("darwin", kinds.DOCKER, {}),
        ("darwin", kinds.HOST, {"bundlePlatform": "host"}),
    ],
)
def test_functions_that_are_processes_of_another_system_get_its_wheels(
    system: str, kind: kinds.Kind, setting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: Any = SimpleNamespace(runs=kind)
    monkeypatch.setattr(deploy, "present", lambda _port: there)
    monkeypatch.setattr(sys, "platform", system)
    assert deploy.wheels_for(ENDPOINT) == setting
