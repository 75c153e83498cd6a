"""Resources that LocalStack makes: with all properties of the template, and changed when the template changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support import functions
from support.eventually import eventually
from support.stacks import Resources, Stack

pytestmark = pytest.mark.evidence("documented", source="CloudFormation template reference, Update requires")

type Aws = Callable[..., Any]

LAB = [{"Key": "team", "Value": "lab"}, {"Key": "gone", "Value": "soon"}]
OTHER = [{"Key": "team", "Value": "other"}]


def one(kind: str, **properties: Any) -> Resources:
    """A template's only resource."""
    return {"Resource": {"Type": kind, "Properties": properties}}


def get(attribute: str) -> dict[str, Any]:
    return {"Arn": {"Fn::GetAtt": ["Resource", attribute]}, "Ref": {"Ref": "Resource"}}


def tags(listed: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def test_a_log_group_has_and_changes_its_retention(aws: Aws, stack: Stack) -> None:
    logs, name = aws("logs"), f"/test/{stack.name}"

    def retention() -> int | None:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return group.get("retentionInDays")

    group = {"kind": "AWS::Logs::LogGroup", "LogGroupName": name}
    stack.deploy(one(**group, RetentionInDays=7, Tags=LAB))
    assert retention() == 7
    stack.deploy(one(**group, RetentionInDays=14, Tags=OTHER))
    assert retention() == 14
    stack.deploy(one(**group))
    assert retention() is None


def test_an_alarm_changes(aws: Aws, stack: Stack) -> None:
    cloudwatch = aws("cloudwatch")
    alarm = {
        "kind": "AWS::CloudWatch::Alarm",
        "AlarmName": stack.name,
        "Namespace": "Test",
        "MetricName": "m",
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Period": 60,
    }
    outputs = get("Arn")
    before = stack.deploy(one(**alarm, Threshold=1, AlarmDescription="first", Tags=LAB), outputs)
    after = stack.deploy(one(**alarm, Threshold=5, TreatMissingData="notBreaching", Tags=OTHER), outputs)
    assert after == before
    (shown,) = cloudwatch.describe_alarms(AlarmNames=[stack.name])["MetricAlarms"]
    assert (shown["Threshold"], shown["TreatMissingData"]) == (5, "notBreaching")
    assert not shown.get("AlarmDescription")
    assert tags(cloudwatch.list_tags_for_resource(ResourceARN=after["Arn"])["Tags"]) == tags(OTHER)


def test_a_table_gets_its_settings_and_changes_them_in_place(aws: Aws, stack: Stack) -> None:
    dynamodb = aws("dynamodb")
    table = {
        "kind": "AWS::DynamoDB::Table",
        "TableName": stack.name,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }

    def shown() -> tuple[bool, bool, str]:
        protected = dynamodb.describe_table(TableName=stack.name)["Table"].get(
            "DeletionProtectionEnabled", False
        )
        backups = dynamodb.describe_continuous_backups(TableName=stack.name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        ttl = dynamodb.describe_time_to_live(TableName=stack.name)["TimeToLiveDescription"]
        return (
            protected,
            recovery == "ENABLED",
            ttl.get("AttributeName", "") if ttl["TimeToLiveStatus"] == "ENABLED" else "",
        )

    safe = {
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
    }
    encrypted = {"SSESpecification": {"SSEEnabled": True}}
    stack.deploy(one(**table, **safe, **encrypted, Tags=LAB), get("Arn"))
    assert shown() == (True, True, "expiration")
    told = stack.deploy(one(**table, **encrypted, Tags=OTHER), get("Arn"))
    assert shown() == (False, False, "")
    assert tags(dynamodb.list_tags_of_resource(ResourceArn=told["Arn"])["Tags"]) == tags(OTHER)


def test_a_table_gets_another_key_and_loses_it(aws: Aws, stack: Stack) -> None:
    def table(key: str | None) -> Resources:
        encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        return one(
            "AWS::DynamoDB::Table",
            TableName=stack.name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **({"SSESpecification": encryption} if key else {}),
        )

    for key in (None, "alias/first", "alias/second", None):
        stack.deploy(table(key))
        shown = aws("dynamodb").describe_table(TableName=stack.name)["Table"]
        assert shown.get("SSEDescription", {}).get("KMSMasterKeyArn") == key


def test_a_change_of_a_table_that_cannot_be_made_in_place_fails(aws: Aws, stack: Stack) -> None:
    def table(key: str) -> Resources:
        return one(
            "AWS::DynamoDB::Table",
            TableName=stack.name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    stack.deploy(table("id"))
    assert stack.try_to_deploy(table("other"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any("KeySchema" in reason for reason in stack.reasons())
    shown = aws("dynamodb").describe_table(TableName=stack.name)["Table"]
    assert shown["KeySchema"][0]["AttributeName"] == "id"


def test_a_rule_changes_its_pattern_and_its_targets(aws: Aws, stack: Stack) -> None:
    events = aws("events")
    queue = "arn:aws:sqs:us-east-1:000000000000:"

    def rule(pattern: dict[str, Any], *targets: str, **more: Any) -> Resources:
        return {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": stack.name, "Tags": LAB}},
            "Resource": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "Name": stack.name,
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": pattern,
                    "Targets": [{"Id": name, "Arn": f"{queue}{name}"} for name in targets],
                    **more,
                },
            },
        }

    def shown() -> tuple[dict[str, Any], list[str], str]:
        place = {"EventBusName": stack.name}
        described = events.describe_rule(Name=stack.name, **place)
        targets = events.list_targets_by_rule(Rule=stack.name, **place)["Targets"]
        return json.loads(described["EventPattern"]), sorted(t["Id"] for t in targets), described["State"]

    stack.deploy(rule({"source": ["a"]}, "one", "two", Description="first"))
    assert shown() == ({"source": ["a"]}, ["one", "two"], "ENABLED")
    bus_arn = events.describe_event_bus(Name=stack.name)["Arn"]
    assert tags(events.list_tags_for_resource(ResourceARN=bus_arn)["Tags"]) == tags(LAB)
    stack.deploy(
        rule({"source": ["b"], "detail": {"n": [{"numeric": [">", 5]}]}}, "two", "three", State="DISABLED")
    )
    assert shown() == (
        {"source": ["b"], "detail": {"n": [{"numeric": [">", 5]}]}},
        ["three", "two"],
        "DISABLED",
    )


def test_a_bus_gets_another_key_and_loses_it(aws: Aws, stack: Stack) -> None:
    def bus(**settings: str) -> Resources:
        return one("AWS::Events::EventBus", Name=stack.name, **settings)

    def shown() -> tuple[str | None, str | None]:
        described = aws("events").describe_event_bus(Name=stack.name)
        return described.get("KmsKeyIdentifier"), described.get("Description")

    stack.deploy(bus(KmsKeyIdentifier="alias/first", Description="orders"))
    assert shown() == ("alias/first", "orders")
    stack.deploy(bus(KmsKeyIdentifier="alias/second"))
    assert shown() == ("alias/second", None)
    stack.deploy(bus())
    assert shown() == (None, None)


def test_a_role_changes_its_policies_in_place(aws: Aws, stack: Stack) -> None:
    iam = aws("iam")

    def allow(action: str) -> dict[str, Any]:
        return {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
        }

    def role(service: str, policies: dict[str, str], **more: Any) -> Resources:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": f"{service}.amazonaws.com"},
                }
            ],
        }
        inline = [{"PolicyName": name, "PolicyDocument": allow(action)} for name, action in policies.items()]
        return one("AWS::IAM::Role", AssumeRolePolicyDocument=trust, Policies=inline, **more)

    managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    first = role("lambda", {"kept": "sqs:SendMessage", "gone": "sns:Publish"}, Description="first", Tags=LAB)
    before = stack.deploy(first, get("Arn"))
    second = role("events", {"kept": "sqs:ReceiveMessage"}, ManagedPolicyArns=[managed], Tags=OTHER)
    after = stack.deploy(second, get("Arn"))
    assert after == before
    name = {"RoleName": after["Ref"]}
    assert iam.list_role_policies(**name)["PolicyNames"] == ["kept"]
    document = iam.get_role_policy(**name, PolicyName="kept")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == "sqs:ReceiveMessage"
    attached = iam.list_attached_role_policies(**name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [managed]
    shown = iam.get_role(**name)["Role"]
    principal = shown["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal == {"Service": "events.amazonaws.com"}
    assert tags(shown["Tags"]) == tags(OTHER)


def test_a_key_and_its_alias_change(aws: Aws, stack: Stack) -> None:
    kms = aws("kms")

    def policy(sid: str) -> dict[str, Any]:
        root = {"AWS": "arn:aws:iam::000000000000:root"}
        statement = {"Sid": sid, "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def keys(target: str, sid: str, rotates: bool, **more: Any) -> Resources:
        changing = {"KeyPolicy": policy(sid), "EnableKeyRotation": rotates, **more}
        return {
            "Resource": {"Type": "AWS::KMS::Key", "Properties": changing},
            "Second": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy("x")}},
            "Alias": {
                "Type": "AWS::KMS::Alias",
                "Properties": {"AliasName": f"alias/{stack.name}", "TargetKeyId": {"Ref": target}},
            },
        }

    outputs = get("Arn") | {"Second": {"Ref": "Second"}}
    before = stack.deploy(keys("Resource", "first", True, Description="first"), outputs)
    after = stack.deploy(keys("Second", "second", False), outputs)
    assert after == before
    place = {"KeyId": after["Ref"]}
    assert (
        json.loads(kms.get_key_policy(**place, PolicyName="default")["Policy"])["Statement"][0]["Sid"]
        == "second"
    )
    assert kms.get_key_rotation_status(**place)["KeyRotationEnabled"] is False
    assert kms.describe_key(**place)["KeyMetadata"]["Description"] == ""
    assert kms.describe_key(KeyId=f"alias/{stack.name}")["KeyMetadata"]["KeyId"] == after["Second"]


def test_a_topics_policy_changes(aws: Aws, stack: Stack) -> None:
    def topic(sid: str) -> Resources:
        statement = {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": {"Ref": "Resource"},
        }
        policy = {
            "Topics": [{"Ref": "Resource"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        }
        return {
            "Resource": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": stack.name}},
            "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": policy},
        }

    def sid(arn: str) -> str:
        attributes = aws("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
        return json.loads(attributes["Policy"])["Statement"][0]["Sid"]

    told = stack.deploy(topic("first"), {"Ref": {"Ref": "Resource"}})
    assert sid(told["Ref"]) == "first"
    stack.deploy(topic("second"), {"Ref": {"Ref": "Resource"}})
    assert sid(told["Ref"]) == "second"


def test_a_generated_secret_keeps_its_value_when_its_description_changes(aws: Aws, stack: Stack) -> None:
    secretsmanager = aws("secretsmanager")
    generated = {"PasswordLength": 48, "ExcludePunctuation": True}

    def secret(description: str, listed: list[dict[str, str]]) -> Resources:
        return one(
            "AWS::SecretsManager::Secret",
            Name=stack.name,
            Description=description,
            GenerateSecretString=generated,
            Tags=listed,
        )

    before = stack.deploy(secret("first", LAB), {"Ref": {"Ref": "Resource"}})
    value = secretsmanager.get_secret_value(SecretId=stack.name)["SecretString"]
    assert len(value) == 48
    assert value.isalnum()
    assert stack.deploy(secret("second", OTHER), {"Ref": {"Ref": "Resource"}}) == before
    shown = secretsmanager.describe_secret(SecretId=stack.name)
    assert (shown["Description"], tags(shown["Tags"])) == ("second", tags(OTHER))
    assert secretsmanager.get_secret_value(SecretId=stack.name)["SecretString"] == value


def test_a_function_has_and_changes_its_concurrency_recursion_and_tags(aws: Aws, stack: Stack) -> None:
    lambda_ = aws("lambda")
    function = {
        "kind": "AWS::Lambda::Function",
        "FunctionName": stack.name,
        "Role": functions.ROLE,
        "Runtime": functions.RUNTIME,
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
    }

    def shown() -> tuple[int | None, str, dict[str, str], int]:
        described = lambda_.get_function(FunctionName=stack.name)
        concurrency = described.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        recursion = lambda_.get_function_recursion_config(FunctionName=stack.name)["RecursiveLoop"]
        return concurrency, recursion, described.get("Tags", {}), described["Configuration"]["Timeout"]

    more = {"ReservedConcurrentExecutions": 5, "RecursiveLoop": "Allow", "Tags": LAB, "Timeout": 5}
    stack.deploy(one(**function, **more))
    mine = {name: text for name, text in shown()[2].items() if not name.startswith("aws:")}
    assert (*shown()[:2], mine, shown()[3]) == (5, "Allow", tags(LAB), 5)
    stack.deploy(one(**function, Tags=OTHER, Timeout=6))
    mine = {name: text for name, text in shown()[2].items() if not name.startswith("aws:")}
    assert (*shown()[:2], mine, shown()[3]) == (None, "Terminate", tags(OTHER), 6)


def test_an_event_source_mapping_changes_and_loses_its_maximum_concurrency(aws: Aws, stack: Stack) -> None:
    function = functions.create(aws, "def handler(event, context): pass")
    try:

        def mapping(**properties: Any) -> Resources:
            source = {"EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}, "FunctionName": function.name}
            return {
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": stack.name}},
                "Resource": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": source | properties},
            }

        outputs = {"Ref": {"Ref": "Resource"}}
        before = stack.deploy(mapping(BatchSize=5, ScalingConfig={"MaximumConcurrency": 2}), outputs)
        after = stack.deploy(mapping(BatchSize=6), outputs)
        assert after == before

        def settled() -> bool:
            shown = aws("lambda").get_event_source_mapping(UUID=after["Ref"])
            return (shown["BatchSize"], shown.get("ScalingConfig", {})) == (6, {})

        eventually(settled)
        stack.delete()
    finally:
        function.delete()


def test_a_queue_changes_its_attributes_in_place(aws: Aws, stack: Stack) -> None:
    def queues(receives: int, **more: Any) -> Resources:
        redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dlq", "Arn"]}, "maxReceiveCount": receives}
        return {
            "Dlq": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{stack.name}-dlq"}},
            "Resource": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"QueueName": stack.name, "RedrivePolicy": redrive, **more},
            },
        }

    outputs = {"Ref": {"Ref": "Resource"}}
    before = stack.deploy(queues(3, VisibilityTimeout=60), outputs)
    assert stack.deploy(queues(5), outputs) == before
    shown = aws("sqs").get_queue_attributes(QueueUrl=before["Ref"], AttributeNames=["All"])["Attributes"]
    assert json.loads(shown["RedrivePolicy"])["maxReceiveCount"] == 5
    assert shown["VisibilityTimeout"] == "30"


@pytest.mark.evidence("ours")
def test_a_change_that_the_engine_cannot_make_fails(aws: Aws, stack: Stack) -> None:
    def bucket(status: str) -> Resources:
        return one("AWS::S3::Bucket", BucketName=stack.name, VersioningConfiguration={"Status": status})

    stack.deploy(bucket("Enabled"))
    assert stack.try_to_deploy(bucket("Suspended"))["StackStatus"].startswith("UPDATE_ROLLBACK")
    assert any("cannot be changed in place" in reason for reason in stack.reasons())
    assert aws("s3").get_bucket_versioning(Bucket=stack.name)["Status"] == "Enabled"
