"""Things to ask with: queues, functions, tables of the probe's own, removed when it ends."""

import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from lab.common.polling import wait_for
from lab.engines.clients import Aws

ROLE = "arn:aws:iam::000000000000:role/lab-probe"
"""There is no such role: nothing is allowed, where anybody asks."""
TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ]
}


class Workbench:
    """Makes resources with unique names and removes them all on `close`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._undo = ExitStack()
        self._names: list[str] = []

    def client(self, service: str) -> Any:
        """A client of the engine."""
        return self._aws.client(service)

    def name(self) -> str:
        """A name nobody else uses."""
        self._names.append(f"lab-probe-{uuid.uuid4().hex[:10]}")
        return self._names[-1]

    def without_names(self, text: str) -> str:
        """A text that does not differ from one time to the next: NAME for each of the names given out."""
        for name in self._names:
            text = text.replace(name, "NAME")
        return text

    def afterwards(self, undo: Callable[..., Any], **parameters: Any) -> None:
        """Call something when the probe is over, in reverse order; what is gone already is not an error."""

        def quietly() -> None:
            with suppress(ClientError):
                undo(**parameters)

        self._undo.callback(quietly)

    def queue(self, **attributes: str) -> tuple[str, str]:
        """A queue: URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name(), Attributes=attributes)["QueueUrl"]
        self.afterwards(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def open_queue(self) -> tuple[str, str]:
        """A queue to which everybody may send: URL and ARN."""
        url, arn = self.queue()
        send = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
        self.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    def received(self, url: str) -> str:
        """The body of the queue's next message, which is deleted."""
        sqs = self.client("sqs")
        (message,) = wait_for(
            "a message",
            lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []),
            bool,
            within=20,
        )
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    def topic(self, **subscription: str) -> tuple[str, str]:
        """A topic with a queue subscribed to it: the topic's ARN and the queue's URL."""
        sns = self.client("sns")
        topic = sns.create_topic(Name=self.name())["TopicArn"]
        self.afterwards(sns.delete_topic, TopicArn=topic)
        url, arn = self.open_queue()
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=subscription)
        return topic, url

    def stack(self, template: dict[str, Any], *, update: str = "") -> dict[str, Any]:
        """A stack made of a template, or the one of that name changed to it, settled: as DescribeStacks shows it."""
        cloudformation, name = self.client("cloudformation"), update or self.name()
        change = cloudformation.update_stack if update else cloudformation.create_stack
        change(StackName=name, TemplateBody=json.dumps(template))
        if not update:
            self.afterwards(self._delete_stack, name=name)
        return self._settled(name)

    def _delete_stack(self, name: str) -> None:
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.client("cloudformation").delete_stack(StackName=name)
        self._settled(stack["StackId"])

    def _settled(self, name: str) -> dict[str, Any]:
        return wait_for(
            f"the stack {name}",
            lambda: self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0],
            lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
            within=60,
        )

    def role(self, *actions: str) -> str:
        """The ARN of a role for functions that may do these actions with everything."""
        iam, name = self.client("iam"), self.name()
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        self.afterwards(iam.delete_role, RoleName=name)
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.put_role_policy(RoleName=name, PolicyName="probe", PolicyDocument=json.dumps(policy))
        self.afterwards(iam.delete_role_policy, RoleName=name, PolicyName="probe")
        return arn

    def function(self, code: str, **configuration: Any) -> str:
        """An active function made of a module with a `handler`; returns its name."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.writestr("probe.py", textwrap.dedent(code))
        lambda_, name = self.client("lambda"), self.name()
        settings = {
            "Runtime": "python3.13",
            "Handler": "probe.handler",
            "Timeout": 5,
            "Role": ROLE,
            **configuration,
        }
        lambda_.create_function(FunctionName=name, Code={"ZipFile": packed.getvalue()}, **settings)
        self.afterwards(lambda_.delete_function, FunctionName=name)
        self.wait_until_active(name)
        return name

    def wait_until_active(self, function: str) -> None:
        """Return once a function is made, or its update done, with or without success."""
        lambda_ = self.client("lambda")

        def states() -> set[str]:
            now = lambda_.get_function_configuration(FunctionName=function)
            return {now["State"], now.get("LastUpdateStatus", "")}

        wait_for(
            f"the function {function}",
            states,
            lambda seen: not seen & {"Pending", "InProgress"},
            within=60,
        )

    def invoke(self, function: str, event: Any = None) -> tuple[Any, bool]:
        """A function's result and whether it failed."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.load(answer["Payload"]), "FunctionError" in answer

    def log_group(self) -> tuple[str, str]:
        """A log group with one stream: the names of both."""
        logs, group = self.client("logs"), self.name()
        logs.create_log_group(logGroupName=group)
        self.afterwards(logs.delete_log_group, logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="probe")
        return group, "probe"

    def table(self, **billing: Any) -> str:
        """An active table with the string key `id`; on demand, unless its billing is given."""
        dynamodb, name = self.client("dynamodb"), self.name()
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            **billing or {"BillingMode": "PAY_PER_REQUEST"},
        )
        self.afterwards(dynamodb.delete_table, TableName=name)
        return name

    def http_api(
        self, code: str, *, authorizer: str | None = None, throttle: dict[str, Any] | None = None
    ) -> str:
        """An HTTP API whose GET /probe runs a function, guarded by an authorizer's code if given: the route's URL."""
        api, lambda_ = self.client("apigatewayv2"), self.client("lambda")

        def arn(function: str) -> str:
            return lambda_.get_function_configuration(FunctionName=function)["FunctionArn"]

        made = api.create_api(Name=self.name(), ProtocolType="HTTP")
        api_id = made["ApiId"]
        self.afterwards(api.delete_api, ApiId=api_id)
        integration = api.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=arn(self.function(code)),
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        route: dict[str, Any] = {"RouteKey": "GET /probe", "Target": f"integrations/{integration}"}
        if authorizer:
            route["AuthorizationType"] = "CUSTOM"
            route["AuthorizerId"] = api.create_authorizer(
                ApiId=api_id,
                Name="probe",
                AuthorizerType="REQUEST",
                AuthorizerPayloadFormatVersion="2.0",
                EnableSimpleResponses=True,
                IdentitySource=["$request.header.Authorization"],
                AuthorizerUri=arn(self.function(authorizer)),
            )["AuthorizerId"]
        api.create_route(ApiId=api_id, **route)
        settings = {"DefaultRouteSettings": throttle} if throttle else {}
        api.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True, **settings)
        return f"{made['ApiEndpoint']}/probe"

    def refused(self, ask: Callable[..., Any], **parameters: Any) -> str:
        """The code of the error that a call answers with, or `accepted`."""
        try:
            ask(**parameters)
        except ClientError as error:
            return error.response.get("Error", {}).get("Code", "")
        return "accepted"

    def close(self) -> None:
        """Remove everything that was made."""
        self._undo.close()


@contextmanager
def workbench(aws: Aws) -> Generator[Workbench]:
    """A workbench for the duration of a `with` block."""
    bench = Workbench(aws)
    try:
        yield bench
    finally:
        bench.close()
