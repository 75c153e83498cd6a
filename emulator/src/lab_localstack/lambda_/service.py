"""LocalStack's Lambda with metrics, logs and life of environments as AWS documents them, for any executor."""

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, cast

from localstack.aws.api.lambda_ import ServiceException, TooManyRequestsException
from localstack.services.lambda_.invocation.counting_service import CountingService
from localstack.services.lambda_.invocation.event_manager import LambdaEventManager, Poller
from localstack.services.lambda_.invocation.execution_environment import (
    ExecutionEnvironment,
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
from lab_localstack.lambda_.environments import Environments
from lab_localstack.lambda_.log_shipping import SHIPPER, Stream
from lab_localstack.lambda_.output import LogEvent
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)


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
            if not SETTINGS.checks(self.function_version.config.role) or self._may_log(stream):
                SHIPPER.ship(stream, events)

    def _may_log(self, stream: Stream) -> bool:
        """Whether the function's role lets Lambda write its log; otherwise the events are lost, as on AWS."""
        from lab_localstack.iam.provider import AccessDeniedError, Place, require_for

        request = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            for operation in ("CreateLogStream", "PutLogEvents"):
                place = Place(stream.account, stream.region)
                require_for(self.function_version, "logs", operation, request, place)
        except AccessDeniedError as error:
            LOG.warning("Log events of %s are lost: %s", self.function_arn, error.message)
            return False
        return True


class AsyncEvents(Poller):
    """Runs a function's asynchronous events, and counts those that are dropped."""

    def process_failure_destination(self, *args: Any, **kwargs: Any) -> None:
        """Called for an event that ran out of retries, of age or of concurrency: it is not tried again."""
        metrics.dropped(self.version_manager.function_version.id)
        super().process_failure_destination(*args, **kwargs)


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


class LabLambdaService(LambdaService):
    """The Lambda service of one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.assignment_service: Any = Environments()
        self.counting_service = ConcurrencyService()

    def update_version(self, new_version: FunctionVersion) -> Future[None]:
        """Update a version, also one that could not start: LocalStack refuses that with a fault of its own."""
        return self.create_function_version(function_version=new_version)

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
