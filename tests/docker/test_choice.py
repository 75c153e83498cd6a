"""How `make up` chooses between the packagings, and what `make doctor` says of it."""

from pathlib import Path

import pytest

from lab.engines.choose import choose, present
from lab.engines.docker import DockerEngine, base_image
from lab.engines.doctor import examine
from lab.errors import LabError
from tests.conftest import free_port


@pytest.fixture
def no_docker_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")


def test_docker_is_chosen_where_it_answers_and_has_the_image() -> None:
    kind, reason = choose(None)
    assert kind == "docker"
    assert "answers and has" in reason
    assert base_image() in reason


@pytest.mark.usefixtures("no_docker_answers")
def test_host_is_chosen_where_no_docker_engine_answers() -> None:
    assert choose(None) == ("host", "engine: host, because: No Docker engine answers.")


def test_host_is_chosen_where_there_is_no_docker_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert choose("") == ("host", "engine: host, because: There is no docker command.")


def test_host_is_chosen_where_the_image_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_IMAGE", "localhost:9/no-such-image:1")
    kind, reason = choose(None)
    assert kind == "host"
    assert "neither here nor offered by its registry" in reason


def test_a_requested_engine_overrides_the_automatic_choice() -> None:
    assert choose("host") == ("host", "engine: host, because ENGINE=host")
    assert choose("docker")[0] == "docker"


@pytest.mark.usefixtures("no_docker_answers")
def test_a_request_for_docker_that_cannot_be_met_is_an_error_with_the_fix() -> None:
    with pytest.raises(LabError, match="No Docker engine answers") as raised:
        choose("docker")
    assert "ENGINE=host" in raised.value.fix


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(LabError, match="ENGINE=podman is not an engine"):
        choose("podman")


def test_the_engine_that_runs_on_a_port_is_found(engine: DockerEngine) -> None:
    assert present(engine.port).kind == "host"
    engine.up()
    assert present(engine.port).kind == "docker"


def test_the_doctor_finds_nothing_wrong_here() -> None:
    found = {finding.name: finding for finding in examine(free_port(), "docker", {})}
    assert {"docker", "socket", "image", "runtime image", "token", "architecture", "free disk"} <= set(found)
    assert [finding for name, finding in found.items() if finding.fix and name != "image"] == []


@pytest.mark.usefixtures("no_docker_answers")
def test_the_doctor_names_the_fix_when_docker_is_wanted_and_does_not_answer() -> None:
    found = {finding.name: finding for finding in examine(free_port(), "docker", {})}
    assert "Start it" in found["docker"].fix
    assert "socket" not in found


def test_the_doctor_never_shows_the_token() -> None:
    found = list(examine(free_port(), None, {"LOCALSTACK_AUTH_TOKEN": "ls-secret"}))
    assert not [finding for finding in found if "ls-secret" in finding.seen + finding.fix]
