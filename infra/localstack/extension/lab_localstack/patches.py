"""Everything this extension changes in LocalStack where that has no plug point, each with its reason."""

from typing import Any


def use_own_lambda_classes() -> None:
    """Put subclasses in the place of two classes that LocalStack names where it makes their instances.

    Its version manager starts a thread and makes HTTP calls for the metrics and logs of every invocation, and its
    event source mappings run one batch at a time; neither can be chosen through a plug point.
    """
    from localstack.services.lambda_ import provider
    from localstack.services.lambda_.invocation import lambda_service

    from lab_localstack.lambda_.event_source_mapping import WorkerFactory
    from lab_localstack.lambda_.service import VersionManager

    provider.EsmWorkerFactory = WorkerFactory
    lambda_service.LambdaVersionManager = VersionManager


def use_own_deployments() -> None:
    """Put a subclass in the place of what carries out the changes of a stack.

    LocalStack's calls every update and every deletion complete, also where resources failed, and cannot be chosen.
    """
    from localstack.services.cloudformation.v2 import provider

    from lab_localstack.cloudformation.deployment import Deployment

    provider.ChangeSetModelExecutor = Deployment


def use_filter_patterns() -> None:
    """Evaluate the patterns of subscription filters: LocalStack's matcher, made to be replaced, matches everything."""
    from localstack.services.logs import provider

    from lab_localstack.logs.line import LogLine
    from lab_localstack.logs.patterns import compile_pattern

    def matcher(pattern: str):
        matches = compile_pattern(pattern).matches
        return lambda _pattern, event: matches(
            LogLine(event["message"] if isinstance(event, dict) else event.message)
        )

    provider.get_pattern_matcher = matcher


def use_own_entry_check() -> None:
    """Check the entries of PutEvents: LocalStack refuses a detail of 256 KB, AWS's limit until January 2026."""
    from localstack.services.events import provider

    from lab_localstack.events.entries import failure

    provider.validate_event = failure


def count_deliveries() -> None:
    """Count what became of SNS's notifications: LocalStack tells it to the writer of delivery logs alone."""
    from localstack.services.sns import publisher

    from lab_localstack.sns import metrics

    log = publisher.store_delivery_log

    def counted(message_context: Any, subscriber: Any, success: bool, *args: Any, **kwargs: Any) -> None:
        metrics.delivered(subscriber["TopicArn"], success=success)
        log(message_context, subscriber, success, *args, **kwargs)

    publisher.store_delivery_log = counted


def remember_parsing() -> None:
    """Let moto compute once what it computes anew in every call: its handlers' method names, and update expressions.

    Together a third of the time of a DynamoDB call. A parsed expression can be shared: its validator copies it.
    """
    from functools import cache, lru_cache

    from moto.core import responses
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser

    responses.method_names_from_class = cache(  # pyright: ignore[reportPrivateImportUsage]
        responses.method_names_from_class  # pyright: ignore[reportPrivateImportUsage]
    )
    UpdateExpressionParser.make = staticmethod(lru_cache(maxsize=1024)(UpdateExpressionParser.make))
