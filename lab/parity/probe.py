"""Asks the engine for one feature after the other and compares the answers with what AWS documents."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from lab.common.polling import wait_for
from lab.common.results import Result, Verdict
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.parity.workbench import Workbench, workbench

ECHO = "def handler(event, context): return event"

type Ask = Callable[[Workbench], str]


@dataclass(frozen=True)
class Feature:
    """One feature: what is asked, and the answer that AWS documents.

    `with_iam` says which engines can be asked: those that check the calls of functions (LAB_IAM=enforce), those that
    do not, or, where it is None, all.
    """

    area: str
    name: str
    documented: str
    ask: Ask
    with_iam: bool | None = None


FEATURES: list[Feature] = []


def run(aws: Aws, *, enforces_iam: bool = False) -> Iterator[Result]:
    """Ask an engine, which checks the calls of functions or does not, for every feature it can be asked for."""
    for feature in FEATURES:
        if feature.with_iam in (None, enforces_iam):
            yield answer(aws, feature)


def answer(aws: Aws, feature: Feature) -> Result:
    """Ask for one feature; an error is an answer, too, but nothing is known of an engine that cannot be reached."""
    unreachable = False
    with workbench(aws) as bench:
        try:
            answered = feature.ask(bench)
        except (ClientError, BotoCoreError, LabError, httpx.HTTPError, ValueError) as error:
            answered = " ".join(str(error).split())[:120]
            unreachable = isinstance(error, EndpointConnectionError | httpx.ConnectError)
    return Result(
        group=feature.area,
        name=feature.name,
        expected=feature.documented,
        seen=answered,
        verdict=Verdict.UNREAD if unreachable else Verdict.of(answered == feature.documented),
    )


def feature(area: str, name: str, documented: str, *, with_iam: bool | None = None) -> Callable[[Ask], Ask]:
    """Register a question."""

    def register(ask: Ask) -> Ask:
        FEATURES.append(Feature(area, name, documented, ask, with_iam))
        return ask

    return register


@feature("Lambda", "a function that runs too long", "Sandbox.Timedout")
def _(bench: Workbench) -> str:
    function = bench.function("import time\ndef handler(event, context): time.sleep(20)", Timeout=1)
    return bench.invoke(function)[0].get("errorType", "no errorType")


@feature("Lambda", "the process of a function ends", "Runtime.ExitError")
def _(bench: Workbench) -> str:
    function = bench.function("import os\ndef handler(event, context): os._exit(1)")
    return bench.invoke(function)[0].get("errorType", "no errorType")


@feature("Lambda", "reserved concurrency of 0", "TooManyRequestsException")
def _(bench: Workbench) -> str:
    function = bench.function("def handler(event, context): return 1")
    lambda_ = bench.client("lambda")
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    return bench.refused(lambda_.invoke, FunctionName=function)


@feature("Lambda", "a response over 6 MB", "Function.ResponseSizeTooLarge")
def _(bench: Workbench) -> str:
    function = bench.function("def handler(event, context): return 'x' * 7_000_000")
    answer, failed = bench.invoke(function)
    return answer.get("errorType", "no errorType") if failed else "accepted"


@feature("Lambda", "400 MB used with MemorySize 128", "the function fails")
def _(bench: Workbench) -> str:
    function = bench.function(
        "def handler(event, context): return len(bytearray(400 * 1024 * 1024))", MemorySize=128
    )
    return "the function fails" if bench.invoke(function)[1] else "no memory limit"


@feature("Lambda", "the same with LAB_IAM=enforce", "AccessDenied", with_iam=True)
@feature("Lambda", "a call that the function's role does not allow", "AccessDenied", with_iam=False)
def _(bench: Workbench) -> str:
    function = bench.function(
        """
        import boto3
        def handler(event, context):
            try:
                boto3.client("sqs").list_queues()
            except Exception as error:
                return error.response["Error"]["Code"]
            return "allowed: IAM is not enforced"
        """
    )
    return bench.invoke(function)[0]


@feature("SQS to Lambda", "a batch item failure with an unknown id", "the whole batch is delivered again")
def _(bench: Workbench) -> str:
    source, arn = bench.queue(VisibilityTimeout="5")
    seen, _seen_arn = bench.queue()
    function = bench.function(
        f"""
        import boto3
        def handler(event, context):
            sqs = boto3.client("sqs")
            for record in event["Records"]:
                count = record["attributes"]["ApproximateReceiveCount"]
                sqs.send_message(QueueUrl="{seen}", MessageBody=count)
            return {{"batchItemFailures": [{{"itemIdentifier": "unknown"}}]}} if count == "1" else None
        """,
        Timeout=3,
        Role=bench.role("sqs:*"),
    )
    lambda_, sqs = bench.client("lambda"), bench.client("sqs")
    mapping = lambda_.create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    bench.afterwards(lambda_.delete_event_source_mapping, UUID=mapping["UUID"])
    sqs.send_message(QueueUrl=source, MessageBody="one")
    counts: list[str] = []

    def receive() -> list[str]:
        counts.extend(m["Body"] for m in sqs.receive_message(QueueUrl=seen).get("Messages", []))
        return counts

    try:
        wait_for("a second delivery", receive, lambda seen: "2" in seen, within=20)
    except LabError:
        return f"deliveries {counts}"
    return "the whole batch is delivered again"


@feature("HTTP API", "a request without the authorizer's identity source", "401, then 200 with it")
def _(bench: Workbench) -> str:
    url = bench.http_api(ECHO, authorizer="def handler(event, context): return {'isAuthorized': True}")
    without = httpx.get(url, timeout=30, trust_env=False).status_code
    with_it = httpx.get(url, headers={"Authorization": "x"}, timeout=30, trust_env=False).status_code
    return f"{without}, then {with_it} with it"


@feature("HTTP API", "payload format", "2.0, GET /probe")
def _(bench: Workbench) -> str:
    event = httpx.get(bench.http_api(ECHO), timeout=30, trust_env=False).json()
    return f"{event['version']}, {event['routeKey']}"


@feature("HTTP API", "3 requests at once with rate 1 and burst 1", "429 among them")
def _(bench: Workbench) -> str:
    url = bench.http_api(ECHO, throttle={"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1})
    seen = {httpx.get(url, timeout=30, trust_env=False).status_code for _ in range(3)}
    return "429 among them" if 429 in seen else f"only {seen}"


@feature("SQS", "DelaySeconds 901", "InvalidParameterValue")
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    sqs = bench.client("sqs")
    code = bench.refused(sqs.send_message, QueueUrl=url, MessageBody="x", DelaySeconds=901)
    return code.removeprefix("AWS.SimpleQueueService.")


@feature("SQS", "a message of 1 MiB", "accepted")
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    return bench.refused(bench.client("sqs").send_message, QueueUrl=url, MessageBody="x" * 1_048_576)


@feature("SQS", "a message of 1 MiB and one byte", "InvalidParameterValue")
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    return bench.refused(bench.client("sqs").send_message, QueueUrl=url, MessageBody="x" * 1_048_577)


@feature("SQS", "11 message attributes", "InvalidParameterValue")
def _(bench: Workbench) -> str:
    url, _arn = bench.queue()
    attributes = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    return bench.refused(
        bench.client("sqs").send_message, QueueUrl=url, MessageBody="x", MessageAttributes=attributes
    )


@feature("SQS", "a message moved by StartMessageMoveTask", "a new message id")
def _(bench: Workbench) -> str:
    sqs = bench.client("sqs")
    dlq, dlq_arn = bench.queue()
    source, _arn = bench.queue(
        VisibilityTimeout="0",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": "1"}),
    )
    sqs.send_message(QueueUrl=source, MessageBody="x")

    def dead() -> list[dict[str, Any]]:
        sqs.receive_message(QueueUrl=source)
        return sqs.receive_message(QueueUrl=dlq, VisibilityTimeout=0).get("Messages", [])

    before = wait_for("the message in the DLQ", dead, bool, within=15)[0]["MessageId"]
    sqs.start_message_move_task(SourceArn=dlq_arn)
    moved = wait_for(
        "the moved message",
        lambda: sqs.receive_message(QueueUrl=source, VisibilityTimeout=30).get("Messages", []),
        bool,
        within=15,
    )
    return "a new message id" if moved[0]["MessageId"] != before else "the same message id"


@feature("DynamoDB", "a BatchWriteItem of 26 items", "ValidationException")
def _(bench: Workbench) -> str:
    table = bench.table()
    items = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(26)]
    return bench.refused(bench.client("dynamodb").batch_write_item, RequestItems={table: items})


@feature("DynamoDB", "a transaction whose condition fails", "TransactionCanceledException")
def _(bench: Workbench) -> str:
    table = bench.table()
    put = {"TableName": table, "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_exists(id)"}
    return bench.refused(bench.client("dynamodb").transact_write_items, TransactItems=[{"Put": put}])


@feature("DynamoDB", "an item whose TTL has passed", "deleted within days")
def _(bench: Workbench) -> str:
    dynamodb, table = bench.client("dynamodb"), bench.table()
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    item = {"id": {"S": "1"}, "expires": {"N": str(int(time.time()) - 60)}}
    dynamodb.put_item(TableName=table, Item=item)
    began = time.monotonic()
    try:
        wait_for(
            "the item to go",
            lambda: dynamodb.get_item(TableName=table, Key={"id": {"S": "1"}}).get("Item"),
            lambda item: item is None,
            within=15,
        )
    except LabError:
        return "still there after 15 s"
    return f"deleted within {math.ceil(time.monotonic() - began)} s"


@feature("EventBridge", "PutEvents with 11 entries", "ValidationException")
def _(bench: Workbench) -> str:
    entry = {"Source": "lab.probe", "DetailType": "x", "Detail": "{}"}
    return bench.refused(bench.client("events").put_events, Entries=[entry] * 11)


@feature("CloudWatch Logs", "FilterLogEvents with { $.n > 1 }", "1 of 2 events")
def _(bench: Workbench) -> str:
    logs = bench.client("logs")
    group = _logged(bench, ['{"n": 1}', '{"n": 2}'])
    found = logs.filter_log_events(logGroupName=group, filterPattern="{ $.n > 1 }")["events"]
    return f"{len(found)} of 2 events"


@feature("CloudWatch Logs", "Insights: filter and stats", "count 1")
def _(bench: Workbench) -> str:
    logs = bench.client("logs")
    group = _logged(bench, ['{"level": "ERROR"}', '{"level": "INFO"}'])
    query = logs.start_query(
        logGroupName=group,
        startTime=int(time.time()) - 600,
        endTime=int(time.time()) + 60,
        queryString="filter level = 'ERROR' | stats count(*) as n",
    )["queryId"]
    answer = wait_for(
        "the query",
        lambda: logs.get_query_results(queryId=query),
        lambda answer: answer["status"] in ("Complete", "Failed"),
        within=20,
    )
    return f"count {answer['results'][0][0]['value']}" if answer["results"] else answer["status"]


@feature("CloudWatch Logs", "a metric filter with a pattern", "Sum 1.0")
def _(bench: Workbench) -> str:
    logs, namespace = bench.client("logs"), bench.name()
    group, stream = bench.log_group()
    logs.put_metric_filter(
        logGroupName=group,
        filterName="probe",
        filterPattern='{ $.event = "yes" }',
        metricTransformations=[{"metricName": "Seen", "metricNamespace": namespace, "metricValue": "1"}],
    )
    _put(bench, group, stream, ['{"event": "yes"}', '{"event": "no"}'])
    return _sum(bench, namespace, "Seen")


@feature("CloudWatch Logs", "embedded metric format", "Sum 3.0")
def _(bench: Workbench) -> str:
    namespace = bench.name()
    directive: dict[str, Any] = {"Namespace": namespace, "Dimensions": [[]], "Metrics": [{"Name": "Orders"}]}
    head: dict[str, Any] = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    _logged(bench, [json.dumps({"_aws": head, "Orders": 3})])
    return _sum(bench, namespace, "Orders")


@feature("CloudWatch", "p90 of 1 to 10", "9.0")
def _(bench: Workbench) -> str:
    cloudwatch, namespace = bench.client("cloudwatch"), bench.name()
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "Took", "Values": [float(n) for n in range(1, 11)]}]
    )
    now = time.time()
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Took",
        StartTime=now - 300,
        EndTime=now + 60,
        Period=300,
        ExtendedStatistics=["p90"],
    )["Datapoints"]
    return str(max(point["ExtendedStatistics"]["p90"] for point in points)) if points else "no data"


@feature("CloudWatch", "an alarm whose metric rises and falls (period 10 s)", "ALARM, then OK")
def _(bench: Workbench) -> str:
    cloudwatch, name = bench.client("cloudwatch"), bench.name()
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Depth",
        Statistic="Maximum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    bench.afterwards(cloudwatch.delete_alarms, AlarmNames=[name])

    def state() -> str:
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Depth", "Value": 1}])
    wait_for("ALARM", state, lambda seen: seen == "ALARM", within=30)
    wait_for("OK", state, lambda seen: seen == "OK", within=60)
    return "ALARM, then OK"


def _logged(bench: Workbench, messages: list[str]) -> str:
    group, stream = bench.log_group()
    _put(bench, group, stream, messages)
    return group


def _put(bench: Workbench, group: str, stream: str, messages: list[str]) -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    bench.client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _sum(bench: Workbench, namespace: str, metric: str) -> str:
    """The metric's sum of the last minutes, once there is one."""
    cloudwatch = bench.client("cloudwatch")

    def look() -> list[Any]:
        now = time.time()
        return cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            StartTime=now - 300,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]

    try:
        return f"Sum {sum(point['Sum'] for point in wait_for('a data point', look, bool, within=15))}"
    except LabError:
        return "no metric"
