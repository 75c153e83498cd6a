"""The small world of one challenge: a queue with its DLQ, somebody's own function, its tables, and a bus."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.components.logs import log_group
from infra.components.names import EVENT_SOURCE, Names
from infra.settings import SettingError, host_architecture, whole

NOT_YET = "def handler(event, context):\n    raise RuntimeError('the code is not here yet')\n"
"""What the function is made with: its own code follows by UpdateFunctionCode, which no deployment has to wait for."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, kw_only=True)
class World:
    """What is deployed for a challenge. Times are in seconds; `fifo` makes both queues FIFO queues.

    `reserved` is the function's reserved concurrency, 0 for none.
    """

    env_name: str
    challenge: str
    visibility: int
    timeout: int
    max_receives: int
    batch_size: int
    concurrency: int
    memory: int
    reserved: int
    fifo: bool

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read a CDK app's context. Raises SettingError."""
        for name in ("envName", "challenge"):
            if not NAME.fullmatch(str(context.get(name))):
                rule = "must be lower-case letters, digits and hyphens, at most 31"
                raise SettingError(name, context.get(name), rule, "effect-once")

        def number(name: str, low: int, high: int) -> int:
            rule = whole(low, high)
            try:
                return rule.parse(context.get(name))
            except ValueError:
                raise SettingError(name, context.get(name), rule.text, low) from None

        return cls(
            env_name=context["envName"],
            challenge=context["challenge"],
            visibility=number("visibility", 1, 43_200),
            timeout=number("timeout", 1, 900),
            max_receives=number("maxReceives", 1, 1000),
            batch_size=number("batchSize", 1, 10),
            concurrency=number("concurrency", 2, 1000),
            memory=number("memory", 128, 10_240),
            reserved=number("reserved", 0, 1000),
            fifo=context.get("fifo") == "true",
        )


class ChallengeStack(cdk.Stack):
    """Everything goes with the stack: nobody's data is in it."""

    def __init__(self, scope: Construct, world: World, env: cdk.Environment) -> None:
        self._prefix = Names(world.env_name).of(f"challenge-{world.challenge}")
        super().__init__(
            scope,
            self._prefix,
            stack_name=self._prefix,
            env=env,
            description=f"Ingestion lab: the challenge {world.challenge}.",
        )
        self._fifo = world.fifo
        dlq = self._queue("Dlq")
        queue = self._queue(
            "Queue",
            visibility_timeout=cdk.Duration.seconds(world.visibility),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dlq, max_receive_count=world.max_receives),
        )
        orders, keys = self._table("Orders", "orderId"), self._table("Keys", "id", expires="expiration")
        bus = events.EventBus(self, "Bus", event_bus_name=self._prefix)
        outcomes = sqs.Queue(self, "Outcomes", enforce_ssl=True)
        events.Rule(
            self,
            "EveryOutcome",
            event_bus=bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE]),
            targets=[targets.SqsQueue(outcomes)],
        )
        function = lambda_.Function(
            self,
            "Handler",
            function_name=self._prefix,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(NOT_YET),
            architecture=lambda_.Architecture.ARM_64
            if host_architecture() == "arm64"
            else lambda_.Architecture.X86_64,
            memory_size=world.memory,
            timeout=cdk.Duration.seconds(world.timeout),
            reserved_concurrent_executions=world.reserved or None,
            log_group=log_group(self, "Logs", f"/aws/lambda/{self._prefix}", 1),
            environment={
                "QUEUE_URL": queue.queue_url,
                "DLQ_URL": dlq.queue_url,
                "TABLE_NAME": orders.table_name,
                "KEYS_TABLE_NAME": keys.table_name,
                "EVENT_BUS_NAME": bus.event_bus_name,
                "VISIBILITY_SECONDS": str(world.visibility),
                "TIMEOUT_SECONDS": str(world.timeout),
                "MAX_RECEIVE_COUNT": str(world.max_receives),
            },
        )
        # local engines check this path's roles: a stranger's handler keeps its hands off everything else
        cast("iam.CfnRole", cast("iam.Role", function.role).node.default_child).path = "/enforced/"
        for resource in (queue, dlq):
            resource.grant_send_messages(function)
        queue.grant_consume_messages(function)
        for table in (orders, keys):
            table.grant_read_write_data(function)
        bus.grant_put_events_to(function)
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=queue.queue_arn,
            batch_size=world.batch_size,
            # a FIFO queue's messages are in groups, which bound the concurrency themselves
            max_concurrency=world.concurrency,
            report_batch_item_failures=True,
        )
        for key, value in {
            "FunctionName": function.function_name,
            "MappingId": mapping.event_source_mapping_id,
            "QueueUrl": queue.queue_url,
            "DlqUrl": dlq.queue_url,
            "OutcomesUrl": outcomes.queue_url,
            "TableName": orders.table_name,
        }.items():
            cdk.CfnOutput(self, key, value=value)

    def _queue(self, construct_id: str, **more: Any) -> sqs.Queue:
        # without a name of its own: SQS takes none again for 60 s after its queue was deleted
        return sqs.Queue(
            self,
            construct_id,
            fifo=True if self._fifo else None,
            content_based_deduplication=True if self._fifo else None,
            enforce_ssl=True,
            **more,
        )

    def _table(self, construct_id: str, key: str, expires: str | None = None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            table_name=f"{self._prefix}-{construct_id.lower()}",
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=expires,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
