"""One customer managed key for everything at rest, if it is asked for."""

import pytest

from tests.infra.templates import Resource, Templates

KEY = "queue/Key.Arn"
PLACE = "us-east-1:123456789012"
RULE = "ingestion-prod-order-events"


def _statements(resource: Resource) -> list[dict[str, object]]:
    return resource.properties["KeyPolicy"]["Statement"]


def test_without_the_setting_there_is_no_key_and_sqs_encrypts_with_its_own(aws: Templates) -> None:
    assert not list(aws.all("AWS::KMS::Key"))
    assert all(queue.properties["SqsManagedSseEnabled"] for queue in aws.all("AWS::SQS::Queue"))


def test_with_the_setting_queues_topics_tables_bus_and_secret_use_one_key(secured: Templates) -> None:
    (alias,) = secured.all("AWS::KMS::Alias")
    assert alias.properties["AliasName"] == "alias/ingestion-prod"
    assert {q.properties["KmsMasterKeyId"] for q in secured.all("AWS::SQS::Queue")} == {KEY}
    assert {t.properties["KmsMasterKeyId"] for t in secured.all("AWS::SNS::Topic")} == {KEY}
    assert {
        t.properties["SSESpecification"]["KMSMasterKeyId"] for t in secured.all("AWS::DynamoDB::Table")
    } == {KEY}
    assert {b.properties["KmsKeyIdentifier"] for b in secured.all("AWS::Events::EventBus")} == {KEY}
    assert {s.properties["KmsKeyId"] for s in secured.all("AWS::SecretsManager::Secret")} == {KEY}


def test_the_key_rotates(secured: Templates) -> None:
    (key,) = secured.all("AWS::KMS::Key")
    assert key.properties["EnableKeyRotation"]


@pytest.mark.parametrize(
    ("sid", "service", "condition"),
    [
        ("AlarmsToTopic", "cloudwatch", {"StringEquals": {"aws:SourceAccount": "123456789012"}}),
        (
            "EventsToTopic",
            "events",
            {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{PLACE}:{RULE}"}},
        ),
        (
            "UndeliveredEventsToQueue",
            "events",
            {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{PLACE}:rule/ingestion-prod/{RULE}"}},
        ),
    ],
)
def test_a_service_may_use_the_key_to_send_to_encrypted_topics_and_queues(
    secured: Templates, sid: str, service: str, condition: dict[str, dict[str, str]]
) -> None:
    (key,) = secured.all("AWS::KMS::Key")
    (statement,) = [s for s in _statements(key) if s.get("Sid") == sid]
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert statement["Condition"] == condition


def test_no_service_may_use_the_key_without_a_condition(secured_and_paused: Templates) -> None:
    (key,) = secured_and_paused.all("AWS::KMS::Key")
    services = [statement for statement in _statements(key) if "Service" in str(statement["Principal"])]
    assert len(services) == 4
    assert [statement for statement in services if not statement.get("Condition")] == []


def test_each_function_may_use_the_key_through_the_services_it_calls(
    secured_and_paused: Templates,
) -> None:
    through = {
        role.path: statement["Condition"]["StringEquals"]["kms:ViaService"]
        for role in secured_and_paused.all("AWS::IAM::Role")
        for policy in role.properties.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "UseKey" and statement["Resource"] == KEY
    }
    queues, tables, secrets = (
        f"{service}.us-east-1.amazonaws.com" for service in ("sqs", "dynamodb", "secretsmanager")
    )
    assert through == {
        "Ingest/Role": [queues],
        "Worker/Role": [queues, tables],
        "DryRun/Role": [tables],
        "Redrive/Role": [queues, tables],
        "Authorizer/Role": [secrets],
        "Valve/Role": [queues],
    }
