"""What the engine does not do and says so: `lab probe --write` asks, docs/refusals.md shows its words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lab.engines.clients import Aws
from lab.parity.workbench import ROLE, Workbench, workbench

NOT_REFUSED = "not refused"

type Ask = Callable[[Workbench], object]


@dataclass(frozen=True)
class Refusal:
    """A request that AWS would serve. Of an operation that is not served at all, the operation."""

    area: str
    asked: str
    ask: Ask


def words(aws: Aws, refusal: Refusal) -> str:
    """How the engine refuses it, or NOT_REFUSED. Names of the probe's own resources are shown as NAME."""
    with workbench(aws) as bench:
        try:
            answer = refusal.ask(bench)
        except ClientError as error:
            answer = error.response.get("Error", {}).get("Message", "")
        text = str(answer) if answer and isinstance(answer, str) else NOT_REFUSED
        return bench.without_names(text)


def ask_all(aws: Aws) -> Iterator[tuple[Refusal, str]]:
    """Every refusal with the engine's words."""
    for refusal in REFUSALS:
        yield refusal, words(aws, refusal)


def _operation(service: str, operation: str, **parameters: Any) -> Ask:
    return lambda bench: getattr(bench.client(service), operation)(**parameters)


def _http_api(operation: str, **parameters: Any) -> Ask:
    """An operation on an HTTP API of the probe's own."""

    def ask(bench: Workbench) -> object:
        api = bench.client("apigatewayv2")
        made = api.create_api(Name=bench.name(), ProtocolType="HTTP")["ApiId"]
        bench.afterwards(api.delete_api, ApiId=made)
        return getattr(api, operation)(ApiId=made, **parameters)

    return ask


def _query(text: str) -> Ask:
    def ask(bench: Workbench) -> object:
        group, _stream = bench.log_group()
        return bench.client("logs").start_query(logGroupName=group, startTime=0, endTime=1, queryString=text)

    return ask


def _table(**options: Any) -> Ask:
    """A table with two string attributes and these options."""

    def ask(bench: Workbench) -> object:
        dynamodb, name = bench.client("dynamodb"), bench.name()
        bench.afterwards(dynamodb.delete_table, TableName=name)
        return dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("id", *_KEYS)],
            BillingMode="PAY_PER_REQUEST",
            **options,
        )

    return ask


def _function(**configuration: Any) -> Ask:
    """A function whose creation fails: its StateReason."""

    def ask(bench: Workbench) -> object:
        function = bench.function("def handler(event, context): return 1", **configuration)
        described = bench.client("lambda").get_function_configuration(FunctionName=function)
        return described.get("StateReason")

    return ask


def _image(bench: Workbench) -> object:
    lambda_, name = bench.client("lambda"), bench.name()
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/probe:latest"
    lambda_.create_function(FunctionName=name, Role=ROLE, PackageType="Image", Code={"ImageUri": image})
    bench.afterwards(lambda_.delete_function, FunctionName=name)
    bench.wait_until_active(name)
    return lambda_.get_function_configuration(FunctionName=name).get("StateReason")


def _stack(resource_type: str) -> Ask:
    def ask(bench: Workbench) -> object:
        stack = bench.stack({"Resources": {"Probe": {"Type": resource_type}}})
        return None if stack["StackStatus"] == "CREATE_COMPLETE" else stack["StackStatusReason"]

    return ask


def _suppressed(bench: Workbench) -> object:
    return bench.client("cloudwatch").put_composite_alarm(
        AlarmName=bench.name(),
        AlarmRule="FALSE",
        ActionsSuppressor=bench.name(),
        ActionsSuppressorWaitPeriod=1,
        ActionsSuppressorExtensionPeriod=1,
    )


def _metric(expression: str) -> Ask:
    return _operation(
        "cloudwatch",
        "get_metric_data",
        MetricDataQueries=[{"Id": "m", "Expression": expression, "Period": 60}],
        StartTime=0,
        EndTime=60,
    )


_KEYS = ("a", "b")
_INDEX = {
    "IndexName": "index",
    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"} for key in _KEYS],
    "Projection": {"ProjectionType": "ALL"},
}
_BAND = [{"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m)"}]
_JWT = {"Audience": ["probe"], "Issuer": "https://example.com"}

REFUSALS = (
    Refusal(
        "HTTP API",
        "a WebSocket API",
        _operation("apigatewayv2", "create_api", Name="probe", ProtocolType="WEBSOCKET"),
    ),
    Refusal(
        "HTTP API",
        "a JWT authorizer",
        _http_api(
            "create_authorizer",
            Name="probe",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration=_JWT,
        ),
    ),
    Refusal(
        "HTTP API",
        "a route with AWS_IAM",
        _http_api("create_route", RouteKey="GET /probe", AuthorizationType="AWS_IAM"),
    ),
    Refusal(
        "HTTP API",
        "an integration with a URL",
        _http_api(
            "create_integration",
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="GET",
            IntegrationUri="https://example.com",
            PayloadFormatVersion="1.0",
        ),
    ),
    Refusal(
        "HTTP API",
        "an integration with another service",
        _http_api(
            "create_integration",
            IntegrationType="AWS_PROXY",
            IntegrationSubtype="SQS-SendMessage",
            PayloadFormatVersion="1.0",
        ),
    ),
    Refusal(
        "HTTP API",
        "a domain name of one's own",
        _operation("apigatewayv2", "create_domain_name", DomainName="example.com"),
    ),
    Refusal("Lambda", "another runtime than python3.13", _function(Runtime="python3.12")),
    Refusal("Lambda", "a container image", _image),
    Refusal(
        "Lambda",
        "a response that is streamed",
        _operation("lambda", "invoke_with_response_stream", FunctionName="probe"),
    ),
    Refusal(
        "DynamoDB", "PartiQL", _operation("dynamodb", "execute_statement", Statement="SELECT * FROM probe")
    ),
    Refusal(
        "DynamoDB",
        "a stream of a table",
        _table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
    ),
    Refusal("DynamoDB", "an index with a key of two attributes", _table(GlobalSecondaryIndexes=[_INDEX])),
    Refusal("CloudWatch", "a composite alarm with ActionsSuppressor", _suppressed),
    Refusal(
        "CloudWatch",
        "an alarm on anomalies",
        _operation(
            "cloudwatch",
            "put_metric_alarm",
            AlarmName="probe",
            ComparisonOperator="GreaterThanUpperThreshold",
            EvaluationPeriods=1,
            ThresholdMetricId="band",
            Metrics=_BAND,
        ),
    ),
    Refusal("CloudWatch", "SEARCH", _metric("SEARCH('probe', 'Sum', 60)")),
    Refusal("CloudWatch", "Metrics Insights", _metric("SELECT AVG(x) FROM probe")),
    Refusal(
        "CloudWatch",
        "a metric stream",
        _operation(
            "cloudwatch",
            "put_metric_stream",
            Name="probe",
            FirehoseArn="arn:aws:firehose:us-east-1:000000000000:deliverystream/probe",
            RoleArn=ROLE,
            OutputFormat="json",
        ),
    ),
    Refusal("CloudWatch Logs", "Insights: parse", _query("parse @message '*' as x")),
    Refusal("CloudWatch Logs", "Insights: pattern", _query("pattern @message")),
    Refusal("CloudWatch Logs", "Insights: dedup", _query("dedup @message")),
    Refusal(
        "CloudWatch Logs",
        "masking of data",
        _operation("logs", "put_data_protection_policy", logGroupIdentifier="probe", policyDocument="{}"),
    ),
    Refusal(
        "EventBridge",
        "global endpoints",
        _operation(
            "events",
            "create_endpoint",
            Name="probe",
            RoutingConfig={
                "FailoverConfig": {"Primary": {"HealthCheck": "probe"}, "Secondary": {"Route": "us-east-2"}}
            },
            EventBuses=[
                {"EventBusArn": f"arn:aws:events:{region}:000000000000:event-bus/default"}
                for region in ("us-east-1", "us-east-2")
            ],
        ),
    ),
    Refusal("EventBridge", "Pipes", _operation("pipes", "list_pipes")),
    Refusal("EventBridge", "the schema registry", _operation("schemas", "list_registries")),
    Refusal("CloudFormation", "a type that the engine has not", _stack("AWS::CodeDeploy::Application")),
    Refusal("CloudFormation", "drift", _operation("cloudformation", "detect_stack_drift", StackName="probe")),
    Refusal("X-Ray", "traces", _operation("xray", "get_trace_summaries", StartTime=0, EndTime=60)),
    Refusal("CodeDeploy", "deployments", _operation("codedeploy", "list_applications")),
    Refusal("WAF", "web ACLs", _operation("wafv2", "list_web_acls", Scope="REGIONAL")),
)
