"""What HTTP APIs tell of their requests: metrics in AWS/ApiGateway and access logs."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from support import functions
from support.eventually import eventually
from support.functions import Function
from support.http_apis import HttpApi
from support.metrics import points

pytestmark = pytest.mark.evidence("documented", source="API Gateway guide, Monitor HTTP APIs")

type Aws = Callable[..., Any]

FORMAT = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "ip": "$context.identity.sourceIp",
    "agent": "$context.identity.userAgent",
    "time": "$context.requestTime",
    "epoch": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "protocol": "$context.protocol",
    "routeKey": "$context.routeKey",
    "stage": "$context.stage",
    "api": "$context.apiId",
    "account": "$context.accountId",
    "status": "$context.status",
    "length": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "functionStatus": "$context.integration.status",
    "lambdaStatus": "$context.integration.integrationStatus",
    "integrationError": "$context.integrationErrorMessage",
    "error": "$context.error.message",
    "errorType": "$context.error.responseType",
    "authorizerError": "$context.authorizer.error",
    "user": "$context.authorizer.user",
}

AUTHORIZER = """
    def handler(event, context):
        return {"isAuthorized": event["identitySource"] == ["good"], "context": {"user": 'the "user"'}}
"""


@pytest.fixture
def log_group(aws: Aws) -> Iterator[str]:
    logs, name = aws("logs"), f"/test/access/{uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


def log_settings(group: str, log_format: str | None = None) -> dict[str, str]:
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    return {"DestinationArn": arn, "Format": log_format or json.dumps(FORMAT)}


def lines(aws: Aws, group: str) -> list[str]:
    return [event["message"] for event in aws("logs").filter_log_events(logGroupName=group)["events"]]


def entries(aws: Aws, group: str, count: int) -> list[dict[str, str]]:
    """The access log's entries, oldest first, when there are as many."""
    found = eventually(lambda: len(shown := lines(aws, group)) == count and shown)
    return [json.loads(line) for line in found]


def statistics(aws: Aws, name: str, dimensions: dict[str, str]) -> dict[str, float]:
    """Sum, sample count, average and unit of a metric over the last hour."""
    found = points(aws("cloudwatch"), "AWS/ApiGateway", name, "Sum", "SampleCount", "Average", **dimensions)
    return {
        "Sum": sum(point["Sum"] for point in found),
        "SampleCount": sum(point["SampleCount"] for point in found),
        "Average": max((point["Average"] for point in found), default=0),
    } | {point["Unit"]: 1 for point in found}


def test_each_request_counts_for_the_api_and_for_its_stage(
    aws: Aws, api: HttpApi, scripted: Function
) -> None:
    api.route("POST /", scripted.arn)
    api.stage()
    for returned in ({"statusCode": 200}, {"statusCode": 404}, {"statusCode": 503, "body": "x" * 1000}):
        api.http.post("/", json={"return": returned, "sleep": 0.05})
    api.http.get("/nowhere")
    of_api, of_stage = {"ApiId": api.id}, {"ApiId": api.id, "Stage": "$default"}
    for dimensions in (of_api, of_stage):
        eventually(lambda d=dimensions: statistics(aws, "Count", d)["Sum"] == 4)
        assert statistics(aws, "Count", dimensions)["SampleCount"] == 4
        assert statistics(aws, "4xx", dimensions)["Sum"] == 2
        assert statistics(aws, "5xx", dimensions)["Sum"] == 1
        assert statistics(aws, "5xx", dimensions)["Average"] == 0.25
        assert statistics(aws, "DataProcessed", dimensions)["Sum"] > 1000
        latency = statistics(aws, "Latency", dimensions)
        integration = statistics(aws, "IntegrationLatency", dimensions)
        assert (latency["SampleCount"], integration["SampleCount"]) == (4, 3)
        assert latency["Sum"] >= integration["Sum"] >= 3 * 50
        assert "Milliseconds" in latency
        assert "Milliseconds" in integration


def test_an_alarm_on_server_errors_of_the_api_fires(aws: Aws, api: HttpApi, scripted: Function) -> None:
    api.route("POST /", scripted.arn)
    api.stage()
    cloudwatch, name = aws("cloudwatch"), f"test-{uuid4().hex[:8]}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/ApiGateway",
        MetricName="5xx",
        Dimensions=[{"Name": "ApiId", "Value": api.id}],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    try:
        api.http.post("/", json={"error": "broken"})

        def state() -> str:
            return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

        eventually(lambda: state() == "ALARM", within=20)
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_the_access_log_tells_of_each_request_in_the_stages_format(
    aws: Aws, api: HttpApi, scripted: Function, log_group: str
) -> None:
    api.route("POST /orders/{id}", scripted.arn)
    api.stage("v1", AccessLogSettings=log_settings(log_group))
    returned = {"statusCode": 202, "body": "12345"}
    response = api.http.post(
        "/v1/orders/1", json={"return": returned, "sleep": 0.1}, headers={"User-Agent": 'a "quoted" agent'}
    )
    (entry,) = entries(aws, log_group, 1)
    assert entry["requestId"] == entry["extendedRequestId"] == response.headers["Apigw-Requestid"]
    assert entry["ip"]
    assert entry["agent"] == 'a "quoted" agent'
    assert int(entry["epoch"]) > 0
    assert datetime.strptime(entry["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp() == int(entry["epoch"]) // 1000
    shown = ("method", "path", "protocol", "routeKey", "stage", "api", "account", "status", "length")
    assert [entry[name] for name in shown] == [
        "POST",
        "/v1/orders/1",
        "HTTP/1.1",
        "POST /orders/{id}",
        "v1",
        api.id,
        "000000000000",
        "202",
        "5",
    ]
    assert int(entry["latency"]) >= int(entry["integrationLatency"]) >= 100
    assert (entry["functionStatus"], entry["lambdaStatus"]) == ("202", "200")
    for name in ("integrationError", "error", "errorType", "authorizerError", "user"):
        assert entry[name] == "-", name


def test_the_access_log_tells_why_a_request_failed(
    aws: Aws, api: HttpApi, scripted: Function, log_group: str
) -> None:
    api.route("POST /", scripted.arn, milliseconds=500)
    api.stage(AccessLogSettings=log_settings(log_group))
    api.http.get("/nowhere")
    api.http.post("/", json={"error": "broken"})
    api.http.post("/", json={"return": 1, "sleep": 1.5})
    missing, failed, slow = entries(aws, log_group, 3)
    assert (missing["status"], missing["error"], missing["routeKey"]) == ("404", "Not Found", "-")
    assert (missing["integrationLatency"], missing["lambdaStatus"]) == ("-", "-")
    assert (failed["status"], failed["integrationError"], failed["lambdaStatus"]) == ("500", "broken", "200")
    assert (failed["error"], failed["functionStatus"]) == ("Internal Server Error", "-")
    assert (slow["status"], slow["error"], slow["errorType"]) == (
        "503",
        "Service Unavailable",
        "INTEGRATION_TIMEOUT",
    )
    assert slow["integrationError"] != "-"


def test_the_access_log_holds_the_authorizers_answer_or_error(
    aws: Aws, api: HttpApi, scripted: Function, log_group: str
) -> None:
    function = functions.create(aws, AUTHORIZER)
    try:
        authorizer = api.authorizer(function.arn)
        api.route("POST /", scripted.arn, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
        api.stage(AccessLogSettings=log_settings(log_group))
        for token in ({}, {"Authorization": "bad"}, {"Authorization": "good"}):
            api.http.post("/", json={"return": 1}, headers=token)
        unauthorized, forbidden, allowed = entries(aws, log_group, 3)
        assert (unauthorized["status"], unauthorized["authorizerError"]) == ("401", "Unauthorized")
        assert (forbidden["status"], forbidden["errorType"]) == ("403", "ACCESS_DENIED")
        assert (allowed["status"], allowed["user"], allowed["authorizerError"]) == ("200", 'the "user"', "-")
    finally:
        function.delete()


def test_a_format_need_not_be_json(aws: Aws, api: HttpApi, scripted: Function, log_group: str) -> None:
    api.route("POST /", scripted.arn)
    api.stage(
        AccessLogSettings=log_settings(
            log_group, '$context.identity.sourceIp "$context.httpMethod $context.path" $context.status'
        )
    )
    api.http.post("/", json={"return": {"statusCode": 201}})
    (line,) = eventually(lambda: lines(aws, log_group))
    assert line.endswith(' "POST /" 201')


def test_without_access_log_settings_nothing_is_logged_any_more(
    aws: Aws, api: HttpApi, scripted: Function, log_group: str
) -> None:
    api.route("POST /", scripted.arn)
    api.stage(AccessLogSettings=log_settings(log_group))
    api.http.post("/", json={"return": 1})
    entries(aws, log_group, 1)
    api.client.delete_access_log_settings(ApiId=api.id, StageName="$default")
    api.http.post("/", json={"return": 2})
    api.client.update_stage(
        ApiId=api.id, StageName="$default", AccessLogSettings=log_settings(log_group, "$context.status")
    )
    api.http.post("/", json={"return": 3})
    eventually(lambda: lines(aws, log_group)[1:] == ["200"])


def test_a_log_group_that_does_not_exist_is_not_made(aws: Aws, api: HttpApi, scripted: Function) -> None:
    name = f"/test/access/{uuid4().hex[:8]}"
    api.route("POST /", scripted.arn)
    api.stage(AccessLogSettings=log_settings(name))
    assert api.http.post("/", json={"return": 1}).status_code == 200
    logs = aws("logs")
    logs.create_log_group(logGroupName=name)
    try:
        api.http.post("/", json={"return": 2})
        entries(aws, name, 1)
    finally:
        logs.delete_log_group(logGroupName=name)
