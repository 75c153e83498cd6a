"""What the lab finds on this machine, and the fix for each thing that would stop it."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from lab.common import paths
from lab.engines import disk, docker_cli, ports
from lab.engines.choose import choose, present
from lab.engines.clients import real_credentials
from lab.engines.docker import (
    BUILT_IMAGE,
    RUNTIME_IMAGE_COMMAND,
    VARIANTS,
    base_image,
)
from lab.engines.docker_cli import Docker, DockerCommandError
from lab.errors import LabError

LOCUST_PORT = 8089
GIB = 1024**3
ENVIRONMENTS_BYTES = 2 * GIB
"""The environments of `make setup` take 1 GiB; as much again for what runs and for reports."""
CONTAINER_BYTES = 3 * GIB
"""LAB_MEMORY's default in docker-compose.yml."""
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` is empty where nothing is wrong, and tells what to do where something is."""

    subject: str
    seen: str
    fix: str = ""


def examine(port: int, engine: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at everything a run needs. `engine` is the value of ENGINE. Changes nothing."""
    yield from _choice(port, engine)
    yield from _programs()
    docker: Docker | None = None
    try:
        docker = docker_cli.find()
    except LabError as error:
        wanted = engine == "docker"
        yield Finding("docker", f"{error.what} (the host engine needs none)", error.fix if wanted else "")
    else:
        yield Finding("docker", f"engine {docker.version}, compose {docker.compose}, {docker.platform}")
    yield from _ports(port)
    if docker:
        yield _socket(environ)
        yield from _images(environ, required=engine == "docker")
        yield _memory()
    yield _token(environ)
    yield _architecture(docker)
    yield _disk()
    yield _credentials(environ)


def table(findings: list[Finding]) -> Table:
    """The findings for a person, problems in red with their fix."""
    shown = Table(title="lab doctor", title_justify="left")
    shown.add_column("what")
    shown.add_column("seen", overflow="fold")
    shown.add_column("fix", overflow="fold")
    for finding in findings:
        shown.add_row(finding.subject, finding.seen, finding.fix, style="red" if finding.fix else None)
    return shown


def _choice(port: int, engine: str | None) -> Iterator[Finding]:
    try:
        _, reason = choose(engine)
        yield Finding("make up", reason)
    except LabError as error:
        yield Finding("make up", error.what, error.fix)
    status = present(port).status()
    fixes = {"crashed": "make up", "astray": "make down up"}
    yield Finding("engine", f"{status.state} {status.detail}", fixes.get(status.state, ""))


def _programs() -> Iterator[Finding]:
    yield Finding("python", platform.python_version())
    for name, program in (("uv", "uv/bin/uv"), ("node", "node/bin/node")):
        seen = _version_of(paths.ENVIRONMENTS / program)
        yield Finding(name, seen or "missing", "" if seen else "make setup")
    engine = paths.ENGINE_PYTHON.exists()
    yield Finding("engine environment", "present" if engine else "missing", "" if engine else "make setup")


def _version_of(program: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  the lab's own tools
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _ports(port: int) -> Iterator[Finding]:
    own = present(port).status().state == "running"
    for number, user, variable in ((port, "engine", "LAB_PORT"), (LOCUST_PORT, "Locust", "LOCUST_PORT")):
        try:
            ports.require_free(number)
        except LabError as error:
            mine = own and number == port
            fix = "" if mine else f"Stop that program, or choose another: {variable}={number + 1}"
            yield Finding(f"port {number}", "this lab's engine" if mine else error.what, fix)
        else:
            yield Finding(f"port {number}", f"free for {user}")


def _socket(environ: Mapping[str, str]) -> Finding:
    inside = environ.get("DOCKER_SOCK") or "/var/run/docker.sock"
    if environ.get("LAMBDA_RUNTIME_EXECUTOR") == "process":
        return Finding("socket", "not handed to the engine: LAMBDA_RUNTIME_EXECUTOR=process")
    return Finding("socket", f"{docker_cli.socket_path()}; the engine gets {inside}")


def _images(environ: Mapping[str, str], *, required: bool) -> Iterator[Finding]:
    image = base_image(environ)
    here = docker_cli.inspect("image", image) is not None
    if here:
        yield Finding("image", f"{image} present")
    elif docker_cli.registry_offers(image):
        yield Finding("image", f"{image} not here; make up will pull it")
    else:
        fix = f"Find out why: docker pull {image}" if required else ""
        yield Finding("image", f"{image} is neither here nor offered by its registry", fix)
    if docker_cli.inspect("image", BUILT_IMAGE) is None:
        yield Finding("lab image", "not built; make up will build it")
        return
    yield Finding("lab image", f"{BUILT_IMAGE} built")
    if environ.get("LAMBDA_RUNTIME_EXECUTOR") == "process":
        return
    try:
        entry, *arguments = RUNTIME_IMAGE_COMMAND
        runtime = docker_cli.run("run", "--rm", "--entrypoint", entry, BUILT_IMAGE, *arguments)
    except DockerCommandError as error:
        yield Finding("runtime image", f"unknown: {error}", "docker image rm " + BUILT_IMAGE)
        return
    if docker_cli.inspect("image", runtime):
        yield Finding("runtime image", f"{runtime} present")
    else:
        yield Finding("runtime image", f"{runtime} not here; make up will pull it")


def _memory() -> Finding:
    total = int(docker_cli.run("info", "--format", "{{.MemTotal}}"))
    enough = total >= CONTAINER_BYTES
    fix = "" if enough else "Give Docker more memory, or the engine less: make up LAB_MEMORY=2g"
    return Finding("docker memory", f"{total / GIB:.1f} GiB", fix)


def _token(environ: Mapping[str, str]) -> Finding:
    if environ.get("LOCALSTACK_AUTH_TOKEN"):
        shown = VARIANTS.relative_to(paths.ROOT) / "token.yml"
        return Finding("token", f"set: {base_image(environ)} without the emulator's plugins ({shown})")
    return Finding("token", "none: LocalStack 4.14.0 with the emulator's plugins, which need none")


def _architecture(docker: Docker | None) -> Finding:
    machine = platform.machine().lower()
    if docker and MACHINES.get(machine) != docker.platform.partition("/")[2]:
        return Finding(
            "architecture",
            f"{machine}, but Docker runs {docker.platform}",
            "Functions are built for the machine: use a Docker engine of its architecture",
        )
    return Finding("architecture", machine)


def _disk() -> Finding:
    try:
        disk.require_room(*disk.WRITTEN_TO)
    except LabError as error:
        return Finding("free disk", error.what, error.fix)
    free = shutil.disk_usage(paths.ROOT).free
    fix = "" if free >= ENVIRONMENTS_BYTES else "Free some: docker system prune, make clean"
    return Finding("free disk", f"{free / GIB:.1f} GiB", fix)


def _credentials(environ: Mapping[str, str]) -> Finding:
    found = real_credentials(environ)
    return Finding("AWS credentials", f"{', '.join(found)}: not used" if found else "none that could be real")
