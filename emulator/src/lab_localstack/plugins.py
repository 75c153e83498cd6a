"""The entry points of the services, which LocalStack loads by their names in pyproject.toml.

They import what they need once they are called: LocalStack loads all of them at its start, whichever it uses.
"""

from typing import Any

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, ServiceLifecycleHook, aws_provider

from lab_localstack.settings import SETTINGS

DELIVERING_THREADS = 8
"""Threads that deliver EventBridge's events."""


@aws_provider(api="apigatewayv2")
def apigatewayv2() -> Service:
    """HTTP APIs; LocalStack 4.14.0 has no provider of this service."""
    from localstack.aws.skeleton import Skeleton
    from localstack.aws.spec import load_service

    from lab_localstack.apigatewayv2.gateway import HttpGateway
    from lab_localstack.apigatewayv2.provider import ControlPlane

    control = ControlPlane(HttpGateway())

    class Lifecycle(ServiceLifecycleHook):
        def on_after_state_reset(self) -> None:
            control.forget_all()

    return Service(
        name="apigatewayv2",
        skeleton=Skeleton(load_service("apigatewayv2"), control.dispatch_table()),
        lifecycle_hook=Lifecycle(),
    )


@aws_provider(api="cloudformation", name="lab")
def cloudformation() -> Service:
    """CloudFormation whose stacks fail, roll back and replace as on AWS."""
    from lab_localstack.cloudformation.provider import PatientCloudFormation
    from lab_localstack.corrections import patches

    patches.use_own_deployments()
    patches.know_stack_outputs()
    return Service.for_provider(PatientCloudFormation())


@aws_provider(api="cloudwatch", name="lab")
def cloudwatch() -> Service:
    """Metrics, alarms and dashboards of this distribution."""
    from lab_localstack.cloudwatch.provider import CloudWatchProvider

    return Service.for_provider(CloudWatchProvider())


@aws_provider(api="dynamodb", name="lab")
def dynamodb() -> Service:
    """The whole of DynamoDB as moto serves it, made atomic and with TTL: no Java, no download."""
    from localstack.aws.skeleton import Skeleton
    from localstack.aws.spec import load_service

    from lab_localstack.corrections import patches as corrections
    from lab_localstack.dynamodb.provider import Lifecycle, dispatch_table
    from lab_localstack.speedups import patches

    patches.quicken_dynamodb()
    corrections.write_numbers_as_dynamodb_does()
    corrections.find_names_before_an_index()
    model = load_service("dynamodb")
    operations: Any = model.operation_names
    return Service(
        name="dynamodb",
        skeleton=Skeleton(model, dispatch_table(operations)),
        lifecycle_hook=Lifecycle(),
    )


@aws_provider(api="events", name="lab")
def events() -> Service:
    """EventBridge with metrics and targets called in process."""
    from localstack.services.events.target import TargetSenderFactory

    from lab_localstack.corrections import patches
    from lab_localstack.events.provider import LabEventsProvider, SnsSender, SqsSender
    from lab_localstack.speedups.patches import use_a_pool_for_events

    patches.use_own_entry_check()
    patches.read_json_within_bounds("events.archive", "events.provider", "events.target", "events.utils")
    patches.match_as_event_ruler_does()
    patches.take_input_paths_of_any_event()
    patches.transform_as_eventbridge_does()
    use_a_pool_for_events(DELIVERING_THREADS)
    TargetSenderFactory.register_target_sender("sns", SnsSender)
    TargetSenderFactory.register_target_sender("sqs", SqsSender)
    return Service.for_provider(LabEventsProvider())


@hooks.on_infra_start()
def check_calls_of_functions() -> None:
    """IAM: for all functions with `LAB_IAM=enforce`, and always for those whose role's path asks for it.

    Raises ValueError, which ends the engine, for another value of LAB_IAM.
    """
    if SETTINGS.iam not in ("", "enforce"):
        raise ValueError(f"LAB_IAM={SETTINGS.iam} is not known: use enforce, or leave it out")
    from localstack.aws import handlers

    handlers.serve_custom_service_request_handlers.append(_check_call)


def _check_call(chain: Any, context: Any, response: Any) -> None:
    from lab_localstack.iam.provider import handle  # moto's IAM: the engine is ready sooner without it

    handle(chain, context, response)


@hooks.on_infra_start()
def choose_lambda_provider() -> None:
    """Select the provider below. PROVIDER_OVERRIDE_LAMBDA would do so too, with a wrong warning that it is ignored."""
    config.SERVICE_PROVIDER_CONFIG.set_provider("lambda", "lab")


@aws_provider(api="lambda", name="lab")
def lambda_() -> Service:
    """Lambda with this distribution's service."""
    from lab_localstack.corrections import patches
    from lab_localstack.lambda_.provider import LabLambdaProvider

    patches.use_own_lambda_classes()
    patches.read_json_within_bounds(
        "lambda_.event_source_mapping.pollers.poller",
        "lambda_.event_source_mapping.pollers.sqs_poller",
        "lambda_.invocation.event_manager",
    )
    patches.match_as_event_ruler_does()
    return Service.for_provider(LabLambdaProvider())


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """Functions as local processes, with `LAMBDA_RUNTIME_EXECUTOR=process`."""

    name = "process"

    def load(self, *_args, **_kwargs):
        from lab_localstack.lambda_.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


@aws_provider(api="logs", name="lab")
def logs() -> Service:
    """CloudWatch Logs: metric filters, EMF, filter patterns and queries over moto's storage."""
    from localstack.services.moto import MotoFallbackDispatcher

    from lab_localstack.corrections import patches
    from lab_localstack.logs.provider import LabLogsProvider

    patches.use_filter_patterns()
    return Service.for_provider(LabLogsProvider(), dispatch_table_factory=MotoFallbackDispatcher)


@aws_provider(api="s3", name="lab")
def s3() -> Service:
    """S3 that keeps object bodies inside this engine's own temporary folder.

    LocalStack 4.14.0 writes them to one fixed folder under /tmp, which two engines on one machine would share
    and the first to stop would empty.
    """
    from localstack.services.s3.provider import S3Provider
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore

    return Service.for_provider(S3Provider(EphemeralS3ObjectStore(f"{config.dirs.tmp}/s3")))


@aws_provider(api="sns", name="lab")
def sns() -> Service:
    """SNS with this distribution's metrics."""
    from lab_localstack.corrections import patches
    from lab_localstack.sns.provider import LabSnsProvider

    patches.count_deliveries()
    patches.read_json_within_bounds("sns.provider", "sns.publisher")
    patches.match_as_event_ruler_does()
    return Service.for_provider(LabSnsProvider())


@aws_provider(api="sqs", name="lab")
def sqs() -> Service:
    """SQS with this distribution's metrics, limits and fair queues."""
    from lab_localstack.corrections import patches
    from lab_localstack.speedups.patches import quicken_sqs_receives
    from lab_localstack.sqs.provider import LabSqsProvider

    quicken_sqs_receives()
    patches.make_fair_queues()
    patches.read_json_within_bounds("sqs.models", "sqs.provider", "sqs.utils")
    return Service.for_provider(LabSqsProvider())


@aws_provider(api="ssm", name="lab")
def ssm() -> Service:
    """LocalStack's Parameter Store, quicker where functions read their settings."""
    from localstack.services.moto import MotoFallbackDispatcher
    from localstack.services.ssm.provider import SsmProvider

    from lab_localstack.speedups.patches import read_parameters_at_once

    read_parameters_at_once()
    return Service.for_provider(SsmProvider(), dispatch_table_factory=MotoFallbackDispatcher)
