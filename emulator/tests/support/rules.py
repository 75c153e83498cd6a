"""The engine's rules in its own environment: each line of standard input is a text (as JSON), of which every rule is
asked; each line of standard output lists the rules that did anything but answer or refuse, with their tracebacks.

Run by test_hostile_text.py; imports nothing of this repository but the emulator.
"""

import itertools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

from localstack.aws.api import ServiceException
from localstack.services.events import target
from localstack.services.events.utils import format_event, to_json_str
from localstack.services.sns.filter import SubscriptionFilter
from localstack.utils.event_matcher import matches_event

from lab_localstack import documents
from lab_localstack.apigatewayv2 import authorizers, gateway, policy
from lab_localstack.apigatewayv2.errors import GatewayError
from lab_localstack.apigatewayv2.payload import encode_body, response_of
from lab_localstack.corrections import patches
from lab_localstack.events import entries
from lab_localstack.events.matching import fields_of, matches
from lab_localstack.iam.policy import UnservedPolicyError, parse
from lab_localstack.lambda_ import report, sqs_records
from lab_localstack.lambda_.event_source_mapping import QueuePoller
from lab_localstack.logs import insights
from lab_localstack.logs.emf import embedded_metrics
from lab_localstack.logs.line import LogLine
from lab_localstack.logs.metric_filters import checked
from lab_localstack.logs.patterns import compile_pattern
from lab_localstack.sqs import limits

patches.match_as_event_ruler_does()
patches.read_json_within_bounds("events.utils", "events.target")
patches.take_input_paths_of_any_event()
patches.transform_as_eventbridge_does()

CONDITIONS: list[Any] = [
    [5],
    ["x"],
    [None],
    [{"exists": False}],
    [{"prefix": "x"}],
    [{"prefix": {"equals-ignore-case": "x"}}],
    [{"suffix": {"equals-ignore-case": "x"}}],
    [{"equals-ignore-case": "x"}],
    [{"anything-but": ["x", 1]}],
    [{"anything-but": {"prefix": "x"}}],
    [{"numeric": [">", 0, "<=", 1e9]}],
    [{"cidr": "10.0.0.0/8"}],
    [{"wildcard": "*x*y*"}],
]
"""Of a rule or a filter, which has one each."""
NAMES = ("a", "b", "a.b", "")
LOG_PATTERNS = [
    compile_pattern(text)
    for text in (
        "",
        "x -y",
        "?x ?y",
        "{ $.a = 1 }",
        "{ $.a != 1 && $.b > 0.5 }",
        '{ $.a = "*x*y*z" || $.b = 1e3 }',
        "{ $.a IS NULL || $.a NOT EXISTS }",
        "{ !($.a[0].b = x) }",
        "{ $.*.a = %x+% }",
        "[a, b]",
        "[a, ..., b > 5]",
        "[..., a = *x*]",
    )
]
QUERIES = (
    "fields @message, a, a.b, `a.0` | sort a desc, @timestamp | limit 20",
    "filter a > 0 or b like /x/ or a in [1, 'x'] | stats count(*), sum(a), avg(a), min(b), max(b), pct(a, 99) by a",
    "stats count_distinct(a), sum(b) by bin(1m)",
    "fields @duration, @maxMemoryUsed | filter ispresent(@type) | sort @duration",
)
METRIC = {"metricNamespace": "n", "metricName": "m", "metricValue": "$.a", "dimensions": {"d": "$.b"}}
METRIC_FILTERS = [
    checked("f", "g", pattern, [METRIC | {"metricValue": value, "dimensions": dimensions}])
    for pattern, value, dimensions in (
        ("{ $.a EXISTS }", "$.a", {"d": "$.b"}),
        ("{ $.a EXISTS }", "$.b", {}),
        ("[a, b]", "$a", {"d": "$b"}),
    )
]


def rule(*refusals: type[Exception]) -> Callable[[Callable[[str], Any]], Callable[[str], Any]]:
    """One thing that is asked of every text, and how it may refuse."""

    def registered(ask: Callable[[str], Any]) -> Callable[[str], Any]:
        RULES.append((ask, refusals))
        return ask

    return registered


RULES: list[tuple[Callable[[str], Any], tuple[type[Exception], ...]]] = []


@rule(json.JSONDecodeError)
def reading(text: str) -> None:
    document = documents.loads(text)
    if "Infinity" not in text:  # a text of that name is not a number
        assert documents.loads(json.dumps(document).replace("Infinity", "1e999")) == document


@rule()
def filters_of_a_mapping(text: str) -> None:
    mapping = SimpleNamespace()
    for number, condition in enumerate(CONDITIONS):
        name = NAMES[number % len(NAMES)]
        mapping.filter_patterns = [{"body": {name: condition, "c": {"d": condition}}}]
        record = {"messageId": "m", "body": text, "messageAttributes": {"a": {"stringValue": text}}}
        QueuePoller.filter_events(cast("Any", mapping), [sqs_records.as_filtered(record)])


@rule(sqs_records.BatchFailedError)
def answer_of_a_batch(text: str) -> None:
    sqs_records.failed_message_ids(text.encode("utf-8", "surrogatepass"), {"m"})


@rule()
def error_of_a_function(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    failure = report.init_failed("", raw)
    whole = report.Report("r", 1.0, 128, 64, failure=report.Failure("t", failure.message))
    assert report.TextLog.end(whole)
    assert report.JsonLog.end(whole)
    gateway._error_message(raw)


@rule(GatewayError)
def response_of_a_function(text: str) -> None:
    response_of(text.encode("utf-8", "surrogatepass"))


@rule(GatewayError)
def answer_of_an_authorizer(text: str) -> None:
    asked = SimpleNamespace(authorizer_uri="", enable_simple_response=False)
    answer = authorizers._ask(asked, {}, lambda _uri, _event: text.encode("utf-8", "surrogatepass"))
    authorizers._allowed(asked, answer, "arn:aws:execute-api:us-east-1:0:a/s/GET/")


@rule(KeyError, TypeError, ValueError, AttributeError)
def policy_of_an_authorizer(text: str) -> None:
    policy.allows(documents.loads(text), "arn:aws:execute-api:us-east-1:0:a/s/GET/")


@rule(UnservedPolicyError)
def policy_of_a_role(text: str) -> None:
    parse(text)


@rule(ServiceException)
def attributes_of_a_queue(text: str) -> None:
    for name in (*limits.QUEUE_ATTRIBUTES, "RedrivePolicy"):
        limits.require_queue_attributes({name: text})


@rule(ServiceException)
def attributes_of_a_message(text: str) -> None:
    limits.require_message(0, {"a": {"DataType": "Number", "StringValue": text}, text: {}})


@rule()
def body_of_a_request(text: str) -> None:
    json.dumps(encode_body(text.encode("utf-8", "surrogatepass"), "application/json"))


@rule()
def log_line(text: str) -> None:
    line = LogLine(text)
    for pattern in LOG_PATTERNS:
        if pattern.matches(line):
            pattern.value(line, "$.a")
            pattern.value(line, "$a")
    for metric_filter in METRIC_FILTERS:
        metric_filter.apply([(line, time.time())], "0", "us-east-1")


@rule()
def embedded_metric(text: str) -> None:
    for metric in embedded_metrics(LogLine(text)):
        assert all(abs(value) <= 2.0**360 for value in metric.values)


@rule()
def query_of_logs(text: str) -> None:
    texts = ('{"a":1,"b":"x"}', text, "a:1")
    events = [
        insights.Event(message, number, number, "s", "g", str(number)) for number, message in enumerate(texts)
    ]
    assert len(insights.run(QUERIES[0], events).rows) == 3
    for query in QUERIES[1:]:
        insights.run(query, events)


@rule()
def event(text: str) -> None:
    entry: Any = {"Source": text, "DetailType": text, "Detail": text}
    entries.size(entry)
    if entries.failure(entry):
        return
    formatted: Any = format_event(entry, "us-east-1", "0", "bus")
    json.loads(to_json_str(formatted), parse_constant=lambda constant: 1 / 0)
    for number, condition in enumerate(CONDITIONS):
        matches_event(json.dumps({"detail": {NAMES[number % len(NAMES)]: condition}}), formatted)
    for path in ("$.detail", "$.detail.a", "$.detail.a[0]"):
        target.transform_event_with_target_input_path(path, formatted)
    given: Any = {"InputPathsMap": {"a": "$.detail.a"}, "InputTemplate": '{"a": <a>}'}
    target.replace_template_placeholders(
        given["InputTemplate"], target.get_template_replacements(given, formatted)
    )


@rule()
def message_of_a_topic(text: str) -> None:
    rules = SubscriptionFilter()
    for number, condition in enumerate(CONDITIONS):
        name = NAMES[number % len(NAMES)]
        rules.check_filter_policy_on_message_body({name: condition, "c": {"d": condition}}, text)
        attribute = {"DataType": "String", "StringValue": text}
        rules.check_filter_policy_on_message_attributes({"a": condition}, {"a": attribute})


@rule(json.JSONDecodeError)
def matching_says_what_every_choice_of_elements_says(text: str) -> None:
    """Of small documents only: there is a choice for every array."""
    document = documents.loads(text)
    if len(text) > 200 or not isinstance(document, dict):
        return
    for condition in CONDITIONS:
        if condition == [{"exists": False}]:
            continue
        for pattern in (
            {"a": condition, "b": condition},
            {"a.b": condition, "a.c": condition},
            {"": condition, "a.b": condition},
        ):
            chosen = (matches([pattern], fields_of(choice, [pattern])) for choice in choices(document))
            assert matches([pattern], fields_of(document, [pattern])) == any(chosen), pattern


def choices(value: Any) -> Iterator[Any]:
    """The value with one element at most of what has elements of its own in each array."""
    if isinstance(value, dict):
        for made in itertools.product(*(list(choices(child)) for child in value.values())):
            yield dict(zip(value, made, strict=True))
    elif isinstance(value, list):
        plain = [element for element in value if not isinstance(element, dict | list)]
        yield plain
        for element in value:
            if isinstance(element, dict | list):
                yield from ([*plain, made] for made in choices(element))
    else:
        yield value


def main() -> None:
    for line in sys.stdin:
        text: str = json.loads(line)
        failed: list[tuple[str, str]] = []
        for ask, refusals in RULES:
            began = time.process_time()  # on a busy machine time passes without it
            try:
                ask(text)
            except refusals:
                pass
            except Exception:  # noqa: BLE001  the test says which
                failed.append((ask.__name__, traceback.format_exc()[-2000:]))
            if (took := time.process_time() - began) > 2:
                failed.append((ask.__name__, f"took {took:.1f} s"))
        sys.stdout.write(json.dumps(failed) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
