"""The Lambda provider."""

from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.lambda_ import InvalidParameterValueException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.services.lambda_.provider import LambdaProvider
from localstack.utils.aws.arns import parse_arn

from lab_localstack.internal import call
from lab_localstack.lambda_.service import LabLambdaService
from lab_localstack.settings import SETTINGS

MAXIMUM_CONCURRENCY = range(2, 1001)
POLLER_OPERATIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""What an event source mapping does with its queue in the name of the function's role."""


class LabLambdaProvider(LambdaProvider):
    """Everything LocalStack does, with this distribution's service and stricter event source mappings."""

    def __init__(self) -> None:
        super().__init__()
        self.router.lambda_service = self.lambda_service = LabLambdaService()

    def on_after_state_reset(self) -> None:
        """A new service after everything was deleted."""
        self.router.lambda_service = self.lambda_service = LabLambdaService()

    def validate_event_source_mapping(self, context: RequestContext, request: Any) -> Any:
        """Raises InvalidParameterValueException also for what only AWS refuses."""
        validated = super().validate_event_source_mapping(context, request)
        concurrency = (request.get("ScalingConfig") or {}).get("MaximumConcurrency")
        if concurrency is not None and concurrency not in MAXIMUM_CONCURRENCY:
            raise InvalidParameterValueException(
                f"MaximumConcurrency {concurrency} is not between 2 and 1000.", Type="User"
            )
        source = request.get("EventSourceArn", "")
        if ":sqs:" in source:
            queue, function_version = parse_arn(source), validated[3]
            if SETTINGS.checks(function_version.config.role):
                _require_poller(function_version, source)
            attributes = call(
                "sqs",
                "GetQueueAttributes",
                {"QueueUrl": queue["resource"], "AttributeNames": ["VisibilityTimeout"]},
                queue["account"],
                queue["region"],
            )["Attributes"]
            visibility, timeout = int(attributes["VisibilityTimeout"]), function_version.config.timeout
            if visibility < timeout:
                raise InvalidParameterValueException(
                    f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds",
                    Type="User",
                )
        return validated

    def update_event_source_mapping_v2(self, context: RequestContext, request: Any) -> Any:
        """LocalStack would keep the request's Enabled as if it were part of the mapping."""
        mapping = super().update_event_source_mapping_v2(context, request)
        for kept in (
            mapping,
            lambda_stores[context.account_id][context.region].event_source_mappings[request["UUID"]],
        ):
            kept.pop("Enabled", None)
        return mapping


def _require_poller(function_version: FunctionVersion, queue_arn: str) -> None:
    """Raise InvalidParameterValueException unless the function's role lets a mapping poll the queue."""
    from lab_localstack.iam.provider import AccessDeniedError, Place, require_for

    arn = parse_arn(queue_arn)
    queue, place = {"QueueUrl": arn["resource"]}, Place(arn["account"], arn["region"])
    for operation in POLLER_OPERATIONS:
        try:
            require_for(function_version, "sqs", operation, queue, place)
        except AccessDeniedError as error:
            raise InvalidParameterValueException(
                f"The function execution role does not have permissions to call {operation} on SQS. "
                f"{error.message}",
                Type="User",
            ) from error
