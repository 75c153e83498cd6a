"""What docker-compose.yml promises, on a real Docker engine."""

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.common import paths
from lab.engines import HostEngine, docker_cli, present
from lab.engines.docker import BUILT_IMAGE, TOKEN_IMAGE, DockerEngine
from lab.errors import LabError
from support.eventually import eventually
from tests.conftest import free_port
from tests.docker.conftest import clients, create_function, invoke


def left_of(engine: DockerEngine) -> dict[str, list[str]]:
    """Every container, network and volume that has to do with the engine."""
    compose = f"label=com.docker.compose.project={engine.project}"
    own = f"label=ingestion-lab.project={engine.project}"
    return {
        "containers": docker_cli.run("ps", "-aq", "--filter", compose).split(),
        "functions": docker_cli.run("ps", "-aq", "--filter", own).split(),
        "by name": docker_cli.run("ps", "-aq", "--filter", f"name={engine.project}-").split(),
        "networks": docker_cli.run("network", "ls", "-q", "--filter", f"name={engine.project}_").split(),
        "volumes": docker_cli.run("volume", "ls", "-q", "--filter", f"name={engine.project}_").split(),
    }


def container_of(engine: DockerEngine) -> dict[str, Any]:
    container = docker_cli.inspect("container", engine.container)
    assert container is not None
    return container


def compose_config(engine: DockerEngine, **environ: str) -> dict[str, Any]:
    given = {name: value for name, value in os.environ.items() if name != "LOCALSTACK_IMAGE"} | environ
    files = [part for file in engine.files(given) for part in ("-f", str(file))]
    done = subprocess.run(
        ["docker", "compose", *files, "config", "--format", "json"],
        env=engine.environment(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["services"]["localstack"]


def test_stopping_leaves_no_container_no_network_and_no_volume(engine: DockerEngine) -> None:
    engine.up()
    client = clients(engine.endpoint)
    invoke(client, create_function(client), {})
    assert all(left_of(engine).values()), "there is something of each kind to remove"
    assert engine.down()
    assert not any(left_of(engine).values()), left_of(engine)
    assert engine.status().state == "stopped"


def test_stopping_after_a_crash_removes_the_functions_too(engine: DockerEngine) -> None:
    engine.up()
    client = clients(engine.endpoint)
    invoke(client, create_function(client), {})
    docker_cli.run("kill", engine.container)
    assert left_of(engine)["functions"]
    assert not engine.down()
    assert not any(left_of(engine).values()), left_of(engine)


def test_a_function_reaches_the_engine_and_the_urls_that_it_hands_out(engine: DockerEngine) -> None:
    engine.up()
    client = clients(engine.endpoint)
    queue = client("sqs").create_queue(QueueName="some-queue")["QueueUrl"]
    assert queue.startswith(engine.endpoint)
    answer = invoke(client, create_function(client), {"queue": queue, "body": "from a function"})
    assert answer["runtime"] == "AWS_Lambda_python3.13"
    received = eventually(lambda: client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    assert [message["Body"] for message in received] == ["from a function"]


def test_only_loopback_is_listened_on_and_memory_is_limited(engine: DockerEngine) -> None:
    engine.up()
    host = container_of(engine)["HostConfig"]
    bound = [binding["HostIp"] for bindings in host["PortBindings"].values() for binding in bindings]
    assert bound == ["127.0.0.1"]
    assert 0 < host["Memory"] <= 4 * 1024**3


def test_the_engine_answers_on_its_network_by_service_container_and_address(
    engine: DockerEngine,
) -> None:
    engine.up()
    networks = container_of(engine)["NetworkSettings"]["Networks"]
    address = networks[f"{engine.project}_default"]["IPAddress"]
    ask = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    for host, status in (
        ("localstack", "200"),
        (engine.container, "200"),
        (address, "200"),
        ("evil.example", "403"),
    ):
        where = [
            f"http://{address}:{engine.port}/_localstack/health",
            "--header",
            f"Host: {host}:{engine.port}",
        ]
        assert docker_cli.run("exec", engine.container, *ask, *where) == status, host


def test_without_the_socket_functions_run_as_processes(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_RUNTIME_EXECUTOR", "process")
    engine.up()
    assert not [mount for mount in container_of(engine)["Mounts"] if "docker.sock" in mount["Destination"]]
    client = clients(engine.endpoint)
    queue = client("sqs").create_queue(QueueName="some-queue")["QueueUrl"]
    answer = invoke(client, create_function(client), {"queue": queue, "body": "from a process"})
    assert answer["user"] != 0, "functions do not run as root"
    assert eventually(lambda: client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    assert left_of(engine)["functions"] == []
    engine.down()
    assert not any(left_of(engine).values()), left_of(engine)


def test_two_engines_run_side_by_side(engine: DockerEngine) -> None:
    other = DockerEngine(free_port())
    try:
        engine.up()
        other.up()
        clients(engine.endpoint)("sqs").create_queue(QueueName="only-here")
        assert clients(other.endpoint)("sqs").list_queues().get("QueueUrls", []) == []
        other.down()
        assert engine.status().state == "running"
    finally:
        other.down()


def test_starting_a_running_engine_changes_nothing(engine: DockerEngine) -> None:
    assert engine.up()
    first = container_of(engine)["Id"]
    assert not engine.up()
    assert container_of(engine)["Id"] == first


def test_a_crash_is_noticed_and_the_engine_can_be_started_again(engine: DockerEngine) -> None:
    engine.up()
    docker_cli.run("kill", engine.container)
    with pytest.raises(LabError, match=r"crashed \(exit code 137\)") as raised:
        engine.require_running()
    assert "Ready." in raised.value.details
    assert engine.up()
    engine.require_running()


def test_an_engine_that_was_stopped_by_hand_counts_as_stopped(engine: DockerEngine) -> None:
    engine.up()
    docker_cli.run("stop", engine.container)
    assert engine.status().state == "stopped"
    with pytest.raises(LabError, match="No engine is running"):
        engine.require_running()
    assert present(engine.port).kind == "docker", "so that make down removes what is left"


def test_a_busy_port_is_refused_with_its_owner_and_the_fix(engine: DockerEngine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", engine.port))
        other.listen()
        with pytest.raises(LabError, match=f"Port {engine.port} is in use") as raised:
            engine.up()
    assert f"pid {os.getpid()}" in raised.value.what
    assert not any(left_of(engine).values())


def test_a_base_image_that_cannot_be_had_is_one_clear_error(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_IMAGE", "lab-offline/no-such-image:1")
    with pytest.raises(LabError, match="could not be built from lab-offline/no-such-image:1"):
        engine.up()
    assert not any(left_of(engine).values())


def test_both_packagings_tune_the_engine_by_the_same_profile() -> None:
    image = docker_cli.inspect("image", BUILT_IMAGE)
    assert image is not None
    built_in = dict(entry.split("=", 1) for entry in image["Config"]["Env"])
    host = HostEngine(free_port()).environment()
    assert built_in["CONFIG_PROFILE"] == "engine"
    assert host["CONFIG_PROFILE"].split(",")[0] == "engine"
    profile = f"{built_in['CONFIG_DIR']}/engine.env"
    held = docker_cli.run("run", "--rm", "--entrypoint", "cat", BUILT_IMAGE, profile)
    assert held.strip() == (Path(host["CONFIG_DIR"]) / "engine.env").read_text().strip()
    tuned = {line.split("=")[0] for line in held.splitlines() if not line.startswith("#")}
    assert tuned.isdisjoint(host.keys() | built_in.keys()), (
        "what stands in the environment wins over the profile"
    )


def test_with_a_token_the_current_image_runs_without_the_plugins(engine: DockerEngine) -> None:
    service = compose_config(engine, LOCALSTACK_AUTH_TOKEN="some-token")
    assert service["image"] == TOKEN_IMAGE
    assert "build" not in service
    assert service["environment"]["LOCALSTACK_AUTH_TOKEN"] == "some-token"
    assert not [name for name in service["environment"] if name.startswith("PROVIDER_")]


def test_without_a_token_none_is_handed_on(engine: DockerEngine) -> None:
    service = compose_config(engine)
    assert service["image"] == BUILT_IMAGE
    assert "LOCALSTACK_AUTH_TOKEN" not in service["environment"]


def test_the_compose_file_needs_no_variable_at_all() -> None:
    done = subprocess.run(
        ["docker", "compose", "-f", str(paths.ROOT / "docker-compose.yml"), "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=True,
    )
    project = json.loads(done.stdout)
    assert project["name"] == "ingestion-lab-4566"
    assert project["services"]["localstack"]["ports"][0]["host_ip"] == "127.0.0.1"
