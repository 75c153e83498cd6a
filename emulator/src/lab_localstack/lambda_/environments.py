"""Execution environments: how a function version scales out, keeps its environments warm, and gives them up."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from localstack import config
from localstack.services.lambda_.invocation.assignment import AssignmentException, AssignmentService
from localstack.services.lambda_.invocation.execution_environment import (
    EnvironmentStartupTimeoutException,
    ExecutionEnvironment,
    InvalidStatusException,
    RuntimeStatus,
)
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InitializationType

from lab_localstack.corrections.outside import NO_METADATA

STARTS_AT_ONCE = max(2, os.cpu_count() or 1)
"""Environments of one version in their init phase at the same time: more would only slow each other down."""
AT_WORK = (RuntimeStatus.STARTING, RuntimeStatus.INVOKING)


class Environment(ExecutionEnvironment):
    """An execution environment without a timer thread of its own: `Environments` looks after it."""

    def get_environment_variables(self) -> dict[str, str]:
        """What the function finds in its environment."""
        return NO_METADATA | super().get_environment_variables()

    def start(self) -> None:
        """The init phase. It counts as idle from then on, whether an invocation waits for it or not."""
        self.last_returned = datetime.max  # noqa: DTZ901  as LocalStack has it
        super().start()
        self.last_returned = datetime.now()  # noqa: DTZ005

    def release(self) -> None:
        """Its invocation ended: be ready for the next one. Raises InvalidStatusException when it was stopped."""
        with self.status_lock:
            if self.status != RuntimeStatus.INVOKING:
                raise InvalidStatusException(f"{self.id} is {self.status}")
            self.last_returned = datetime.now()  # noqa: DTZ005
            self.status = RuntimeStatus.READY

    def end_if_idle(self, milliseconds: float) -> None:
        """Stop, if the environment has not been invoked for so long."""
        idle = datetime.now() - self.last_returned  # noqa: DTZ005
        on_demand = self.initialization_type == InitializationType.on_demand
        if on_demand and self.status == RuntimeStatus.READY and idle > timedelta(milliseconds=milliseconds):
            self.keepalive_passed()


@dataclass
class Scaling:
    """How one version scales. Its fields are read and written under `changed`."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    """Notified when an environment is free, or an init phase is over."""
    waiting: int = 0
    """Invocations that have no environment yet."""
    starting: int = 0
    """Environments in their init phase."""
    failures: deque[Exception] = field(default_factory=deque[Exception])
    """Why environments did not start; each one is an invocation's answer."""
    retired: bool = False
    """Whether another version has taken the place of this one."""

    def grows(self) -> bool:
        """Whether another environment is to be started for those who wait; it counts as starting then."""
        grows = self.starting < min(self.waiting, STARTS_AT_ONCE)
        self.starting += grows
        return grows


class Environments(AssignmentService):
    """All execution environments, on demand.

    A version scales at a bounded rate, as on AWS. An invocation that finds no idle environment has a new one started,
    unless enough are starting, and takes the one that is free first, the new one or another. Environments at work when
    their version is replaced finish first. https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    """

    def __init__(self) -> None:
        super().__init__()
        self._scaling: dict[str, Scaling] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._end_idle, name="lambda-keepalive", daemon=True).start()

    def _end_idle(self) -> None:
        every = min(1.0, config.LAMBDA_KEEPALIVE_MS / 2000)
        while not self._closed.wait(every):
            for version_manager_id, environments in list(self.environments.items()):
                retired = self._scaling_of(version_manager_id).retired
                for environment in list(environments.values()):
                    if isinstance(environment, Environment):
                        environment.end_if_idle(0 if retired else config.LAMBDA_KEEPALIVE_MS)

    def _scaling_of(self, version_manager_id: str) -> Scaling:
        return self._scaling.setdefault(version_manager_id, Scaling())

    def start_environment(
        self, version_manager_id: str, function_version: FunctionVersion
    ) -> ExecutionEnvironment:
        """A new environment, after its init phase."""
        if function_version.config.capacity_provider_config:
            return super().start_environment(version_manager_id, function_version)
        environment = Environment(
            function_version, InitializationType.on_demand, self.on_timeout, version_manager_id
        )
        self.environments[version_manager_id][environment.id] = environment
        try:
            environment.start()
        except Exception as error:
            self.on_timeout(version_manager_id, environment.id)
            if isinstance(error, (StatusErrorException, EnvironmentStartupTimeoutException)):
                raise
            raise AssignmentException(f"Could not start an environment: {error!r}") from error
        return environment

    def on_timeout(self, version_manager_id: str, environment_id: str) -> None:
        """Forget an environment that ended by itself."""
        self.environments[version_manager_id].pop(environment_id, None)

    @contextlib.contextmanager
    def get_environment(
        self,
        version_manager_id: str,
        function_version: FunctionVersion,
        provisioning_type: InitializationType,
    ) -> Iterator[ExecutionEnvironment]:
        """An environment for one invocation. Raises what kept the environment from starting."""
        environment = self._first_free(version_manager_id, function_version, provisioning_type)
        try:
            yield environment
            environment.release()
        except BaseException:
            self.stop_environment(environment)
            raise
        finally:
            scaling = self._scaling_of(version_manager_id)
            with scaling.changed:
                scaling.changed.notify()

    def _first_free(
        self, version_manager_id: str, version: FunctionVersion, provisioning_type: InitializationType
    ) -> ExecutionEnvironment:
        scaling = self._scaling_of(version_manager_id)
        with scaling.changed:
            scaling.waiting += 1
            try:
                while True:
                    environment = self._reserve_idle(version_manager_id, provisioning_type)
                    if environment:
                        return environment
                    if provisioning_type == InitializationType.provisioned_concurrency:
                        raise AssignmentException("No provisioned concurrency environment is available.")
                    if self._closed.is_set():
                        raise AssignmentException("The engine is stopping.")
                    if scaling.failures:
                        raise scaling.failures.popleft()
                    if scaling.grows():
                        args = (version_manager_id, version)
                        threading.Thread(
                            target=self._start, args=args, name="lambda-init", daemon=True
                        ).start()
                    scaling.changed.wait()
            finally:
                scaling.waiting -= 1

    def _start(self, version_manager_id: str, version: FunctionVersion) -> None:
        """Add an environment, or a failure that one of those who wait reports."""
        scaling = self._scaling_of(version_manager_id)
        failure: Exception | None = None
        try:
            environment = self.start_environment(version_manager_id, version)
            if self._closed.is_set():
                self.stop_environment(environment)
        except Exception as error:
            failure = error
        with scaling.changed:
            scaling.starting -= 1
            if failure and len(scaling.failures) < scaling.waiting:
                scaling.failures.append(failure)
            scaling.changed.notify_all()

    def _reserve_idle(
        self, version_manager_id: str, provisioning_type: InitializationType
    ) -> ExecutionEnvironment | None:
        for environment in list(self.environments[version_manager_id].values()):
            if environment.initialization_type == provisioning_type:
                with contextlib.suppress(InvalidStatusException):
                    environment.reserve()
                    return environment
        return None

    def stop_environments_for_version(self, version_manager_id: str) -> None:
        """Stop the idle environments now, the others when their invocation has ended."""
        scaling = self._scaling_of(version_manager_id)
        with scaling.changed:
            scaling.retired = True
        for environment in list(self.environments.get(version_manager_id, {}).values()):
            with environment.status_lock:
                if environment.status in AT_WORK and not self._closed.is_set():
                    continue
            self.stop_environment(environment)

    def close(self) -> None:
        """Stop every environment at once, at work or not."""
        self._closed.set()
        for version_manager_id in list(self.environments):
            self.stop_environments_for_version(version_manager_id)
        for scaling in list(self._scaling.values()):
            with scaling.changed:
                scaling.changed.notify_all()
