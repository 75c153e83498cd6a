"""The queue stack: where messages wait, where they die, and how long either is kept."""

import aws_cdk as cdk
import pytest

from tests.infra.templates import Templates

DAY = 86_400


def test_a_message_that_fails_too_often_goes_to_the_dlq(templates: Templates) -> None:
    queue = templates.one("AWS::SQS::Queue", "Orders")
    assert queue.properties["RedrivePolicy"] == {
        "deadLetterTargetArn": "queue/OrdersDlq.Arn",
        "maxReceiveCount": templates.settings.max_receive_count,
    }


def test_the_dlq_takes_dead_letters_of_the_orders_queue_only(aws: Templates) -> None:
    dlq = aws.one("AWS::SQS::Queue", "OrdersDlq")
    allowed = dlq.properties["RedriveAllowPolicy"]
    assert allowed["redrivePermission"] == "byQueue"
    assert [arn.rsplit(":", 1)[1] for arn in allowed["sourceQueueArns"]] == ["ingestion-dev-orders"]


def test_the_dlq_keeps_messages_longer_than_the_queue_because_their_age_counts_from_the_first_send(
    templates: Templates,
) -> None:
    kept = {q.path: q.properties["MessageRetentionPeriod"] for q in templates.all("AWS::SQS::Queue")}
    pauser = {"Valve": 14 * DAY, "ValveDlq": 14 * DAY} if templates.settings.has_pauser else {}
    others = dict.fromkeys(("OrdersDlq", "UndeliveredEvents", "FailedInvocations"), 14 * DAY)
    assert kept == {"Orders": 4 * DAY} | others | pauser


def test_the_visibility_timeout_leaves_the_worker_its_time(templates: Templates) -> None:
    worker = templates.one("AWS::Lambda::Function", "Worker/Function").properties["Timeout"]
    visibility = templates.one("AWS::SQS::Queue", "Orders").properties["VisibilityTimeout"]
    margin = 5 if templates.settings.is_local else 30
    assert visibility >= max(6 * worker, worker + margin)


def test_queues_and_topics_refuse_unencrypted_connections(templates: Templates) -> None:
    policies = [*templates.all("AWS::SQS::QueuePolicy"), *templates.all("AWS::SNS::TopicPolicy")]
    assert len(policies) == 6 + 2 * templates.settings.has_pauser
    for policy in policies:
        refused = [
            statement
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        assert len(refused) == 1, policy.path


def test_an_event_that_cannot_reach_its_topic_is_kept(aws: Templates) -> None:
    rule = aws.one("AWS::Events::Rule", "OrderEventsRule")
    (target,) = rule.properties["Targets"]
    assert target["Arn"] == "queue/OrderEvents"
    assert target["DeadLetterConfig"] == {"Arn": "queue/UndeliveredEvents.Arn"}
    assert rule.properties["EventPattern"] == {
        "source": ["ingestion.orders"],
        "detail-type": ["OrderProcessed", "OrderFailed"],
    }


@pytest.mark.parametrize(
    ("table", "key", "ttl"),
    [
        ("OrdersTable", "orderId", None),
        ("IdempotencyTable", "id", "expiration"),
        ("CircuitsTable", "id", "expiration"),
        ("RedriveTable", "id", None),
    ],
)
def test_a_table_has_the_key_and_the_expiry_that_its_users_expect(
    aws: Templates, table: str, key: str, ttl: str | None
) -> None:
    properties = aws.one("AWS::DynamoDB::Table", table).properties
    assert properties["KeySchema"] == [{"AttributeName": key, "KeyType": "HASH"}]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties.get("TimeToLiveSpecification", {}).get("AttributeName") == ttl


KEPT = (
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
)
AUDITED = ("Authorizer/Logs", "Redrive/Logs")


def policies(templates: Templates) -> dict[str, tuple[str, str]]:
    """What becomes of what holds data, and of the logs of who moved it, by construct path."""
    return {
        resource.path: (resource.raw["DeletionPolicy"], resource.raw["UpdateReplacePolicy"])
        for resource in templates.all()
        if resource.type in KEPT or resource.path in AUDITED
    }


def test_disposable_environments_leave_nothing_behind(local: Templates, aws: Templates) -> None:
    for templates in (local, aws):
        assert set(policies(templates).values()) == {("Delete", "Delete")}


def test_elsewhere_data_key_and_audit_outlive_the_stack_but_not_a_creation_that_fails(
    secured: Templates,
) -> None:
    assert set(policies(secured).values()) == {("RetainExceptOnCreate", "Retain")}
    assert {"OrdersDlq", "Orders", "UndeliveredEvents", *AUDITED} <= policies(secured).keys()


def test_no_table_is_protected_before_it_exists_or_a_failed_creation_could_not_be_taken_back(
    secured: Templates,
) -> None:
    tables = list(secured.all("AWS::DynamoDB::Table"))
    assert not [table.path for table in tables if table.properties.get("DeletionProtectionEnabled")]


def test_stacks_are_protected_from_deletion_outside_disposable_environments(
    local: Templates, aws: Templates, secured: Templates
) -> None:
    def protected(templates: Templates) -> set[bool | None]:
        stacks = [child for child in templates.app.node.children if isinstance(child, cdk.Stack)]
        assert len(stacks) == 4
        return {stack.termination_protection for stack in stacks}

    assert protected(local) == protected(aws) == {False}
    assert protected(secured) == {True}


def test_the_development_environment_alone_answers_to_the_plain_failure_mode_parameter(
    aws: Templates, secured: Templates
) -> None:
    def names(templates: Templates) -> list[str]:
        return [parameter.properties["Name"] for parameter in templates.all("AWS::SSM::Parameter")]

    assert names(aws) == ["/ingestion/dev/failure_mode", "/ingestion/failure_mode"]
    assert names(secured) == ["/ingestion/prod/failure_mode"]
    assert {parameter.properties["Value"] for parameter in aws.all("AWS::SSM::Parameter")} == {"none"}


def test_the_redrive_token_is_generated_and_nowhere_written_down(aws: Templates) -> None:
    (secret,) = aws.all("AWS::SecretsManager::Secret")
    assert secret.properties["Name"] == "ingestion-dev/redrive-token"
    assert secret.properties["GenerateSecretString"]["PasswordLength"] == 48
    assert "SecretString" not in secret.properties


def test_events_are_archived_for_a_replay_on_request_and_never_locally(aws: Templates) -> None:
    assert not list(aws.all("AWS::Events::Archive"))
    archived = Templates({"eventArchiveDays": "14"}).one("AWS::Events::Archive", "Archive/Archive").properties
    assert archived["RetentionDays"] == 14
    assert archived["SourceArn"] == "queue/Bus.Arn"
    assert archived["EventPattern"]["source"] == ["ingestion.orders"]
    assert not list(Templates({"profile": "local", "eventArchiveDays": "14"}).all("AWS::Events::Archive"))
