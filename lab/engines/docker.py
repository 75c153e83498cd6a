"""The Docker packaging: LocalStack's image with the emulator's plugins, run by docker-compose.yml."""

import os
from collections.abc import Mapping
from pathlib import Path

from lab.common import paths
from lab.engines import docker_cli, iam, kinds, ports, processes, ready
from lab.engines.docker_cli import DockerCommandError
from lab.engines.host import Status, locked
from lab.errors import LabError

BUILT_IMAGE = "ingestion-lab/localstack:4.14.0"
BASE_IMAGE = "localstack/localstack:4.14.0"
TOKEN_IMAGE = "localstack/localstack:2026.09.0"  # noqa: S105  an image that wants a token, not a token
VARIANTS = paths.EMULATOR / "docker"
READY_SECONDS = 120.0
STOP_SECONDS = 60.0

RUNTIME_IMAGE_COMMAND = ("cat", "/opt/lab/runtime-image")
"""Prints, inside the built image, the name of the image that functions run in."""


class DockerEngine:
    """One engine on one port: the compose project `ingestion-lab-PORT`, with its own network and volume."""

    kind = "docker"
    runs = kinds.DOCKER

    def __init__(self, port: int) -> None:
        self.port = port
        self.project = f"ingestion-lab-{port}"
        self.container = f"{self.project}-localstack-1"

    @property
    def endpoint(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    @property
    def packaging(self) -> str:
        """`docker`, or `docker-process` where functions run inside the engine's container."""
        return "docker-process" if "LAMBDA_RUNTIME_EXECUTOR=process" in self._running_with() else "docker"

    @property
    def enforces_iam(self) -> bool:
        """Whether it was started to check the calls of functions."""
        return f"{iam.VARIABLE}={iam.ENFORCE}" in self._running_with()

    @property
    def image(self) -> str:
        """The image that the engine's own is built from."""
        return base_image()

    def up(self) -> bool:
        """Build the image if it changed, start the engine and wait until it serves.

        Whatever has to be pulled is pulled here, with Docker's own progress on standard error. Returns False
        when the engine was running already. Raises LabError when no Docker engine answers, the port is taken,
        LAB_IAM is unknown, an image cannot be had or the engine does not become healthy.
        """
        iam.wanted()
        docker_cli.find()
        with locked(self.port):
            if self.status().state == "running":
                ready.require_answer(self)
                return False
            self._clear()
            try:
                self._start()
            except KeyboardInterrupt:
                self._clear()
                raise
        return True

    def build(self) -> None:
        """Build the engine's image where it changed, with Docker's progress on standard error the first time.

        Raises LabError when it cannot be built, for example because its base cannot be pulled.
        """
        first_time = docker_cli.inspect("image", BUILT_IMAGE) is None
        try:
            self._follow("build", "localstack", environment=self.environment(), shown=first_time)
        except DockerCommandError as error:
            raise LabError(
                f"The image {BUILT_IMAGE} could not be built from {base_image()}.",
                "Read the lines below; for what is missing run: make doctor",
                details=str(error),
            ) from error
        # what the image was before has no name now and would stay for good
        docker_cli.run("image", "prune", "--force", "--filter", "label=ingestion-lab.image=localstack")

    def down(self) -> bool:
        """Stop the engine and remove its containers, the functions' included, its network and its volume.

        The image stays for the next start. Returns False when there was nothing to stop.
        """
        docker_cli.find()
        with locked(self.port):
            running = self.status().state == "running"
            processes.end(paths.ENGINES / str(self.port))
            self._clear()
        return running

    def exists(self) -> bool:
        """Whether anything of the engine is there, running or not: a start that was killed may have made a part."""
        own = f"label=com.docker.compose.project={self.project}"
        looks = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return docker_cli.inspect("container", self.container) is not None or any(
            docker_cli.run(*look, "--quiet", "--filter", own) for look in looks
        )

    def status(self) -> Status:
        """Look at the engine's container and, where it ended, at how it ended."""
        container = docker_cli.inspect("container", self.container)
        if container is None:
            return Status("stopped")
        state = container["State"]
        if state["Running"]:
            health = state.get("Health", {}).get("Status", "without health check")
            return Status("running", f"container {self.container}, {health}")
        if state["ExitCode"] == 0:
            return Status("stopped")
        hint = ", out of memory: raise LAB_MEMORY" if state["OOMKilled"] else ""
        return Status("crashed", f"exit code {state['ExitCode']}{hint}")

    def require_running(self) -> None:
        """Raise LabError, with the log's last lines after a crash, unless the engine's container runs."""
        status = self.status()
        if status.state == "crashed":
            raise LabError(
                f"The engine on port {self.port} crashed ({status.detail}).",
                f"Read its log (docker logs {self.container}), then run: make down up",
                details=self.last_log_lines(),
            )
        if status.state == "stopped":
            raise LabError(f"No engine is running on port {self.port}.", "Run: make up")

    def last_log_lines(self, count: int = 15) -> str:
        """The end of the container's log, or an empty text when there is none."""
        try:
            return docker_cli.run("logs", "--tail", str(count), self.container, merged=True)
        except DockerCommandError:
            return ""

    def environment(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment of docker compose: the user's own, with what the compose files read filled in."""
        kept = {name: value for name, value in given.items() if not name.startswith("COMPOSE_")}
        return kept | {
            "LAB_PORT": str(self.port),
            "LOCALSTACK_IMAGE": base_image(given),
            "LAMBDA_RUNTIME_EXECUTOR": given.get("LAMBDA_RUNTIME_EXECUTOR") or "docker",
        }

    def files(self, given: Mapping[str, str] = os.environ) -> list[Path]:
        """The compose files of the wanted variant."""
        found = [paths.ROOT / "docker-compose.yml"]
        if given.get("LAMBDA_RUNTIME_EXECUTOR") == "process":
            found.append(VARIANTS / "process.yml")
        if given.get("LOCALSTACK_AUTH_TOKEN"):
            found.append(VARIANTS / "token.yml")
        return found

    def _start(self) -> None:
        ports.require_free(self.port)
        environment = self.environment()
        with_token = bool(environment.get("LOCALSTACK_AUTH_TOKEN"))
        if not with_token:
            self.build()
        try:
            self._follow("up", "--detach", environment=environment, shown=with_token)
            self._wait_until_ready()
        except DockerCommandError as error:
            log = self.last_log_lines()
            self._clear()
            raise LabError(
                "The engine's container did not start.",
                "Read the lines below; for what is missing run: make doctor",
                details=f"{error}\n{log}".strip(),
            ) from error
        if environment["LAMBDA_RUNTIME_EXECUTOR"] == "docker" and not with_token:
            self._require_runtime_image()

    def _running_with(self) -> list[str]:
        """The environment of the engine's container, as NAME=VALUE."""
        container = docker_cli.inspect("container", self.container) or {}
        return container.get("Config", {}).get("Env", [])

    def _follow(self, *command: str, environment: Mapping[str, str], shown: bool = False) -> None:
        files = [part for file in self.files(environment) for part in ("--file", str(file))]
        options = ("--progress", "plain", "--project-name", self.project, "--profile", "*")
        profile = options if command[0] != "up" else options[:-2]
        docker_cli.follow("compose", *profile, *files, *command, environment=environment, shown=shown)

    def _wait_until_ready(self) -> None:
        if ready.wait(self.endpoint, READY_SECONDS, lambda: self.status().state != "running"):
            return
        if (status := self.status()).state != "running":
            raise DockerCommandError(f"the container ended: {status.detail}")
        raise DockerCommandError(f"the engine did not answer within {READY_SECONDS:g} s")

    def _clear(self) -> None:
        """Remove what is there of the project. LocalStack is stopped first, as it removes its functions."""
        environment = self.environment() | {"LOCALSTACK_AUTH_TOKEN": ""}
        try:
            self._follow("stop", environment=environment)
            left = docker_cli.run(
                "ps", "--all", "--quiet", "--filter", f"label=ingestion-lab.project={self.project}"
            )
            if left:
                docker_cli.run("rm", "--force", "--volumes", *left.split(), timeout=STOP_SECONDS)
            self._follow("down", "--volumes", "--remove-orphans", environment=environment)
        except DockerCommandError as error:
            raise LabError(
                f"The containers of {self.project} could not be removed.",
                f"Remove them by hand: docker ps --all --filter name={self.project}",
                details=str(error),
            ) from error

    def _require_runtime_image(self) -> None:
        """Have the functions' runtime image before the first function wants it, the pull's progress shown."""
        image = docker_cli.run("exec", self.container, *RUNTIME_IMAGE_COMMAND)
        if docker_cli.inspect("image", image) is not None:
            return
        try:
            docker_cli.follow("pull", image, environment=os.environ, shown=True)
        except DockerCommandError as error:
            self._clear()
            raise LabError(
                f"The functions' runtime image {image} is not here and could not be pulled.",
                "Try again where its registry can be reached, or run the functions without it: "
                "make up LAMBDA_RUNTIME_EXECUTOR=process",
                details=str(error),
            ) from error


def base_image(given: Mapping[str, str] = os.environ) -> str:
    """The image that the engine is built from, or, with a token, that it is."""
    token = given.get("LOCALSTACK_AUTH_TOKEN")
    return given.get("LOCALSTACK_IMAGE") or (TOKEN_IMAGE if token else BASE_IMAGE)
