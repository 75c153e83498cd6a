"""A clone remembers its engine's port, and starts a second engine only where it is asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import engines
from lab.commands import up
from lab.engines import remembered
from lab.errors import LabError


@pytest.fixture(autouse=True)
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "FILE", tmp_path / ".lab" / "port")
    monkeypatch.delenv("ANOTHER", raising=False)


def engine_is(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there: Any = SimpleNamespace(status=lambda: SimpleNamespace(state=state))
    monkeypatch.setattr(engines, "present", lambda _port: there)


def test_a_command_without_a_port_takes_the_remembered_one() -> None:
    remembered.remember(4630)
    for environment in ({}, {"LAB_PORT": ""}):
        remembered.use(environment)
        assert environment == {"LAB_PORT": "4630"}


def test_a_port_that_the_environment_names_goes_first() -> None:
    remembered.remember(4630)
    environment = {"LAB_PORT": "4700"}
    remembered.use(environment)
    assert environment == {"LAB_PORT": "4700"}


@pytest.mark.parametrize("text", ["", "nonsense", "4630\n4631"])
def test_a_file_that_holds_no_port_is_none(text: str) -> None:
    remembered.remember(4630)
    remembered.FILE.write_text(text)
    environment: dict[str, str] = {}
    remembered.use(environment)
    assert environment == {}


def test_only_the_port_itself_is_forgotten() -> None:
    remembered.remember(4630)
    remembered.forget(4631)
    assert remembered.port() == 4630
    remembered.forget(4630)
    assert remembered.port() is None


def test_a_second_engine_beside_a_running_one_is_refused_with_both_ways_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remembered.remember(4630)
    engine_is("running", monkeypatch)
    with pytest.raises(LabError, match="on port 4630") as refusal:
        up.require_only(4566)
    assert "LAB_PORT=4630" in refusal.value.fix
    assert "make up LAB_PORT=4566 ANOTHER=1" in refusal.value.fix
    assert remembered.port() == 4630


def engine_comes_up(monkeypatch: pytest.MonkeyPatch, trouble: LabError | None = None) -> None:
    class Engine(engines.HostEngine):
        def status(self) -> engines.Status:
            return engines.Status("stopped")

        def up(self) -> bool:
            if trouble:
                raise trouble
            return True

    monkeypatch.setenv("ENGINE", "host")
    monkeypatch.setattr(engines, "present", Engine)
    monkeypatch.setattr(engines, "start", lambda _kind, port: Engine(port))


def test_a_second_engine_that_was_asked_for_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.remember(4630)
    engine_comes_up(monkeypatch)
    monkeypatch.setenv("ANOTHER", "1")
    up.started(4566)
    assert remembered.port() == 4630


def test_an_engine_on_another_port_is_remembered_where_the_last_one_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remembered.remember(4630)
    engine_comes_up(monkeypatch)
    up.started(4566)
    assert remembered.port() == 4566


def test_a_port_where_no_engine_comes_up_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.remember(4630)
    engine_comes_up(monkeypatch, LabError("Port 4779 is in use.", "Choose another"))
    with pytest.raises(LabError, match="in use"):
        up.started(4779)
    assert remembered.port() == 4630
