"""The lab's image through testcontainers, and the other suites against it."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab import paths
from lab.engines import docker_cli
from tests.docker.conftest import clients, create_function, invoke
from tests.docker.container import LabContainer, lab_container

HOST_ONLY = ("tests/engine/test_host_engine.py",)


@pytest.fixture(scope="module", params=["docker", "process"])
def container(request: pytest.FixtureRequest) -> Iterator[LabContainer]:
    with lab_container(executor=request.param) as container:
        yield container


def passes(suite: str, container: LabContainer) -> bool:
    ignored = [f"--ignore={path}" for path in HOST_ONLY]
    report = paths.REPORTS / f"docker-{container.env['LAMBDA_RUNTIME_EXECUTOR']}-{suite}.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"tests/{suite}", *ignored, f"--junitxml={report}"],
        cwd=paths.ROOT,
        env=os.environ | {"LAB_TEST_ENDPOINT": container.endpoint},
        check=False,
    )
    return done.returncode == 0


@pytest.mark.timeout(1200)
def test_the_deployed_pipeline_passes_its_tests_in_a_container(container: LabContainer) -> None:
    assert passes("integration", container)


@pytest.mark.timeout(1200)
def test_the_engine_keeps_its_promises_in_a_container(container: LabContainer) -> None:
    assert passes("engine", container)


def test_a_stopped_container_leaves_no_function_behind() -> None:
    with lab_container() as container:
        client = clients(container.endpoint)
        invoke(client, create_function(client), {})
        assert container.function_containers()
    assert container.function_containers() == []


def test_a_runtime_image_that_the_engine_has_is_not_pulled() -> None:
    """No registry has this one, so a pull would fail the function."""
    mine = "lab-offline/on-this-machine-only:1"
    with lab_container() as container:
        client = clients(container.endpoint)
        invoke(client, create_function(client), {})
        running = docker_cli.inspect("container", container.function_containers()[0])
        assert running is not None
        docker_cli.run("tag", running["Image"], mine)
    try:
        with lab_container(LAMBDA_RUNTIME_IMAGE_MAPPING=f'{{"python3.13": "{mine}"}}') as container:
            client = clients(container.endpoint)
            invoke(client, create_function(client), {})
    finally:
        docker_cli.run("image", "rm", mine)
