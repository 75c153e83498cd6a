"""Which packaging of the engine `make up` starts, and which one is there."""

import os
from typing import Literal

from lab.engines import docker_cli
from lab.engines.docker import DockerEngine, base_image
from lab.engines.host import HostEngine
from lab.errors import LabError

type Kind = Literal["docker", "host"]
KINDS: tuple[Kind, ...] = ("docker", "host")


def choose(engine: str | None) -> tuple[Kind, str]:
    """The packaging to start, and the line that says why.

    `engine` is the value of ENGINE: docker, host, or None or empty for the lab's own choice, which is docker
    if an engine answers and its image is here or can be pulled. Takes at most about 20 seconds, where a
    registry does not answer. Raises LabError for another value, or when docker is wanted and cannot be had.
    """
    require_known(engine)
    if engine == "host":
        return "host", "engine: host, because ENGINE=host"
    try:
        reason = _docker_is_possible()
    except LabError as error:
        if engine == "docker":
            raise
        return "host", f"engine: host, because: {error.what}"
    forced = "ENGINE=docker and " if engine else ""
    return "docker", f"engine: docker, because {forced}{reason}"


def require_known(engine: str | None) -> None:
    """Raise LabError where the value of ENGINE is none that there is."""
    if engine and engine not in KINDS:
        raise LabError(f"ENGINE={engine} is not an engine.", "Use docker or host, or leave it out")


def require_as_wanted(engine: str | None, running: DockerEngine | HostEngine) -> None:
    """Raise LabError where ENGINE asks for another packaging than the one that runs."""
    require_known(engine)
    if engine and engine != running.kind:
        raise LabError(
            f"ENGINE={engine}, but the engine that runs on port {running.port} is of the kind {running.kind}.",
            f"Use it: leave ENGINE out; or have the other in its place: make down up ENGINE={engine}",
        )


def start(kind: Kind, port: int) -> DockerEngine | HostEngine:
    """The engine of that packaging on that port, not started."""
    return DockerEngine(port) if kind == "docker" else HostEngine(port)


def present(port: int) -> DockerEngine | HostEngine:
    """The engine that is on the port, running, crashed or stopped by hand; the host packaging if there is none."""
    host = HostEngine(port)
    if host.status().state != "stopped":
        return host
    try:
        docker_cli.find()
    except LabError:
        return host
    docker = DockerEngine(port)
    return docker if docker.exists() else host


def wanted() -> str | None:
    """The value of ENGINE, if any."""
    return os.environ.get("ENGINE") or None


def _docker_is_possible() -> str:
    docker = docker_cli.find()
    image = base_image()
    if docker_cli.inspect("image", image) is not None:
        return f"Docker {docker.version} answers and has {image}"
    if docker_cli.registry_offers(image):
        return f"Docker {docker.version} answers and {image} can be pulled"
    raise LabError(
        f"Docker {docker.version} answers but {image} is neither here nor offered by its registry.",
        f"Check with: docker pull {image}; or run: make up ENGINE=host",
    )
