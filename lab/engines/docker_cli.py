"""The `docker` command, the lab's only way to a Docker engine: it knows contexts, credentials and compose."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError

ANSWER_SECONDS = 5.0
REGISTRY_SECONDS = 8.0
OLDEST_COMPOSE = (2, 24, 4)  # the first with the !override that the compose variants use


@dataclass(frozen=True)
class Docker:
    """A Docker engine that answers, and the compose plugin beside it."""

    version: str
    compose: str
    platform: str
    """Operating system and architecture by Docker's names, for example linux/amd64."""


class DockerCommandError(Exception):
    """A docker command ended with another code than 0 or took too long; the text is what it printed last."""


def find() -> Docker:
    """The Docker engine of the current context.

    Raises LabError when there is no docker command, no engine answers within 5 seconds or compose is missing
    or too old.
    """
    if shutil.which("docker") is None:
        raise LabError("There is no docker command.", "Install Docker, or run: make up ENGINE=host")
    try:
        shown = "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"
        version, platform = run("version", "--format", shown, timeout=ANSWER_SECONDS).split()
    except (DockerCommandError, ValueError) as error:
        raise LabError(
            "No Docker engine answers.",
            "Start it (Docker Desktop, colima start, systemctl start docker), or run: make up ENGINE=host",
            details=str(error),
        ) from error
    return Docker(version, _compose_version(), platform)


def run(*arguments: str, timeout: float = 60.0, merged: bool = False) -> str:
    """Run one docker command and return what it printed, with `merged` its standard error too.

    Raises DockerCommandError.
    """
    try:
        done = subprocess.run(  # noqa: S603  the lab's own command line
            ["docker", *arguments],  # noqa: S607  the user's docker, wherever it is
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DockerCommandError(f"docker {arguments[0]} took longer than {timeout:g} s") from error
    if done.returncode:
        raise DockerCommandError((done.stderr or done.stdout).strip())
    return done.stdout.strip()


def follow(*arguments: str, environment: Mapping[str, str], shown: bool) -> None:
    """Run one docker command of unknown length, passing its lines on to standard error if `shown`.

    Raises DockerCommandError with its last lines.
    """
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603  the lab's own command line
        ["docker", *arguments],  # noqa: S607  the user's docker, wherever it is
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if shown:
                sys.stderr.write(line)
    if process.returncode:
        raise DockerCommandError("\n".join(lines[-25:]))


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """What the engine knows of a container, image, network or volume; None if it has none of that name."""
    try:
        return json.loads(run(kind, "inspect", name))[0]
    except DockerCommandError:
        return None


def registry_offers(image: str) -> bool:
    """Whether the image's registry answers within 8 seconds and has it. Nothing is pulled."""
    try:
        run("manifest", "inspect", image, timeout=REGISTRY_SECONDS)
    except DockerCommandError:
        return False
    return True


def socket_path() -> str:
    """The engine's socket as the user sees it, or another address of the current context."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    try:
        return run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", timeout=ANSWER_SECONDS)
    except DockerCommandError:
        return "unknown"


def _compose_version() -> str:
    oldest = ".".join(map(str, OLDEST_COMPOSE))
    try:
        found = run("compose", "version", "--short", timeout=ANSWER_SECONDS)
    except DockerCommandError as error:
        raise LabError(
            "Docker has no compose plugin.",
            f"Install Compose {oldest} or newer, or run: make up ENGINE=host",
        ) from error
    numbers = tuple(map(int, re.findall(r"\d+", found)[:3]))
    if numbers < OLDEST_COMPOSE:
        raise LabError(
            f"Docker Compose {found} is too old.",
            f"Update it to {oldest} or newer, or run: make up ENGINE=host",
        )
    return found.removeprefix("v")
