"""What is changed in LocalStack to be right where it has no plug point, each with its reason."""

from collections.abc import Callable
from functools import cache
from typing import Any

from lab_localstack import globs


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


def search_for_queues_in_short_urls() -> None:
    """Let no long path be searched for the URL of a queue, which has at most 80 characters beside host and account.

    The time of LocalStack's search grows with the square of the length, and meanwhile nothing else runs: 6 s for 16 KB.
    """
    from localstack.aws.protocol import service_router

    is_queue_url = service_router.is_sqs_queue_url
    longest = 1024
    service_router.is_sqs_queue_url = lambda url: len(url) <= longest and is_queue_url(url)


def look_up_no_name_of_s3() -> None:
    """Let LocalStack's own calls of S3 go to localhost, without asking a name server for `s3.` and LOCALSTACK_HOST."""
    from localstack.utils.aws import aws_stack

    aws_stack.CACHE_S3_HOSTNAME_DNS_STATUS = False


def read_json_within_bounds(*modules: str) -> None:
    """Let modules of LocalStack parse JSON as this distribution does.

    Python's own reader raises RecursionError on deep nesting, which nothing there expects: one message ends the
    handling of all that are at hand.
    """
    from importlib import import_module

    from lab_localstack import documents

    for name in modules:
        module: Any = import_module(f"localstack.services.{name}")
        module.json = documents.MODULE


def take_input_paths_of_any_event() -> None:
    """Let a path that an event has not, such as the first member of a number, be nothing; LocalStack raises."""
    from localstack.services.events import target

    module: Any = target
    extract = module.extract_jsonpath

    def extracted(event: Any, path: str) -> Any:
        try:
            return extract(event, path)
        except (TypeError, KeyError, AttributeError):
            return []

    module.extract_jsonpath = extracted


@cache
def match_within_bounds() -> None:
    """Let event patterns and filter policies be asked of any document.

    LocalStack's matchers raise where an operator meets a value of another type, which on AWS does not match, and take
    the product of all lists of a document: two of 100,000 members fill the memory.
    """
    from localstack.services.events.event_rule_engine import EventRuleEngine
    from localstack.services.sns.filter import SubscriptionFilter

    from lab_localstack.events.matching import flattened

    read_json_within_bounds("events.event_rule_engine", "sns.filter")
    matchers: tuple[Any, ...] = (EventRuleEngine, SubscriptionFilter)
    for matcher in matchers:
        matcher._evaluate_condition = _false_where_types_differ(matcher._evaluate_condition)
        matcher.flatten_payload = staticmethod(flattened)
    matchers[0]._evaluate_wildcard = staticmethod(_fits_wildcard)


def _false_where_types_differ(evaluate: Callable[..., bool]) -> Callable[..., bool]:
    def evaluated(*args: Any, **kwargs: Any) -> bool:
        try:
            return evaluate(*args, **kwargs)
        except (TypeError, AttributeError, ValueError):
            return False

    return evaluated


def _fits_wildcard(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and globs.fits(pattern, value)
