"""With LAB_IAM=enforce a function may do what its role allows, and is told what it may not.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from support.engines import Engine, EngineEndedError, EngineWith
from support.eventually import eventually
from support.functions import Function

pytestmark = [
    pytest.mark.evidence(
        "documented", source="IAM guide, Policy evaluation logic, and Service authorization reference"
    ),
    pytest.mark.skipif("LAB_TEST_ENDPOINT" in os.environ, reason="needs host engines of its own"),
]

ACCOUNT, REGION = "000000000000", "us-east-1"
TRUST = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"},
}
CALLER = """
    import boto3
    from botocore.exceptions import ClientError

    def handler(event, context):
        client = boto3.client(event["service"], endpoint_url=event.get("endpoint"))
        try:
            getattr(client, event["call"])(**event["parameters"])
        except ClientError as error:
            return {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
        return {}
"""
ECHO = "def handler(event, context): return print(event['Records'][0]['body'])"


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineWith]:
    engine = EngineWith(LAB_IAM="enforce")
    engine.up()
    yield engine
    engine.down()


class Role:
    """A role for functions, whose one policy can be changed."""

    def __init__(self, engine: Engine, path: str = "/") -> None:
        self.name = f"test-{uuid4().hex[:12]}"
        self._iam = engine.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        made = self._iam.create_role(Path=path, RoleName=self.name, AssumeRolePolicyDocument=trust)
        self.arn: str = made["Role"]["Arn"]

    def may(self, *statements: dict[str, Any]) -> None:
        """Replace what the role may do."""
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self._iam.put_role_policy(RoleName=self.name, PolicyName="policy", PolicyDocument=document)


class Caller:
    """A function that makes one AWS call for each invocation, with its role."""

    def __init__(self, engine: Engine, path: str = "/") -> None:
        self.role = Role(engine, path)
        self.function = engine.create(CALLER, Role=self.role.arn)

    def refusal(self, service: str, call: str, **parameters: Any) -> dict[str, str]:
        """The error of a call; empty if it succeeded."""
        return self.function.invoke(service=service, call=call, parameters=parameters).payload

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.role.name}/{self.function.name}"


@pytest.fixture(scope="module")
def caller(engine: EngineWith) -> Iterator[Caller]:
    caller = Caller(engine)
    yield caller
    caller.function.delete()


def allow(action: str | list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources) or "*"}


def name_of(kind: str) -> str:
    return f"test-{kind}-{uuid4().hex[:8]}"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def make_queue(engine: EngineWith, **attributes: str) -> tuple[str, str]:
    name = name_of("queue")
    url = engine.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, arn("sqs", name)


def make_table(engine: EngineWith, **settings: Any) -> tuple[str, str]:
    name = name_of("table")
    engine.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **settings,
    )
    return name, arn("dynamodb", f"table/{name}")


def test_a_function_is_allowed_its_roles_actions_and_denied_others_by_name(
    engine: EngineWith, caller: Caller
) -> None:
    url, queue = make_queue(engine)
    _, other = make_queue(engine)
    caller.role.may(allow("sqs:SendMessage", other))
    refused = caller.refusal("sqs", "send_message", QueueUrl=url, MessageBody="x")
    assert refused == {
        "code": "AccessDenied",
        "message": f"User: {caller.arn} is not authorized to perform: sqs:SendMessage on resource: {queue} "
        "because no identity-based policy allows the sqs:SendMessage action",
    }
    caller.role.may(allow("sqs:SendMessage", queue))
    assert caller.refusal("sqs", "send_message", QueueUrl=url, MessageBody="x") == {}


def test_an_explicit_deny_wins_and_is_called_so(engine: EngineWith, caller: Caller) -> None:
    url, _queue = make_queue(engine)
    caller.role.may(allow("sqs:*"), {"Effect": "Deny", "Action": "sqs:PurgeQueue", "Resource": "*"})
    refused = caller.refusal("sqs", "purge_queue", QueueUrl=url)
    assert refused["message"].endswith("with an explicit deny in an identity-based policy")


type Call = tuple[str, str, dict[str, Any]]


def calls(engine: EngineWith) -> list[tuple[Call, str, list[tuple[str, str]]]]:
    """Calls of the pipeline: the call, its error's code, and the actions on resources that it takes."""
    url, queue = make_queue(engine)
    table, table_arn = make_table(engine)
    other, other_arn = make_table(engine)
    bus = name_of("bus")
    engine.client("events").create_event_bus(Name=bus)
    engine.client("ssm").put_parameter(Name=f"/test/{bus}", Value="x", Type="String")
    secret = engine.client("secretsmanager").create_secret(Name=name_of("secret"), SecretString="x")
    topic = engine.client("sns").create_topic(Name=name_of("topic"))["TopicArn"]
    target = engine.create(ECHO)
    mapping = engine.client("lambda").create_event_source_mapping(
        FunctionName=poller_of(engine, queue).name, EventSourceArn=queue, Enabled=False
    )["UUID"]
    item, key = {"id": {"S": "1"}}, {"id": {"S": "1"}}
    entry = {"Source": "test", "DetailType": "x", "Detail": "{}"}
    puts = [{"Put": {"TableName": table, "Item": item}}]
    checks = [
        {
            "ConditionCheck": {
                "TableName": other,
                "Key": key,
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
    ]
    updates = [
        {"Delete": {"TableName": table, "Key": key}},
        {
            "Update": {
                "TableName": other,
                "Key": key,
                "UpdateExpression": "SET n = :n",
                "ExpressionAttributeValues": {":n": {"N": "1"}},
            }
        },
    ]
    denied = "AccessDeniedException"
    return [
        (("sqs", "send_message_batch", {"QueueUrl": url, "Entries": [{"Id": "1", "MessageBody": "x"}]}),
         "AccessDenied", [("sqs:SendMessage", queue)]),
        (("sqs", "receive_message", {"QueueUrl": url}), "AccessDenied", [("sqs:ReceiveMessage", queue)]),
        (("sqs", "delete_message_batch", {"QueueUrl": url, "Entries": []}),
         "AccessDenied", [("sqs:DeleteMessage", queue)]),
        (("sqs", "get_queue_attributes", {"QueueUrl": url}), "AccessDenied", [("sqs:GetQueueAttributes", queue)]),
        (("sqs", "get_queue_url", {"QueueName": queue.rpartition(":")[2]}),
         "AccessDenied", [("sqs:GetQueueUrl", queue)]),
        (("dynamodb", "put_item", {"TableName": table, "Item": item}), denied, [("dynamodb:PutItem", table_arn)]),
        (("dynamodb", "get_item", {"TableName": table, "Key": key}), denied, [("dynamodb:GetItem", table_arn)]),
        (("dynamodb", "scan", {"TableName": table}), denied, [("dynamodb:Scan", table_arn)]),
        (("dynamodb", "transact_write_items", {"TransactItems": [*puts, *checks]}), denied,
         [("dynamodb:PutItem", table_arn), ("dynamodb:ConditionCheckItem", other_arn)]),
        (("dynamodb", "transact_write_items", {"TransactItems": updates}), denied,
         [("dynamodb:DeleteItem", table_arn), ("dynamodb:UpdateItem", other_arn)]),
        (("dynamodb", "batch_get_item", {"RequestItems": {table: {"Keys": [key]}, other: {"Keys": [key]}}}),
         denied, [("dynamodb:BatchGetItem", table_arn), ("dynamodb:BatchGetItem", other_arn)]),
        (("events", "put_events", {"Entries": [entry | {"EventBusName": bus}, entry]}), denied,
         [("events:PutEvents", arn("events", f"event-bus/{bus}")),
          ("events:PutEvents", arn("events", "event-bus/default"))]),
        (("ssm", "get_parameter", {"Name": f"/test/{bus}"}), denied,
         [("ssm:GetParameter", arn("ssm", f"parameter/test/{bus}"))]),
        (("ssm", "get_parameters", {"Names": [f"/test/{bus}", "/test/other"]}), denied,
         [("ssm:GetParameters", arn("ssm", f"parameter/test/{bus}")),
          ("ssm:GetParameters", arn("ssm", "parameter/test/other"))]),
        (("secretsmanager", "get_secret_value", {"SecretId": secret["Name"]}), denied,
         [("secretsmanager:GetSecretValue", secret["ARN"])]),
        (("lambda", "invoke", {"FunctionName": target.name, "Payload": "{}"}), denied,
         [("lambda:InvokeFunction", target.arn)]),
        (("lambda", "update_event_source_mapping", {"UUID": mapping, "BatchSize": 2}), denied,
         [("lambda:UpdateEventSourceMapping", arn("lambda", f"event-source-mapping:{mapping}"))]),
        (("cloudwatch", "describe_alarms", {"AlarmNames": ["one"]}), "AccessDenied",
         [("cloudwatch:DescribeAlarms", arn("cloudwatch", "alarm:one"))]),
        (("sns", "publish", {"TopicArn": topic, "Message": "x"}), "AuthorizationError", [("sns:Publish", topic)]),
    ]  # fmt: skip


def poller_of(engine: EngineWith, queue: str) -> Function:
    role = Role(engine)
    role.may(allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], queue))
    return engine.create(ECHO, Role=role.arn)


def test_each_call_of_the_pipeline_takes_exactly_its_documented_permissions(
    engine: EngineWith, caller: Caller
) -> None:
    for (service, call, parameters), code, wanted in calls(engine):
        grants = [allow(action, resource) for action, resource in wanted]
        for missing, (action, resource) in enumerate(wanted):
            caller.role.may(*grants[:missing], *grants[missing + 1 :], allow(action, f"{resource}-other"))
            refused = caller.refusal(service, call, **parameters)
            assert refused["code"] == code, (call, refused)
            assert f"not authorized to perform: {action} on resource: {resource} " in refused["message"]
        caller.role.may(*grants)
        allowed = caller.refusal(service, call, **parameters)
        assert "not authorized" not in allowed.get("message", ""), (call, allowed)


@pytest.mark.evidence("ours")
def test_a_call_whose_permissions_are_not_known_is_refused_with_that_reason(
    engine: EngineWith, caller: Caller
) -> None:
    caller.role.may(allow("*"))
    refused = caller.refusal("s3", "list_buckets")
    assert refused["code"].startswith("AccessDenied")
    assert "LAB_IAM does not know which permissions s3:ListBuckets takes" in refused["message"]


@pytest.mark.evidence("ours")
def test_a_policy_that_is_not_evaluated_allows_nothing_and_says_why(
    engine: EngineWith, caller: Caller
) -> None:
    url, _queue = make_queue(engine)
    caller.role.may(allow("sqs:*") | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}})
    refused = caller.refusal("sqs", "send_message", QueueUrl=url, MessageBody="x")
    assert "does not evaluate the condition operator IpAddress" in refused["message"]
    assert caller.role.arn in refused["message"]


def test_a_managed_policy_counts_in_its_default_version(engine: EngineWith, caller: Caller) -> None:
    url, _queue = make_queue(engine)
    iam = engine.client("iam")

    def document(action: str) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [allow(action)]})

    policy = iam.create_policy(PolicyName=name_of("policy"), PolicyDocument=document("sqs:SendMessage"))
    policy_arn = policy["Policy"]["Arn"]
    caller.role.may(allow("sqs:ReceiveMessage"))
    iam.attach_role_policy(RoleName=caller.role.name, PolicyArn=policy_arn)
    message = {"QueueUrl": url, "MessageBody": "x"}
    assert caller.refusal("sqs", "send_message", **message) == {}
    iam.create_policy_version(
        PolicyArn=policy_arn, PolicyDocument=document("sqs:PurgeQueue"), SetAsDefault=True
    )
    assert caller.refusal("sqs", "send_message", **message)["code"] == "AccessDenied"
    iam.detach_role_policy(RoleName=caller.role.name, PolicyArn=policy_arn)


def test_a_customer_managed_key_takes_permissions_of_its_own(engine: EngineWith, caller: Caller) -> None:
    key = engine.client("kms").create_key()["KeyMetadata"]["Arn"]
    url, _queue = make_queue(engine, KmsMasterKeyId=key)
    table, _table = make_table(
        engine, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    )
    secret = engine.client("secretsmanager").create_secret(
        Name=name_of("secret"), SecretString="x", KmsKeyId=key
    )["Name"]
    uses: list[tuple[Call, list[str], str]] = [
        (
            ("sqs", "send_message", {"QueueUrl": url, "MessageBody": "x"}),
            ["kms:GenerateDataKey", "kms:Decrypt"],
            "sqs",
        ),
        (("sqs", "receive_message", {"QueueUrl": url}), ["kms:Decrypt"], "sqs"),
        (("dynamodb", "scan", {"TableName": table}), ["kms:Decrypt"], "dynamodb"),
        (
            ("secretsmanager", "get_secret_value", {"SecretId": secret}),
            ["kms:Decrypt"],
            "secretsmanager",
        ),
    ]
    others = allow(["sqs:*", "dynamodb:*", "secretsmanager:*"])
    for (service, call, parameters), actions, via in uses:
        caller.role.may(others)
        refused = caller.refusal(service, call, **parameters)
        assert f"not authorized to perform: {actions[0]} on resource: {key} " in refused["message"]
        through = {"StringEquals": {"kms:ViaService": f"{via}.us-east-1.amazonaws.com"}}
        caller.role.may(others, allow(actions, key) | {"Condition": through})
        assert caller.refusal(service, call, **parameters) == {}
    caller.role.may(others, allow(actions, key) | {"Condition": {"StringEquals": {"kms:ViaService": "ec2"}}})
    assert "kms:Decrypt" in caller.refusal(service, call, **parameters)["message"]


def test_an_event_source_mapping_polls_with_the_permissions_of_its_functions_role(engine: EngineWith) -> None:
    url, queue = make_queue(engine, VisibilityTimeout="5")
    role = Role(engine)
    function = engine.create(ECHO, Role=role.arn, Timeout=3)
    log = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    poll = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    lambda_ = engine.client("lambda")
    for missing in poll:
        role.may(log, allow([action for action in poll if action != missing], queue))
        with pytest.raises(ClientError, match=f"call {missing.removeprefix('sqs:')} on SQS") as refused:
            lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=queue)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    role.may(log, allow(poll, queue))
    mapping = lambda_.create_event_source_mapping(FunctionName=function.name, EventSourceArn=queue)["UUID"]
    engine.client("sqs").send_message(QueueUrl=url, MessageBody="first")
    eventually(lambda: "first\n" in function.log_messages())

    role.may(log, allow(poll[1:], queue))
    log_file = engine.log
    denied = "is not authorized to perform: sqs:ReceiveMessage"
    eventually(lambda: denied in log_file.read_text())
    engine.client("sqs").send_message(QueueUrl=url, MessageBody="second")
    role.may(log, allow(poll, queue))
    eventually(lambda: "second\n" in function.log_messages(), within=20)
    lambda_.delete_event_source_mapping(UUID=mapping)


def test_the_log_of_a_function_that_may_not_write_one_is_lost(engine: EngineWith) -> None:
    role = Role(engine)
    function = engine.create("def handler(event, context): print(event['text'])", Role=role.arn)
    function.invoke(text="nobody reads this")
    group = arn("logs", f"log-group:/aws/lambda/{function.name}:*")
    role.may(allow(["logs:CreateLogStream", "logs:PutLogEvents"], group))
    function.invoke(text="somebody reads this")
    eventually(lambda: "somebody reads this\n" in function.log_messages())
    assert "nobody reads this\n" not in function.log_messages()


@pytest.mark.evidence("ours")
def test_all_other_callers_may_do_everything(engine: EngineWith) -> None:
    """Operators, and those who took a role that is not for functions: the CDK has such ones."""
    url, _queue = make_queue(engine)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    }
    role = engine.client("iam").create_role(
        RoleName=name_of("operator"), AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]
    credentials = engine.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="somebody")[
        "Credentials"
    ]
    function = engine.create(
        """
        import boto3

        def handler(event, context):
            boto3.client(
                "sqs",
                aws_access_key_id=event["AccessKeyId"],
                aws_secret_access_key=event["SecretAccessKey"],
                aws_session_token=event["SessionToken"],
            ).send_message(QueueUrl=event["url"], MessageBody="x")
        """
    )
    keys = {name: str(credentials[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
    assert not function.invoke(url=url, **keys).failed


@pytest.mark.evidence("ours")
def test_without_lab_iam_a_function_may_do_everything(aws: Callable[..., Any]) -> None:
    from support import functions

    function = functions.create(aws, CALLER)
    assert function.invoke(service="sqs", call="list_queues", parameters={}).payload == {}
    function.delete()


@pytest.mark.evidence("ours")
def test_an_engine_with_another_value_of_lab_iam_ends_and_says_so() -> None:
    engine = EngineWith(LAB_IAM="perhaps")
    with pytest.raises(EngineEndedError, match="LAB_IAM=perhaps is not known"):
        engine.up()
    engine.down()


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(("path", "checked"), [("/enforced/", True), ("/", False)])
def test_a_roles_path_has_its_calls_checked_on_an_engine_that_checks_no_other(
    running_engine: Engine, path: str, checked: bool
) -> None:
    caller = Caller(running_engine, path)
    refused = caller.refusal("sqs", "list_queues")
    caller.function.delete()
    assert refused.get("code") == ("AccessDenied" if checked else None)


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(("path", "checked"), [("/enforced/", True), ("/", False)])
def test_a_mapping_of_a_role_whose_path_asks_for_checks_needs_the_permission_to_poll(
    running_engine: Engine, path: str, checked: bool
) -> None:
    caller = Caller(running_engine, path)
    name = name_of("queue")
    running_engine.client("sqs").create_queue(QueueName=name)

    def map_it() -> None:
        running_engine.client("lambda").create_event_source_mapping(
            FunctionName=caller.function.name, EventSourceArn=arn("sqs", name)
        )

    if checked:
        with pytest.raises(ClientError, match="does not have permissions to call ReceiveMessage on SQS"):
            map_it()
    else:
        map_it()
    caller.function.delete()
