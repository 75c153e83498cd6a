"""The Lambda functions, what each may do, and the mapping that feeds the worker."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.components.canary import Canary
from infra.components.function import PipelineFunction, Shape
from infra.components.names import AlarmName
from infra.components.network import PrivateNetwork
from infra.components.stack import LabStack
from infra.settings import LOCAL_TIME_DIVISOR, Settings
from infra.stacks.queue import QueueStack

REDRIVE_TIMEOUT_SECONDS = 120
"""One invocation's share of a redrive operation; a longer operation goes on in the next invocation."""

DRY_RUN_TIMEOUT_SECONDS = 10
"""Whoever asks waits no longer (functions.common.aws.ANSWER_SECONDS), and an HTTP API's 30 seconds are no shorter on a
laptop."""

REDRIVE_MEMORY_MIB = 1024
"""16 receives at once may bring 160 messages of 1 MiB, which are in memory about three times while they are parsed."""

REDRIVE_LEASE_SECONDS = 30
"""After this time without a sign of life another invocation may take an operation over."""

REDRIVE_CANARY_SECONDS = 180
"""How long an operation's first messages may take to be processed, retries included."""

ASYNC_EVENT_SECONDS = 3600
"""How long Lambda tries to invoke for an asynchronous event; its default of six hours is longer than anybody waits."""


class FunctionsStack(LabStack):
    """The code of the pipeline."""

    def __init__(self, scope: Construct, settings: Settings, env: cdk.Environment, queue: QueueStack) -> None:
        super().__init__(
            scope, "functions", settings, env, "Ingestion lab: ingest, worker, redrive, authorizer."
        )
        self._queue = queue
        canary = Canary(self, "Canary") if settings.deployment_strategy == "canary" else None
        self._network = PrivateNetwork(self, "Network") if settings.enable_vpc_endpoints else None
        self.ingest = self._ingest()
        self.accepting = self.ingest.serve_by(canary)
        self.worker = self._worker()
        self.dry_run = self._dry_run()
        self.redrive = self._redrive()
        self._keep_failed_invocations()
        self.authorizer = self._authorizer()
        self.mapping = lambda_.EventSourceMapping(
            self,
            "WorkerMapping",
            target=self.worker.serve_by(canary),
            event_source_arn=queue.orders.queue_arn,
            batch_size=settings.batch_size,
            max_batching_window=cdk.Duration.seconds(window)
            if (window := settings.batching_window_seconds)
            else None,
            max_concurrency=settings.worker_max_concurrency,
            # Said only where nothing else switches it: whoever leaves `pause` while the mapping is paused changes this
            # from nothing to true, so that CloudFormation enables what no pauser will.
            enabled=None if settings.breaker_strategy == "pause" else True,
            report_batch_item_failures=True,
        )
        self.pauser = self._pauser(queue.pauser_queue, self.mapping) if queue.pauser_queue else None
        self.output("IngestFunctionName", self.ingest.function.function_name, "Accepts orders.")
        self.output("WorkerFunctionName", self.worker.function.function_name, "Processes orders.")
        self.output(
            "DryRunFunctionName", self.dry_run.function.function_name, "Tells what a redrive comes to."
        )
        self.output("RedriveFunctionName", self.redrive.function.function_name, "Brings dead orders back.")
        self.output(
            "WorkerEventSourceMappingId",
            self.mapping.event_source_mapping_id,
            "Feeds the worker from the queue.",
        )

    def _ingest(self) -> PipelineFunction:
        queue = self._queue
        return self._function(
            "Ingest",
            Shape(
                "ingest",
                "functions.ingest.handler.lambda_handler",
                "Validates and publishes orders.",
                512,
                20,
                reserved_concurrency=self.settings.ingest_reserved_concurrency,
            ),
            environment={
                "QUEUE_URL": queue.orders.queue_url,
                "SEND_BATCH_BYTES": str(self.settings.send_batch_bytes),
                "FAIR_QUEUES": str(self.settings.fair_queues).lower(),
            },
            statements=[
                *self._read_failure_mode(),
                _allow("PublishOrders", [queue.orders.queue_arn], "sqs:SendMessage"),
                *self._use_key("sqs", actions=("kms:Decrypt", "kms:GenerateDataKey")),
            ],
        )

    def _worker_environment(self) -> dict[str, str]:
        queue, settings = self._queue, self.settings
        environment = {
            "QUEUE_URL": queue.orders.queue_url,
            "DLQ_URL": queue.dlq.queue_url,
            "ORDERS_TABLE": queue.orders_table.table_name,
            "IDEMPOTENCY_TABLE": queue.idempotency_table.table_name,
            "CIRCUITS_TABLE": queue.circuits_table.table_name,
            "EVENT_BUS_NAME": queue.bus.event_bus_name,
            "MAX_RECEIVE_COUNT": str(settings.max_receive_count),
            "RETRY_BASE_SECONDS": str(settings.retry_base_seconds),
            "RETRY_CAP_SECONDS": str(settings.retry_cap_seconds),
            "ALARM_PERIOD_SECONDS": str(settings.alarm_period_seconds),
            "TTL_DAYS": str(settings.ttl_days),
            "BREAKER_STRATEGY": settings.breaker_strategy,
            "IDEMPOTENCY_IN_PROGRESS_SECONDS": str(settings.worker_timeout_seconds),
            "LEAST_PAUSE_SECONDS": str(settings.least_pause_seconds),
        }
        if queue.pauser_queue:
            environment["VALVE_QUEUE_URL"] = queue.pauser_queue.queue_url
        if settings.fault_seed is not None:
            environment["FAULT_SEED"] = str(settings.fault_seed)
        return environment

    def _worker(self) -> PipelineFunction:
        queue, settings = self._queue, self.settings
        return self._function(
            "Worker",
            Shape(
                "worker",
                "functions.worker.handler.lambda_handler",
                "Processes orders exactly once and sends what can never pass to the DLQ.",
                512,
                settings.worker_timeout_seconds,
            ),
            environment=self._worker_environment(),
            statements=[
                *self._read_failure_mode(),
                _allow(
                    "ReceiveOrders",
                    [queue.orders.queue_arn],
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ),
                # before an open circuit has cost a message all its receives
                _allow("RequeueOrders", [queue.orders.queue_arn], "sqs:SendMessage"),
                _allow("BuryOrders", [queue.dlq.queue_arn], "sqs:SendMessage"),
                *(
                    [_allow("AskForPause", [queue.pauser_queue.queue_arn], "sqs:SendMessage")]
                    if queue.pauser_queue
                    else []
                ),
                _allow(
                    "HoldIdempotencyKeys",
                    [queue.idempotency_table.table_arn],
                    "dynamodb:DeleteItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                ),
                _allow("StoreOrders", [queue.orders_table.table_arn], "dynamodb:UpdateItem"),
                _allow(
                    "ShareCircuits",
                    [queue.circuits_table.table_arn],
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                ),
                _allow("PublishOutcomes", [queue.bus.event_bus_arn], "events:PutEvents"),
                *self._use_key("sqs", "dynamodb"),
            ],
        )

    def _dry_run(self) -> PipelineFunction:
        """The worker's code and settings, and a role that reads: what it names besides, it may not touch."""
        queue = self._queue
        return self._function(
            "DryRun",
            Shape(
                "dry-run",
                "functions.worker.dry_run.lambda_handler",
                "Tells what the worker would make of dead letters, and changes nothing.",
                1024,
                DRY_RUN_TIMEOUT_SECONDS,
                bundle="worker",
            ),
            environment=self._worker_environment(),
            statements=[
                *self._read_failure_mode(),
                _allow(
                    "ReadKeysAndOrders",
                    [queue.idempotency_table.table_arn, queue.orders_table.table_arn],
                    "dynamodb:BatchGetItem",
                ),
                _allow("ReadCircuits", [queue.circuits_table.table_arn], "dynamodb:GetItem"),
                *self._use_key("dynamodb", actions=("kms:Decrypt",)),
            ],
        )

    def _redrive(self) -> PipelineFunction:
        queue = self._queue
        divisor = LOCAL_TIME_DIVISOR if self.settings.is_local else 1
        itself = self.arn(
            "lambda",
            "function",
            resource_name=self.names.of("redrive"),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        # Not the DLQ's own alarm, which is in ALARM whenever there is something to redrive. By name: the
        # observability stack comes later and refers to this one.
        alarm: AlarmName = "critical-worker-errors"
        return self._function(
            "Redrive",
            Shape(
                "redrive",
                "functions.redrive.handler.lambda_handler",
                "Previews the DLQ and moves chosen messages back to the queue.",
                REDRIVE_MEMORY_MIB,
                REDRIVE_TIMEOUT_SECONDS // divisor,
                # An operation is bounded by its own row, so many invocations of one are not a runaway loop;
                # Lambda's recursion detection would stop it after about 16.
                may_invoke_itself=True,
                audited=True,
            ),
            environment={
                "QUEUE_URL": queue.orders.queue_url,
                "DLQ_URL": queue.dlq.queue_url,
                "REDRIVE_TABLE": queue.redrive_table.table_name,
                "CIRCUITS_TABLE": queue.circuits_table.table_name,
                "ORDERS_TABLE": queue.orders_table.table_name,
                "DRY_RUN_FUNCTION": self.dry_run.function.function_name,
                "HALT_ALARMS": self.names.alarm(alarm),
                "LEASE_SECONDS": str(REDRIVE_LEASE_SECONDS // divisor),
                "CANARY_SECONDS": str(REDRIVE_CANARY_SECONDS // divisor),
            },
            statements=[
                _allow(
                    "TakeFromDlq",
                    [queue.dlq.queue_arn],
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ),
                _allow("SendBack", [queue.orders.queue_arn], "sqs:GetQueueAttributes", "sqs:SendMessage"),
                _allow(
                    "RecordOperations",
                    [queue.redrive_table.table_arn],
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                ),
                _allow(
                    "WatchCircuits", [queue.circuits_table.table_arn], "dynamodb:GetItem", "dynamodb:Scan"
                ),
                _allow("SeeOrdersPass", [queue.orders_table.table_arn], "dynamodb:BatchGetItem"),
                _allow("WatchAlarms", [self.alarm_arn(alarm)], "cloudwatch:DescribeAlarms"),
                _allow("AskTheWorkersCode", [self.dry_run.function.function_arn], "lambda:InvokeFunction"),
                _allow("ContinueInTheNextInvocation", [itself], "lambda:InvokeFunction"),
                _allow("KeepFailedInvocations", [queue.failed_invocations.queue_arn], "sqs:SendMessage"),
                *self._use_key("sqs", "dynamodb"),
            ],
        )

    def _keep_failed_invocations(self) -> None:
        """An operation goes on by an asynchronous invocation: what Lambda gives up is kept, with its reason.

        The operation itself waits in its row: whoever looks at it (`GET /redrive/{id}`) starts it again.
        """
        config = lambda_.CfnEventInvokeConfig(
            self,
            "RedriveInvocations",
            function_name=self.redrive.function.function_name,
            qualifier="$LATEST",
            maximum_event_age_in_seconds=ASYNC_EVENT_SECONDS,
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=self._queue.failed_invocations.queue_arn
                )
            ),
        )
        config.node.add_dependency(self.redrive.role)

    def _pauser(self, resume_messages: sqs.Queue, mapping: lambda_.EventSourceMapping) -> PipelineFunction:
        """What pauses and resumes the worker's mapping. Its role names that one mapping."""
        pauser = self._function(
            "Valve",
            Shape(
                "valve",
                "functions.pauser.handler.lambda_handler",
                "Pauses the worker's event source mapping while a circuit is open.",
                256,
                self.settings.worker_timeout_seconds,
            ),
            environment={
                "VALVE_QUEUE_URL": resume_messages.queue_url,
                "MAPPING_ID": mapping.event_source_mapping_id,
            },
            statements=[
                _allow(
                    "SwitchMapping", [mapping.event_source_mapping_arn], "lambda:UpdateEventSourceMapping"
                ),
                _allow(
                    "ReceiveReminders",
                    [resume_messages.queue_arn],
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ),
                *self._use_key("sqs", actions=("kms:Decrypt",)),
            ],
        )
        lambda_.EventSourceMapping(
            self,
            "ValveMapping",
            target=pauser.function,
            event_source_arn=resume_messages.queue_arn,
            batch_size=1,
            report_batch_item_failures=True,
        )
        return pauser

    def _authorizer(self) -> PipelineFunction:
        secret = self._queue.redrive_token
        return self._function(
            "Authorizer",
            Shape(
                "authorizer",
                "functions.redrive.authorizer.lambda_handler",
                "Checks the bearer token of the /redrive routes.",
                256,
                5,
                reserved_concurrency=self.settings.authorizer_reserved_concurrency,
                audited=True,
            ),
            environment={"REDRIVE_TOKEN_SECRET": self.names.redrive_token_secret},
            statements=[
                _allow("ReadToken", [secret.secret_arn], "secretsmanager:GetSecretValue"),
                *self._use_key("secretsmanager", actions=("kms:Decrypt",)),
            ],
        )

    def _function(
        self,
        construct_id: str,
        shape: Shape,
        *,
        environment: dict[str, str],
        statements: list[iam.PolicyStatement],
    ) -> PipelineFunction:
        everywhere = {"POWERTOOLS_METRICS_NAMESPACE": self.names.metric_namespace}
        if self.settings.has_failure_modes:
            everywhere |= {
                "FAILURE_MODE_PARAMETERS": ",".join(self.names.failure_mode_parameters),
                "FAILURE_MODE_MAX_AGE_SECONDS": str(self.settings.failure_mode_max_age_seconds),
            }
        return PipelineFunction(
            self,
            construct_id,
            shape,
            environment=everywhere | environment,
            statements=statements,
            network=self._network,
        )

    def _read_failure_mode(self) -> list[iam.PolicyStatement]:
        if not self.settings.has_failure_modes:
            return []
        arns = [parameter.parameter_arn for parameter in self._queue.failure_mode_parameters]
        return [_allow("ReadFailureMode", arns, "ssm:GetParameter", "ssm:GetParameters")]

    def _use_key(
        self,
        *services: str,
        actions: tuple[str, ...] = (
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ),
    ) -> list[iam.PolicyStatement]:
        """Use of the customer managed key, if there is one, through the named services only.

        SQS's producers need GenerateDataKey and Decrypt, its consumers Decrypt, DynamoDB's callers all of
        these (SQS guide "Key management", DynamoDB guide "Usage notes for encryption at rest").
        """
        if self._queue.key is None:
            return []
        endpoints = [f"{service}.{self.region}.amazonaws.com" for service in services]
        return [
            iam.PolicyStatement(
                sid="UseKey",
                actions=list(actions),
                resources=[self._queue.key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": endpoints}},
            )
        ]


def _allow(sid: str, resources: list[str], *actions: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=resources)
