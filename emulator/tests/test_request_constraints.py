"""What a service's API model says of lengths, ranges and values is checked before anything else, as on AWS."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

type Aws = Callable[..., Any]

TRANSFORMATION = {"metricNamespace": "n", "metricName": "m", "metricValue": "1"}
FILTER = {
    "logGroupName": "g",
    "filterName": "f",
    "filterPattern": "p",
    "metricTransformations": [TRANSFORMATION],
}
MOST_BYTES = "Member must have length less than or equal to"
CASES: tuple[tuple[str, str, dict[str, Any], str, str], ...] = (
    ("logs", "put_metric_filter", FILTER | {"filterName": "x" * 513}, "filterName", f"{MOST_BYTES} 512"),
    ("logs", "put_metric_filter", FILTER | {"metricTransformations": [TRANSFORMATION] * 2},
     "metricTransformations", f"{MOST_BYTES} 1"),
    ("logs", "describe_metric_filters", {"filterNamePrefix": "x" * 513}, "filterNamePrefix", f"{MOST_BYTES} 512"),
    ("logs", "describe_metric_filters", {"metricName": "x" * 256, "metricNamespace": "v"},
     "metricName", f"{MOST_BYTES} 255"),
    ("logs", "describe_metric_filters", {"metricName": "m", "metricNamespace": "x" * 256},
     "metricNamespace", f"{MOST_BYTES} 255"),
    ("logs", "delete_metric_filter", {"logGroupName": "g", "filterName": "x" * 513},
     "filterName", f"{MOST_BYTES} 512"),
    ("logs", "delete_metric_filter", {"logGroupName": "x" * 513, "filterName": "f"},
     "logGroupName", f"{MOST_BYTES} 512"),
    ("logs", "filter_log_events", {"logGroupName": "g", "limit": 10_001},
     "limit", "Member must have value less than or equal to 10000"),
    ("logs", "describe_log_groups", {"limit": 51}, "limit", "Member must have value less than or equal to 50"),
    ("logs", "create_log_group", {"logGroupName": "a b"},
     "logGroupName", r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"),
    ("cloudwatch", "set_alarm_state", {"AlarmName": "none", "StateValue": "INVALID", "StateReason": "r"},
     "stateValue", "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"),
    ("cloudwatch", "describe_alarms", {"AlarmNames": ["x" * 256]}, "alarmNames.1.member", f"{MOST_BYTES} 255"),
)  # fmt: skip
CODES = {"logs": "InvalidParameterException", "cloudwatch": "ValidationError"}


@pytest.mark.evidence("recorded", "moto: test_logs aws_verified; LocalStack: test_set_alarm_invalid_input")
@pytest.mark.parametrize("case", CASES)
def test_value_outside_its_limit_is_refused_with_the_member_and_the_limit(
    aws: Aws, case: tuple[str, str, dict[str, Any], str, str]
) -> None:
    service, operation, request, member, constraint = case
    with pytest.raises(ClientError) as refused:
        getattr(aws(service), operation)(**request)
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == CODES[service]
    assert answer["Error"]["Message"].startswith("1 validation error detected: Value '")
    assert answer["Error"]["Message"].endswith(f"' at '{member}' failed to satisfy constraint: {constraint}")


@pytest.mark.evidence("documented", "Smithy: a request with several faults is told all of them")
def test_request_with_two_faults_is_told_both(aws: Aws) -> None:
    with pytest.raises(ClientError) as refused:
        aws("logs").delete_metric_filter(logGroupName="x" * 513, filterName="a:b")
    message = refused.value.response["Error"]["Message"]
    assert message.startswith("2 validation errors detected: ")
    assert "'logGroupName'" in message
    assert "'filterName'" in message


@pytest.mark.evidence("ours", "values at their limits")
def test_values_at_their_limits_are_taken(aws: Aws) -> None:
    logs, name = aws("logs"), "limit-" + "x" * 506
    logs.create_log_group(logGroupName=name)
    logs.put_metric_filter(
        logGroupName=name, filterName="x" * 512, filterPattern="p", metricTransformations=[TRANSFORMATION]
    )
    assert logs.filter_log_events(logGroupName=name, limit=10_000)["events"] == []
    logs.delete_log_group(logGroupName=name)


@pytest.mark.evidence("recorded", "LocalStack: test_put_delivery_destination_invalid_format")
def test_operation_younger_than_its_services_code_has_its_own(aws: Aws) -> None:
    with pytest.raises(ClientError) as refused:
        aws("logs").put_delivery_destination(
            name="d",
            outputFormat="foobar",
            deliveryDestinationConfiguration={"destinationResourceArn": "arn:aws:s3:::b"},
        )
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value 'foobar' at 'outputFormat' failed to satisfy constraint: "
        "Member must satisfy enum value set: [w3c, raw, json, plain, parquet]",
    }


@pytest.mark.evidence("recorded", "LocalStack: test_set_alarm_invalid_input[json]")
def test_type_of_cloudwatchs_refusal_differs_from_its_code_in_the_query_protocol(aws: Aws) -> None:
    with pytest.raises(ClientError) as by_model:
        aws("cloudwatch").set_alarm_state(AlarmName="none", StateValue="INVALID", StateReason="r")
    with pytest.raises(ClientError) as by_provider:
        aws("cloudwatch").put_metric_alarm(
            AlarmName="a", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1
        )
    for refused in (by_model, by_provider):
        error = refused.value.response["Error"]
        assert (error["Code"], error["QueryErrorCode"]) == ("ValidationError", "ValidationException")


@pytest.mark.evidence("recorded", "LocalStack: test_put_metric_filter_with_special_namespace")
def test_namespace_with_a_colon_is_taken_although_the_model_forbids_it(aws: Aws) -> None:
    logs, namespace = aws("logs"), "A.B-c_d/1#2:metricNamespace"
    logs.create_log_group(logGroupName="colon")
    logs.put_metric_filter(
        logGroupName="colon",
        filterName="f",
        filterPattern="p",
        metricTransformations=[TRANSFORMATION | {"metricNamespace": namespace}],
    )
    (shown,) = logs.describe_metric_filters(metricName="m", metricNamespace=namespace)["metricFilters"]
    logs.delete_log_group(logGroupName="colon")
    assert shown["filterName"] == "f"


@pytest.mark.evidence("recorded", "moto: test_get_log_events_using_arn")
def test_identifier_of_a_log_group_is_refused_without_its_value(aws: Aws) -> None:
    with pytest.raises(ClientError) as refused:
        aws("logs").get_log_events(logGroupIdentifier="arn:aws:logs:x:1:log-group:g:*", logStreamName="s")
    assert refused.value.response["Error"]["Message"] == (
        "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w#+=/:,.@-]*"
    )
