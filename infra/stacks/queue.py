"""What keeps state or carries messages: queue and DLQ, tables, event bus, topic, parameters, secret, key."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_xray as xray
from constructs import Construct

from infra.components.logs import log_group
from infra.components.names import EVENT_DETAIL_TYPES, EVENT_SOURCE
from infra.components.stack import LabStack
from infra.settings import Settings

QUEUE_RETENTION = cdk.Duration.days(4)
DLQ_RETENTION = cdk.Duration.days(14)
"""SQS's maximum. A message in the DLQ keeps its first enqueue time, so this exceeds the queue's own."""

PAUSER_RECEIVES = 1000
"""SQS's maximum. A resume message is received again and again while a mapping is changing, and must not be lost."""


class QueueStack(LabStack):
    """The stateful part of the pipeline."""

    def __init__(self, scope: Construct, settings: Settings, env: cdk.Environment) -> None:
        super().__init__(
            scope, "queue", settings, env, "Ingestion lab: queue, DLQ, tables, event bus, parameters, secret."
        )
        self.key = self._key() if settings.use_kms_cmk else None
        self.dlq = self._queue("OrdersDlq", "orders-dlq", DLQ_RETENTION, allow_redrive_from="orders")
        self.orders = self._queue(
            "Orders",
            "orders",
            QUEUE_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dlq, max_receive_count=settings.max_receive_count
            ),
        )
        # A reminder is no data, and a queue that is kept would stand in the way of another change to `pause`.
        self.pauser_dlq: sqs.Queue | None = None
        self.pauser_queue: sqs.Queue | None = None
        if settings.has_pauser:
            self.pauser_dlq = self._queue(
                "ValveDlq",
                "valve-dlq",
                DLQ_RETENTION,
                allow_redrive_from="valve",
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
            self.pauser_queue = self._queue(
                "Valve",
                "valve",
                DLQ_RETENTION,
                dead_letter_queue=sqs.DeadLetterQueue(
                    queue=self.pauser_dlq, max_receive_count=PAUSER_RECEIVES
                ),
                removal_policy=cdk.RemovalPolicy.DESTROY,
            )
        self.orders_table = self._table("OrdersTable", "orders", key="orderId")
        self.idempotency_table = self._table("IdempotencyTable", "idempotency", ttl="expiration")
        self.circuits_table = self._table("CircuitsTable", "circuits", ttl="expiration")
        self.redrive_table = self._table("RedriveTable", "redrive")
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=self.names.prefix,
            description="Outcomes of orders.",
            kms_key=self.key,
        )
        self.order_events_topic = sns.Topic(
            self,
            "OrderEvents",
            topic_name=self.names.of("order-events"),
            enforce_ssl=True,
            master_key=self.key,
            tracing_config=sns.TracingConfig.ACTIVE if self._on_xray else None,
        )
        # A statement of its own: CDK's target would open the key to EventBridge as a whole. EventBridge documents no
        # condition here (its guide, "Using resource-based policies", SNS permissions).
        self.order_events_topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EventsOfTheRule",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.order_events_topic.topic_arn],
            )
        )
        target = sns.Topic.from_topic_arn(self, "OrderEventsTarget", self.order_events_topic.topic_arn)
        self.undelivered_events = self._queue("UndeliveredEvents", "order-events-undelivered", DLQ_RETENTION)
        self.failed_invocations = self._queue("FailedInvocations", "failed-invocations", DLQ_RETENTION)
        if settings.event_archive_days and not settings.is_local:
            self._archive(settings.event_archive_days)
        self.order_events_rule = events.Rule(
            self,
            "OrderEventsRule",
            rule_name=self.names.of("order-events"),
            description="Passes every outcome of an order on to the topic.",
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=list(EVENT_DETAIL_TYPES)),
            targets=[targets.SnsTopic(target, dead_letter_queue=self.undelivered_events)],
        )
        # its target is a topic of this very stack, which CDK cannot see from an ARN
        cdk.Annotations.of(self.order_events_rule).acknowledge_warning(
            "@aws-cdk/aws-events:ruleUnresolvedEnvironment"
        )
        if settings.enable_tracing:
            self._log_events()
        self.failure_mode_parameters = [
            ssm.StringParameter(
                self,
                f"FailureMode{index}",
                parameter_name=name,
                string_value="none",
                description="Failure mode of the lab: none, poison_payload, schema_mismatch, slow_downstream, ...",
            )
            for index, name in enumerate(self.names.failure_mode_parameters)
        ]
        self.redrive_token = secretsmanager.Secret(
            self,
            "RedriveToken",
            secret_name=self.names.redrive_token_secret,
            description="Bearer token of the /redrive routes.",
            encryption_key=self.key,
            removal_policy=self.removal_policy,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=48
            ),
        )
        self._outputs()

    def _archive(self, days: int) -> None:
        """Keep the outcomes of orders for a replay: whoever gets one again knows it by its eventId."""
        events.Archive(
            self,
            "Archive",
            archive_name=self.names.prefix,
            description="Outcomes of orders, for a replay to their rule.",
            source_event_bus=self.bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE]),
            retention=cdk.Duration.days(days),
        )

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=self.names.prefix,
            description=f"Data of {self.names.prefix} at rest.",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
        )
        cloudwatch = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        eventbridge = iam.ServicePrincipal("events.amazonaws.com")
        topic = self.arn("sns", self.names.of("order-events"))
        rule = self.arn(
            "events", "rule", resource_name=f"{self.names.prefix}/{self.names.of('order-events')}"
        )
        for sid, sender, conditions in (
            ("AlarmsToTopic", cloudwatch, {"StringEquals": {"aws:SourceAccount": self.account}}),
            # SNS passes no aws:Source... on for EventBridge: with such a condition events vanish without an
            # error (SNS guide, "Key management"). The topic's encryption context narrows it as well.
            (
                "EventsToTopic",
                eventbridge,
                {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic}},
            ),
            ("UndeliveredEventsToQueue", eventbridge, {"ArnEquals": {"aws:SourceArn": rule}}),
        ):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[sender],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    conditions=conditions,
                )
            )
        return key

    @property
    def _on_xray(self) -> bool:
        return self.settings.enable_tracing and not self.settings.is_local

    def _log_events(self) -> None:
        """Keep what the rule matches in a log, where one order's events can be found by its id.

        As a second target of the rule. CDK's own target for logs would bring a function along that writes the log's
        resource policy.
        """
        name = self.names.event_log_group
        group = log_group(self, "EventLog", name, self.settings.log_retention_days)
        target = {
            "Id": "EventLog",
            "Arn": self.arn(
                "logs", "log-group", resource_name=name, arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
            ),
        }
        rule = cast(events.CfnRule, self.order_events_rule.node.default_child)
        rule.add_property_override("Targets.1", target)
        rule.node.add_dependency(group)
        if self._on_xray:
            self._let_services_write(group)

    def _let_services_write(self, group: logs.LogGroup) -> None:
        """EventBridge to the log of events, SNS to X-Ray; both by policies of their own, as AWS wants it."""
        from_here = {"StringEquals": {"aws:SourceAccount": self.account}}
        logs.CfnResourcePolicy(
            self,
            "EventLogPolicy",
            policy_name=self.names.of("event-log"),
            policy_document=self.to_json_string(
                _policy("events", ["logs:CreateLogStream", "logs:PutLogEvents"], group.log_group_arn)
            ),
        )
        xray.CfnResourcePolicy(
            self,
            "TopicTraces",
            policy_name=self.names.of("topic-traces"),
            policy_document=self.to_json_string(
                _policy(
                    "sns",
                    ["xray:PutTraceSegments", "xray:GetSamplingRules", "xray:GetSamplingTargets"],
                    "*",
                    from_here,
                )
            ),
        )

    def _queue(
        self,
        construct_id: str,
        name: str,
        retention: cdk.Duration,
        *,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
        allow_redrive_from: str = "",
        removal_policy: cdk.RemovalPolicy | None = None,
    ) -> sqs.Queue:
        redrive_allow_policy = None
        if allow_redrive_from:
            source = sqs.Queue.from_queue_arn(
                self, f"{construct_id}Source", self.arn("sqs", self.names.of(allow_redrive_from))
            )
            redrive_allow_policy = sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE, source_queues=[source]
            )
        return sqs.Queue(
            self,
            construct_id,
            queue_name=self.names.of(name),
            visibility_timeout=cdk.Duration.seconds(self.settings.queue_visibility_seconds),
            retention_period=retention,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.KMS if self.key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=self.key,
            dead_letter_queue=dead_letter_queue,
            redrive_allow_policy=redrive_allow_policy,
            removal_policy=removal_policy or self.removal_policy,
        )

    def _table(
        self, construct_id: str, name: str, *, key: str = "id", ttl: str | None = None
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            table_name=self.names.of(name),
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=ttl,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=not self.settings.is_local
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else None,
            encryption_key=self.key,
            removal_policy=self.removal_policy,
        )

    def _outputs(self) -> None:
        self.output("QueueUrl", self.orders.queue_url, "The queue of accepted orders.")
        self.output("QueueName", self.orders.queue_name, "Its name.")
        self.output("DlqUrl", self.dlq.queue_url, "The dead-letter queue.")
        self.output("DlqName", self.dlq.queue_name, "Its name.")
        if self.pauser_queue:
            self.output("ValveQueueUrl", self.pauser_queue.queue_url, "Reminders to resume a paused mapping.")
        self.output(
            "UndeliveredEventsQueueUrl", self.undelivered_events.queue_url, "Events that reached no topic."
        )
        self.output("OrdersTableName", self.orders_table.table_name, "One row for each processed order.")
        self.output("IdempotencyTableName", self.idempotency_table.table_name, "Remembered idempotency keys.")
        self.output("CircuitsTableName", self.circuits_table.table_name, "State of the circuit breakers.")
        self.output("RedriveTableName", self.redrive_table.table_name, "Redrive operations and audit rows.")
        self.output("EventBusName", self.bus.event_bus_name, "Where outcomes of orders are published.")
        self.output("OrderEventsRuleName", self.names.of("order-events"), "The rule that passes them on.")
        self.output("OrderEventsTopicArn", self.order_events_topic.topic_arn, "The topic it passes them to.")
        self.output("FailureModeParameter", self.names.failure_mode_parameter, "Switches failure modes.")
        self.output("RedriveTokenSecretName", self.names.redrive_token_secret, "Token of /redrive.")


def _policy(
    service: str, actions: list[str], resource: str, condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A resource policy that lets one AWS service do something."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": actions,
        "Resource": resource,
    }
    return {
        "Version": "2012-10-17",
        "Statement": [statement | ({"Condition": condition} if condition else {})],
    }
