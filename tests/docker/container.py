"""The lab's image in a container of its own, through testcontainers; usable in any project's fixtures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testcontainers.community.localstack import LocalStackContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.network import Network

from lab.engines import docker_cli
from lab.engines.direct import NONE_AT_ALL
from lab.engines.docker import BUILT_IMAGE, DockerEngine
from tests.conftest import free_port

# Ryuk would be one more image to pull, and it does not know the containers that LocalStack starts.
testcontainers_config.ryuk_disabled = True

STOP_SECONDS = 30


class LabContainer(LocalStackContainer):
    """LocalStack with the emulator's plugins on a free port of 127.0.0.1, the same inside and outside.

    Its name and its functions' label are those that docker-compose.yml would give, so that `lab` finds it by its
    port. `executor` is docker (functions in containers of their own, started through the engine's socket) or
    process.
    """

    def __init__(self, network: Network, executor: str = "docker", **environment: str) -> None:
        port = free_port()
        super().__init__(image=BUILT_IMAGE, edge_port=port, region_name="us-east-1")
        engine = DockerEngine(port)
        self.endpoint = engine.endpoint
        self.label = f"ingestion-lab.project={engine.project}"
        self.with_name(engine.container)
        self.with_network(network)
        self.ports: dict[str, Any] = {str(port): ("127.0.0.1", port)}
        settings = {
            "GATEWAY_LISTEN": f"0.0.0.0:{port}",
            "LOCALSTACK_HOST": f"127.0.0.1:{port}",
            "LAMBDA_RUNTIME_EXECUTOR": executor,
            "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
            "LAMBDA_DOCKER_NETWORK": network.name,
            "LAMBDA_DOCKER_FLAGS": f"--label {self.label}",
        }
        for name, value in (settings | NONE_AT_ALL | environment).items():
            self.with_env(name, value)
        if executor == "docker":
            self.with_volume_mapping("/var/run/docker.sock", "/var/run/docker.sock", "rw")

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """Stop with SIGTERM first, so that LocalStack removes its functions' containers, then remove."""
        if container := self.get_wrapped_container():
            container.stop(timeout=STOP_SECONDS)
        super().stop(force, delete_volume)

    def function_containers(self) -> list[str]:
        """The ids of the functions' containers, running or not."""
        return docker_cli.run("ps", "--all", "--quiet", "--filter", f"label={self.label}").split()


@contextmanager
def lab_container(executor: str = "docker", **environment: str) -> Iterator[LabContainer]:
    """Start a LabContainer on a network of its own; afterwards nothing of it is left."""
    with Network() as network, LabContainer(network, executor, **environment) as container:
        yield container
