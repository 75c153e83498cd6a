"""How Lambda runs functions, and feeds them from queues."""

import json

from lab.common.polling import wait_for
from lab.errors import LabError
from lab.parity.probe import documented, feature, recorded
from lab.parity.workbench import Workbench


@feature(
    "Lambda",
    "a function that runs too long",
    "Sandbox.Timedout",
    documented("Lambda guide, Troubleshoot invocation issues"),
)
def _(bench: Workbench) -> str:
    function = bench.function("import time\ndef handler(event, context): time.sleep(20)", Timeout=1)
    return bench.invoke(function)[0].get("errorType", "no errorType")


@feature(
    "Lambda",
    "the process of a function ends",
    "Runtime.ExitError",
    recorded("LocalStack: test_lambda_runtime_exit"),
)
def _(bench: Workbench) -> str:
    function = bench.function("import os\ndef handler(event, context): os._exit(1)")
    return bench.invoke(function)[0].get("errorType", "no errorType")


@feature(
    "Lambda",
    "reserved concurrency of 0",
    "TooManyRequestsException",
    documented("Lambda guide, Configuring reserved concurrency"),
)
def _(bench: Workbench) -> str:
    function = bench.function("def handler(event, context): return 1")
    lambda_ = bench.client("lambda")
    lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    return bench.refused(lambda_.invoke, FunctionName=function)


@feature(
    "Lambda",
    "a response over 6 MB",
    "Function.ResponseSizeTooLarge",
    documented("Lambda guide, Lambda quotas"),
)
def _(bench: Workbench) -> str:
    function = bench.function("def handler(event, context): return 'x' * 7_000_000")
    answer, failed = bench.invoke(function)
    return answer.get("errorType", "no errorType") if failed else "accepted"


@feature(
    "Lambda",
    "400 MB used with MemorySize 128",
    "Runtime.ExitError: signal: killed",
    recorded("awslabs/amazon-s3-find-and-forget pull request 283"),
)
def _(bench: Workbench) -> str:
    function = bench.function(
        "def handler(event, context): return len(bytearray(400 * 1024 * 1024))", MemorySize=128
    )
    answer, failed = bench.invoke(function)
    return f"{answer['errorType']}: {_reason(answer)}" if failed else "no memory limit"


@feature(
    "Lambda",
    "the same with LAB_IAM=enforce",
    "AccessDenied",
    documented("IAM guide, Policy evaluation logic"),
    with_iam=True,
)
@feature(
    "Lambda",
    "a call that the function's role does not allow",
    "AccessDenied",
    documented("IAM guide, Policy evaluation logic"),
    with_iam=False,
)
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


@feature(
    "Lambda",
    "a file in /tmp that another function wrote",
    "FileNotFoundError",
    documented("Lambda guide, Execution environment"),
)
def _(bench: Workbench) -> str:
    writes = bench.function("def handler(event, context): open('/tmp/probe', 'w').close()")
    bench.invoke(writes)
    reads = bench.function("def handler(event, context): open('/tmp/probe').close()")
    answer, failed = bench.invoke(reads)
    return answer["errorType"] if failed else "the file is there"


@feature(
    "Lambda",
    "an AWS_LAMBDA_EXEC_WRAPPER that does not exist",
    "Runtime.ExitError: exit status 127",
    recorded("LocalStack: test_lambda_runtime_wrapper_not_found"),
)
def _(bench: Workbench) -> str:
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/does-not-exist"}
    function = bench.function("def handler(event, context): return {}", Environment={"Variables": variables})
    answer = bench.invoke(function)[0]
    return f"{answer['errorType']}: {_reason(answer)}" if "errorType" in answer else "the function runs"


@feature(
    "Lambda",
    "the first line of a function's log",
    "INIT_START",
    documented("Lambda guide, Viewing CloudWatch logs for Lambda functions"),
)
def _(bench: Workbench) -> str:
    function = bench.function("def handler(event, context): return 1")
    bench.invoke(function)
    logs, group = bench.client("logs"), f"/aws/lambda/{function}"
    bench.afterwards(logs.delete_log_group, logGroupName=group)

    def first() -> str:
        try:
            events = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return ""
        return events[0]["message"].split()[0] if events else ""

    return wait_for("the function's log", first, bool, within=15)


@feature(
    "Lambda",
    "an alias that sends 1 of 2 invocations to another version",
    "both versions answer",
    documented("Lambda guide, Lambda alias routing configuration"),
)
def _(bench: Workbench) -> str:
    lambda_ = bench.client("lambda")
    function = bench.function("def handler(event, context): return context.function_version")
    versions = [lambda_.publish_version(FunctionName=function)["Version"]]
    lambda_.update_function_configuration(FunctionName=function, Description="another")
    bench.wait_until_active(function)
    versions.append(lambda_.publish_version(FunctionName=function)["Version"])
    weights = {"AdditionalVersionWeights": {versions[1]: 0.5}}
    lambda_.create_alias(
        FunctionName=function, Name="live", FunctionVersion=versions[0], RoutingConfig=weights
    )
    answered = {bench.invoke(f"{function}:live")[0] for _ in range(20)}
    return "both versions answer" if len(answered) == 2 else f"only version {answered.pop()} answers"


@feature(
    "SQS to Lambda",
    "a batch item failure with an unknown id",
    "the whole batch is delivered again",
    documented("Lambda guide, Handling errors for an SQS event source"),
)
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


@feature(
    "SQS to Lambda",
    "batchItemFailures with a null id, an empty id, a wrong key, no list",
    "each batch is delivered again",
    documented("Lambda guide, Handling errors for an SQS event source"),
)
def _(bench: Workbench) -> str:
    wrong = [[{"itemIdentifier": None}], [{"itemIdentifier": ""}], [{"id": "x"}], "none"]
    again = _delivered_again(bench, [{"batchItemFailures": failures} for failures in wrong])
    return "each batch is delivered again" if again == len(wrong) else f"{again} of {len(wrong)} batches are"


@feature(
    "SQS to Lambda",
    "an empty or null batchItemFailures, an empty or null response",
    "each batch is done",
    documented("Lambda guide, Handling errors for an SQS event source"),
)
def _(bench: Workbench) -> str:
    right: list[object] = [{"batchItemFailures": []}, {"batchItemFailures": None}, {}, None]
    again = _delivered_again(bench, right)
    return f"{again} of {len(right)} batches are delivered again" if again else "each batch is done"


def _reason(answer: dict[str, str]) -> str:
    """Of `... Error: Runtime exited with error: REASON`, the reason."""
    return answer["errorMessage"].rpartition("with error: ")[2]


def _delivered_again(bench: Workbench, responses: list[object]) -> int:
    """How many batches of one message come back after a function has answered the first time with these responses."""
    source, arn = bench.queue(VisibilityTimeout="3")
    seen, _arn = bench.queue()
    function = bench.function(
        f"""
        import boto3, json
        def handler(event, context):
            record = event["Records"][0]
            count = int(record["attributes"]["ApproximateReceiveCount"])
            boto3.client("sqs").send_message(QueueUrl="{seen}", MessageBody=json.dumps([record["messageId"], count]))
            return json.loads(record["body"]) if count == 1 else None
        """,
        Timeout=3,
        Role=bench.role("sqs:*"),
    )
    lambda_, sqs = bench.client("lambda"), bench.client("sqs")
    mapping = lambda_.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=arn,
        BatchSize=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    bench.afterwards(lambda_.delete_event_source_mapping, UUID=mapping["UUID"])
    for response in responses:
        sqs.send_message(QueueUrl=source, MessageBody=json.dumps(response))
    receives: dict[str, int] = {}

    def look() -> str:
        for message in sqs.receive_message(QueueUrl=seen, MaxNumberOfMessages=10).get("Messages", []):
            name, count = json.loads(message["Body"])
            receives[name] = max(count, receives.get(name, 0))
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        left = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=names)["Attributes"]
        return f"{len(receives)} received, {sum(map(int, left.values()))} left"

    wait_for(
        "all batches to be done", look, lambda seen: seen == f"{len(responses)} received, 0 left", within=40
    )
    return sum(count > 1 for count in receives.values())
