"""Locust as docker-compose.yml packages it: a master with its web UI, workers, load over loopback."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.common import paths
from lab.deployment.deploy import deploy
from lab.engines import clients as guarded
from lab.engines import docker_cli
from lab.engines.docker import DockerEngine
from support.eventually import eventually
from tests.conftest import free_port

WORKERS = 2


def up(engine: DockerEngine, port: int, *files: Path) -> httpx.Client:
    """Locust's containers beside the engine's; a client of their web UI."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCUST_PORT", str(port))
        chosen = [
            part for file in (paths.ROOT / "docker-compose.yml", *files) for part in ("--file", str(file))
        ]
        scale = ["--scale", f"locust-worker={WORKERS}"]
        options = ["--project-name", engine.project, "--profile", "load", *chosen]
        docker_cli.follow(
            *["compose", *options, "up", "--detach", "--wait", *scale],
            environment=engine.environment(os.environ),
            shown=False,
        )
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)


@pytest.fixture
def load(engine: DockerEngine, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of the web UI; the locustfile is the one beside this file."""
    override = tmp_path / "locustfile.yml"
    mount = f"volumes: ['{Path(__file__).parent}:/project/loadtests:ro']"
    override.write_text(f"services:\n  locust:\n    {mount}\n  locust-worker:\n    {mount}\n")
    engine.up()
    with up(engine, free_port(), override) as client:
        yield client


def stats(client: httpx.Client) -> dict[str, Any]:
    return client.get("/stats/requests").json()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/").is_success
    except httpx.TransportError:
        return False


def test_workers_drive_load_that_the_web_ui_shows(load: httpx.Client, engine: DockerEngine) -> None:
    eventually(lambda: answers(load), within=90)
    eventually(lambda: len(stats(load).get("workers", [])) == WORKERS, within=30)
    load.post("/swarm", data={"user_count": 4, "spawn_rate": 4}).raise_for_status()
    total = eventually(lambda: [row for row in stats(load)["stats"] if row["num_requests"]], within=30)
    assert all(row["num_failures"] == 0 for row in total)
    engine.down()
    label = f"label=com.docker.compose.project={engine.project}"
    assert docker_cli.run("ps", "--all", "--quiet", "--filter", label) == ""


def test_starting_the_load_leaves_the_running_engine_as_it_is(
    engine: DockerEngine, load: httpx.Client
) -> None:
    container = docker_cli.inspect("container", engine.container)
    locust = docker_cli.inspect("container", f"{engine.project}-locust-1")
    assert container is not None
    assert locust is not None
    assert container["State"]["StartedAt"] < locust["State"]["StartedAt"]
    assert locust["HostConfig"]["NetworkMode"] == f"container:{container['Id']}"


def test_the_labs_own_load_is_shared_by_workers_and_its_ledger_is_settled(engine: DockerEngine) -> None:
    engine.up()
    deploy(guarded.local(engine.endpoint), "dev", {}, print)
    with up(engine, free_port()) as client:
        eventually(lambda: answers(client), within=90)
        eventually(lambda: len(stats(client).get("workers", [])) == WORKERS, within=30)
        client.post("/swarm", data={"shape": "steady", "seconds": "5"}).raise_for_status()
        result = eventually(
            lambda: client.get("/pipeline/vitals.json", params={"since": 0}).json()["result"], within=150
        )
        assert "lost 0, duplicated 0, unaccounted 0" in result["ledger"]
        assert "Ledger: 0 accepted" not in result["ledger"]
