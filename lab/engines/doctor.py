"""What the lab finds on this machine, and the fix for each thing that would stop it."""

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.common import paths
from lab.common.results import Result, Verdict
from lab.engines import disk, docker_cli, ports, preflight
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
CONTAINER_BYTES = 3 * preflight.GIB
"""LAB_MEMORY's default in docker-compose.yml."""
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


def examine(port: int, engine: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Result]:
    """Look at everything a run needs. `engine` is the value of ENGINE. Changes nothing."""
    yield from _choice(port, engine)
    yield from _programs()
    docker: Docker | None = None
    try:
        docker = docker_cli.find()
    except LabError as error:
        wanted = engine == "docker"
        yield _found("docker", f"{error.what} (the host engine needs none)", error.fix if wanted else "")
    else:
        yield _found("docker", f"engine {docker.version}, compose {docker.compose}, {docker.platform}")
    yield from _ports(port)
    if docker:
        yield _socket(environ)
        yield from _images(environ, required=engine == "docker")
        yield _memory()
    yield _token(environ)
    yield _architecture(docker)
    yield from _disk()
    for finding in (*preflight.machine(environ), *preflight.network(environ)):
        yield _found(*finding)
    yield _credentials(environ)


def _found(subject: str, seen: str, fix: str = "") -> Result:
    """One thing looked at; `fix` is empty where nothing is wrong."""
    return Result(name=subject, seen=seen, verdict=Verdict.of(not fix), fix=fix)


def _choice(port: int, engine: str | None) -> Iterator[Result]:
    try:
        _, reason = choose(engine)
        yield _found("make up", reason)
    except LabError as error:
        yield _found("make up", error.what, error.fix)
    status = present(port).status()
    fixes = {"crashed": "make up", "astray": "make down up"}
    yield _found("engine", f"{status.state} {status.detail}", fixes.get(status.state, ""))


def _programs() -> Iterator[Result]:
    yield _found("python", platform.python_version())
    for name, program in (("uv", "uv/bin/uv"), ("node", "node/bin/node")):
        seen = _version_of(paths.ENVIRONMENTS / program)
        yield _found(name, seen or "missing", "" if seen else "make setup")
    engine = paths.ENGINE_PYTHON.exists()
    yield _found("engine environment", "present" if engine else "missing", "" if engine else "make setup")


def _version_of(program: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  the lab's own tools
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _ports(port: int) -> Iterator[Result]:
    own = present(port).status().state == "running"
    for number, user, variable in ((port, "engine", "LAB_PORT"), (LOCUST_PORT, "Locust", "LOCUST_PORT")):
        try:
            ports.require_free(number)
        except LabError as error:
            mine = own and number == port
            fix = "" if mine else f"Stop that program, or choose another: {variable}={number + 1}"
            yield _found(f"port {number}", "this lab's engine" if mine else error.what, fix)
        else:
            yield _found(f"port {number}", f"free for {user}")


def _socket(environ: Mapping[str, str]) -> Result:
    inside = environ.get("DOCKER_SOCK") or "/var/run/docker.sock"
    if environ.get("LAMBDA_RUNTIME_EXECUTOR") == "process":
        return _found("socket", "not handed to the engine: LAMBDA_RUNTIME_EXECUTOR=process")
    return _found("socket", f"{docker_cli.socket_path()}; the engine gets {inside}")


def _images(environ: Mapping[str, str], *, required: bool) -> Iterator[Result]:
    image = base_image(environ)
    here = docker_cli.inspect("image", image) is not None
    if here:
        yield _found("image", f"{image} present")
    elif docker_cli.registry_offers(image):
        yield _found("image", f"{image} not here; make up will pull it")
    else:
        fix = f"Find out why: docker pull {image}" if required else ""
        yield _found("image", f"{image} is neither here nor offered by its registry", fix)
    if docker_cli.inspect("image", BUILT_IMAGE) is None:
        yield _found("lab image", "not built; make up will build it")
        return
    yield _found("lab image", f"{BUILT_IMAGE} built")
    if environ.get("LAMBDA_RUNTIME_EXECUTOR") == "process":
        return
    try:
        entry, *arguments = RUNTIME_IMAGE_COMMAND
        runtime = docker_cli.run("run", "--rm", "--entrypoint", entry, BUILT_IMAGE, *arguments)
    except DockerCommandError as error:
        yield _found("runtime image", f"unknown: {error}", "docker image rm " + BUILT_IMAGE)
        return
    if docker_cli.inspect("image", runtime):
        yield _found("runtime image", f"{runtime} present")
    else:
        yield _found("runtime image", f"{runtime} not here; make up will pull it")


def _memory() -> Result:
    total = int(docker_cli.run("info", "--format", "{{.MemTotal}}"))
    enough = total >= CONTAINER_BYTES
    fix = "" if enough else "Give Docker more memory, or the engine less: make up LAB_MEMORY=2g"
    return _found("docker memory", f"{total / preflight.GIB:.1f} GiB", fix)


def _token(environ: Mapping[str, str]) -> Result:
    if environ.get("LOCALSTACK_AUTH_TOKEN"):
        shown = VARIANTS.relative_to(paths.ROOT) / "token.yml"
        return _found("token", f"set: {base_image(environ)} without the emulator's plugins ({shown})")
    return _found("token", "none: LocalStack 4.14.0 with the emulator's plugins, which need none")


def _architecture(docker: Docker | None) -> Result:
    machine = platform.machine().lower()
    if docker and MACHINES.get(machine) != docker.platform.partition("/")[2]:
        return _found(
            "architecture",
            f"{machine}, but Docker runs {docker.platform}",
            "Functions are built for the machine: use a Docker engine of its architecture",
        )
    return _found("architecture", machine)


def _disk() -> Iterator[Result]:
    try:
        disk.require_room(*disk.WRITTEN_TO)
    except LabError as error:
        yield _found("disk", error.what, error.fix)


def _credentials(environ: Mapping[str, str]) -> Result:
    found = real_credentials(environ)
    return _found("AWS credentials", f"{', '.join(found)}: not used" if found else "none that could be real")
