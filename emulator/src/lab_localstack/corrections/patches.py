"""What is changed in LocalStack to be right where it has no plug point, each with its reason."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast


def use_own_lambda_classes() -> None:
    """Put subclasses in the place of three classes that LocalStack names where it makes their instances.

    Its version manager starts a thread and makes HTTP calls for the metrics and logs of every invocation, its
    event source mappings run one batch at a time, and its poller of asynchronous events tells nobody which it drops;
    none can be chosen through a plug point.
    """
    from localstack.services.lambda_ import provider
    from localstack.services.lambda_.invocation import event_manager, lambda_service

    from lab_localstack.lambda_.event_source_mapping import WorkerFactory
    from lab_localstack.lambda_.service import AsyncEvents, VersionManager

    provider.EsmWorkerFactory = WorkerFactory
    lambda_service.LambdaVersionManager = VersionManager
    event_manager.Poller = AsyncEvents


def use_own_deployments() -> None:
    """Put a subclass in the place of what carries out the changes of a stack, and say what has no type in own words.

    LocalStack's calls every update and every deletion complete, also where resources failed, and cannot be chosen.
    What it says of a type sends the reader to a vendor's other products.
    """
    from localstack.services.cloudformation.engine.v2 import change_set_resource_support_checker
    from localstack.services.cloudformation.v2 import provider

    from lab_localstack.cloudformation.deployment import Deployment

    provider.ChangeSetModelExecutor = Deployment

    def said(resource_type: str, _status: object) -> str:
        return f"{resource_type} is not made by this engine."

    change_set_resource_support_checker._build_resource_failure_message = said


def know_stack_outputs() -> None:
    """Let templates read other stacks' outputs (Fn::GetStackOutput): LocalStack has a closed list of functions."""
    from lab_localstack.cloudformation import stack_outputs

    stack_outputs.install()


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


def make_fair_queues() -> None:
    """Put a subclass in the place of standard queues, which LocalStack names where it makes them."""
    from localstack.services.sqs import provider

    from lab_localstack.sqs.fairness import FairQueue

    provider.StandardQueue = FairQueue


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


def find_names_before_an_index() -> None:
    """Let projections find the name in `#a[0]`: moto looks for one of that text, and leaves the attribute out."""
    from moto.dynamodb.responses import ProjectionExpressionParser

    parse = ProjectionExpressionParser.parse

    def named(parser: ProjectionExpressionParser, step: str) -> str:
        token, bracket, index = step.partition("[")
        if not bracket or token not in parser.expression_attribute_names:
            return step
        parser.expr_attr_names_found.append(token)
        return parser.expression_attribute_names[token] + bracket + index

    def parsed(parser: ProjectionExpressionParser) -> list[list[str]]:
        return [[named(parser, step) for step in path] for path in parse(parser)]

    cast("Any", ProjectionExpressionParser).parse = parsed


def write_numbers_as_dynamodb_does() -> None:
    """Let equal numbers be written equally: keys, cursors and sets of moto compare them as texts."""
    from decimal import Decimal, InvalidOperation

    from moto.dynamodb.models.dynamo_type import DynamoType

    kind: Any = DynamoType
    make = kind.__init__

    def plain(text: str) -> bool:
        return text.isascii() and text.isdecimal() and (text[0] != "0" or text == "0")

    def canonical(text: str) -> str:
        try:
            number = Decimal(text).normalize()
        except InvalidOperation:
            return text
        return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 40 else str(text)

    def made(self: Any, given: Any) -> None:
        make(self, given)
        if self.type == "N" and isinstance(self.value, str) and not plain(self.value):
            self.value = canonical(self.value)

    kind.__init__ = made


def transform_as_eventbridge_does() -> None:
    """Give targets what a template makes of an event, also where that is false, 0 or empty."""
    from localstack.services.events import target

    from lab_localstack import documents
    from lab_localstack.events.input_transformer import rendered, values_of

    module: Any = target

    def process_event(self: Any, event: Any, trace_header: Any) -> None:
        event.pop("event-bus-name", None)
        if text := self.target.get("Input"):
            event = documents.loads(text)
        elif path := self.target.get("InputPath"):
            event = module.transform_event_with_target_input_path(path, event)
            if event == []:  # the event has no such path
                return
        elif transformer := self.target.get("InputTransformer"):
            event = self.transform_event_with_target_input_transformer(transformer, event)
        self.send_event(event, trace_header)

    module.get_template_replacements, module.replace_template_placeholders = values_of, rendered
    module.TargetSender.process_event = process_event


@cache
def match_as_event_ruler_does() -> None:
    """Ask event patterns and filter policies as AWS does.

    LocalStack's matchers take fields of different elements of an array together and true for 1, raise where an operator
    meets a value of another type, and take the product of all lists of a document: two of 100,000 members fill the
    memory.
    """
    from localstack.services.events.event_rule_engine import EventRuleEngine
    from localstack.services.sns.filter import SubscriptionFilter

    from lab_localstack.events.matching import fields_of, fields_of_attributes, matches

    def in_document(flatten: Callable[[Any], list[Any]]) -> Callable[..., bool]:
        def matched(_self: Any, pattern: Any, payload: Any) -> bool:
            patterns = flatten(pattern)
            return matches(patterns, fields_of(payload, patterns))

        return matched

    def in_attributes(_self: Any, filter_policy: Any, message_attributes: Any) -> bool:
        return matches(
            SubscriptionFilter.flatten_policy(filter_policy), fields_of_attributes(message_attributes or {})
        )

    read_json_within_bounds("events.event_rule_engine", "sns.filter")
    events, policies = cast("tuple[Any, Any]", (EventRuleEngine, SubscriptionFilter))
    events._evaluate_nested_event_pattern_on_dict = in_document(EventRuleEngine.flatten_pattern)
    policies._evaluate_nested_filter_policy_on_dict = in_document(SubscriptionFilter.flatten_policy)
    policies.check_filter_policy_on_message_attributes = in_attributes
