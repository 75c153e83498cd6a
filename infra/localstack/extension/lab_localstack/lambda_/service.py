"""LocalStack's Lambda with metrics, logs and life of environments as AWS documents them, for any executor."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from localstack import config
from localstack.aws.api.lambda_ import ServiceException, TooManyRequestsException
from localstack.services.lambda_.invocation.assignment import AssignmentException, AssignmentService
from localstack.services.lambda_.invocation.counting_service import CountingService
from localstack.services.lambda_.invocation.event_manager import LambdaEventManager
from localstack.services.lambda_.invocation.execution_environment import (
    EnvironmentStartupTimeoutException,
    ExecutionEnvironment,
    InvalidStatusException,
    RuntimeStatus,
)
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.internal_sqs_queue import get_fake_sqs_client
from localstack.services.lambda_.invocation.lambda_models import (
    Function,
    FunctionVersion,
    InitializationType,
    Invocation,
    InvocationResult,
    ProvisionedConcurrencyState,
)
from localstack.services.lambda_.invocation.lambda_service import LambdaService
from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from lab_localstack.lambda_ import metrics
from lab_localstack.lambda_.log_shipping import SHIPPER, Stream
from lab_localstack.lambda_.output import LogEvent
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)
STARTS_AT_ONCE = max(2, os.cpu_count() or 1)
"""Environments of one version in their init phase at the same time: more would only slow each other down."""


class VersionManager(LambdaVersionManager):
    """One function version. Takes the place of LocalStack's, which starts a thread and makes HTTP calls for the
    metrics and the logs of every invocation."""

    def invoke(self, *, invocation: Invocation) -> InvocationResult:
        """Run the function once. Raises TooManyRequestsException when it has no concurrency left."""
        if self.ldm_provisioner:
            return super().invoke(invocation=invocation)
        version = self.function_version
        if self.shutdown_event.is_set():
            raise ServiceException(f"{self.function_arn} is shutting down.")
        concurrency = cast("ConcurrencyService", self.counting_service)
        with concurrency.get_invocation_lease(
            self.function, version, self.provisioned_state
        ) as provisioning_type:
            concurrent_executions = concurrency.concurrent_executions(version)
            try:
                with self.assignment_service.get_environment(
                    self.id, version, provisioning_type
                ) as environment:
                    result = environment.invoke(invocation)
                    self.store_logs(result, environment)
            except StatusErrorException as error:
                result = InvocationResult(invocation.request_id, error.payload, is_error=True, logs="")
        result.executed_version = version.id.qualifier
        metrics.invoked(version.id, result, concurrent_executions)
        return result

    def store_logs(self, invocation_result: InvocationResult, execution_env: ExecutionEnvironment) -> None:
        """Hand the invocation's log events to the one thread that ships them."""
        lines = (invocation_result.logs or "").splitlines()
        events = getattr(invocation_result, "events", None) or [LogEvent.now(line) for line in lines if line]
        if events:
            function = self.function_version.id
            group, name = execution_env.get_log_group_name(), execution_env.get_log_stream_name()
            stream = Stream(function.account, function.region, group, name)
            if not SETTINGS.enforces_iam or self._may_log(stream):
                SHIPPER.ship(stream, events)

    def _may_log(self, stream: Stream) -> bool:
        """Whether the function's role lets Lambda write its log; otherwise the events are lost, as on AWS."""
        from lab_localstack.iam.enforcement import AccessDeniedError, Place, require_for

        request = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            for operation in ("CreateLogStream", "PutLogEvents"):
                place = Place(stream.account, stream.region)
                require_for(self.function_version, "logs", operation, request, place)
        except AccessDeniedError as error:
            LOG.warning("Log events of %s are lost: %s", self.function_arn, error.message)
            return False
        return True


class ConcurrencyService(CountingService):
    """Counts throttles where LocalStack enforces concurrency."""

    @contextlib.contextmanager
    def get_invocation_lease(
        self,
        function: Function | None,
        function_version: FunctionVersion,
        provisioned_state: ProvisionedConcurrencyState | None = None,
    ) -> Iterator[InitializationType]:
        """The right to one invocation, while the context lasts."""
        with contextlib.ExitStack() as lease:
            try:
                kind = lease.enter_context(
                    super().get_invocation_lease(function, function_version, provisioned_state)
                )
            except TooManyRequestsException:
                metrics.throttled(function_version.id)
                raise
            yield kind

    def concurrent_executions(self, version: FunctionVersion) -> int:
        """Invocations of the function that run at this moment, on demand or on provisioned environments."""
        scope = (version.id.account, version.id.region)
        on_demand = self.on_demand_concurrency_trackers[scope].concurrent_executions
        provisioned = self.provisioned_concurrency_trackers[scope].concurrent_executions
        return on_demand[version.id.unqualified_arn()] + provisioned[version.id.qualified_arn()]


class Environment(ExecutionEnvironment):
    """An execution environment without a timer thread of its own: `Environments` looks after it."""

    def release(self) -> None:
        """Its invocation ended: be ready for the next one. Raises InvalidStatusException when it was stopped."""
        with self.status_lock:
            if self.status != RuntimeStatus.INVOKING:
                raise InvalidStatusException(f"{self.id} is {self.status}")
            self.last_returned = datetime.now()  # noqa: DTZ005  as LocalStack has it
            self.status = RuntimeStatus.READY

    def end_if_idle(self) -> None:
        """Stop, if the environment has not been invoked for LAMBDA_KEEPALIVE_MS."""
        idle = datetime.now() - self.last_returned  # noqa: DTZ005
        on_demand = self.initialization_type == InitializationType.on_demand
        if (
            on_demand
            and self.status == RuntimeStatus.READY
            and idle > timedelta(milliseconds=config.LAMBDA_KEEPALIVE_MS)
        ):
            self.keepalive_passed()


@dataclass
class Scaling:
    """How one version grows: `changed` is notified when an environment is free, or another one may start."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    starting: int = 0

    def may_start(self) -> bool:
        """Whether one more environment may begin its init phase."""
        return self.starting < STARTS_AT_ONCE


class Environments(AssignmentService):
    """All execution environments. An environment at work when its version is replaced finishes first, as on AWS.

    A version scales at a bounded rate, as on AWS: an invocation that may not start an environment yet waits until it
    may, or until another one is free. https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    """

    def __init__(self) -> None:
        super().__init__()
        self._scaling: dict[str, Scaling] = {}
        self._retired: set[str] = set()
        self._closed = threading.Event()
        threading.Thread(target=self._end_idle, name="lambda-keepalive", daemon=True).start()

    def _end_idle(self) -> None:
        every = min(1.0, config.LAMBDA_KEEPALIVE_MS / 2000)
        while not self._closed.wait(every):
            for environments in list(self.environments.values()):
                for environment in list(environments.values()):
                    if isinstance(environment, Environment):
                        environment.end_if_idle()

    def start_environment(
        self, version_manager_id: str, function_version: FunctionVersion
    ) -> ExecutionEnvironment:
        """A new environment, after its init phase."""
        if function_version.config.capacity_provider_config:
            return super().start_environment(version_manager_id, function_version)
        environment = Environment(
            function_version, InitializationType.on_demand, self.on_timeout, version_manager_id
        )
        try:
            environment.start()
        except (StatusErrorException, EnvironmentStartupTimeoutException):
            raise
        except Exception as error:
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
        """An environment for one invocation: an idle one, or on demand a new one."""
        environment = self._idle_or_started(version_manager_id, function_version, provisioning_type)
        try:
            yield environment
            environment.release()
        except BaseException:
            self.stop_environment(environment)
            raise
        finally:
            if environment.id in self._retired:
                self._retired.discard(environment.id)
                self.stop_environment(environment)
            scaling = self._scaling[version_manager_id]
            with scaling.changed:
                scaling.changed.notify()

    def _idle_or_started(
        self, version_manager_id: str, function_version: FunctionVersion, provisioning_type: InitializationType
    ) -> ExecutionEnvironment:
        scaling = self._scaling.setdefault(version_manager_id, Scaling())
        with scaling.changed:
            while (environment := self._reserve_idle(version_manager_id, provisioning_type)) is None:
                if provisioning_type == InitializationType.provisioned_concurrency:
                    raise AssignmentException("No provisioned concurrency environment is available.")
                if scaling.may_start():
                    break
                if self._closed.is_set():
                    raise AssignmentException("The engine is stopping.")
                scaling.changed.wait()
            else:
                if scaling.may_start():  # it was woken for a start that it does not need
                    scaling.changed.notify()
                return environment
            scaling.starting += 1
        try:
            environment = self.start_environment(version_manager_id, function_version)
            environment.reserve()
            self.environments[version_manager_id][environment.id] = environment
            if self._closed.is_set():
                self.stop_environment(environment)
            return environment
        finally:
            with scaling.changed:
                scaling.starting -= 1
                scaling.changed.notify()

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
        """Stop the idle environments now, the others when their invocation ends."""
        for environment in list(self.environments.get(version_manager_id, {}).values()):
            with environment.status_lock:
                if environment.status == RuntimeStatus.INVOKING and not self._closed.is_set():
                    self._retired.add(environment.id)
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


class LabLambdaService(LambdaService):
    """The Lambda service of one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.assignment_service: Any = Environments()
        self.counting_service = ConcurrencyService()

    def stop_version(self, qualified_arn: str) -> None:
        """Stop one version, if there is anything to stop: a function that failed to start can be deleted too."""
        with contextlib.suppress(ValueError):
            super().stop_version(qualified_arn)

    def stop(self) -> None:
        """Stop everything at once: LocalStack would wait for each function's poller of asynchronous events."""
        queues = cast("Any", get_fake_sqs_client)().queue_manager
        managers: dict[str, LambdaEventManager] = cast("Any", self).event_managers
        for manager in managers.values():
            if manager.poller and manager.event_queue_url:
                manager.poller.stop()
                queues.get_queue(manager.event_queue_url).shutdown()
        self.assignment_service.close()
        super().stop()
