"""The entry points of this package."""

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider


@hooks.on_infra_start()
def choose_provider() -> None:
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
    patches.match_within_bounds()
    return Service.for_provider(LabLambdaProvider())


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """Selected by `LAMBDA_RUNTIME_EXECUTOR=process`."""

    name = "process"

    def load(self, *_args, **_kwargs):
        from lab_localstack.lambda_.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor
