"""What shows and tells: metrics from logs, alarms and whom they notify, the dashboard, saved queries."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.components.alarms import ONE_OF_THREE, Alarms
from infra.components.dashboard import PipelineDashboard
from infra.components.function import PipelineFunction
from infra.components.log_metrics import LOG_METRICS
from infra.components.metrics import (
    OwnMetrics,
    failed_invocations,
    failed_percent,
    messages_in,
    refused_percent,
)
from infra.components.names import AlarmName
from infra.components.slo import ACCEPTANCE_PERCENT, LATENCY_PERCENT, Objective
from infra.components.stack import LabStack
from infra.settings import Settings
from infra.stacks.api import ApiStack
from infra.stacks.functions import FunctionsStack
from infra.stacks.queue import QueueStack

ERROR_PERCENT = 5
"""More failing invocations or answers than this in one period: at little traffic one is enough."""

QUERIES = Path(__file__).resolve().parents[2] / "ops" / "queries"


class ObservabilityStack(LabStack):
    """Everything that reads the pipeline; nothing in the pipeline depends on it."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        env: cdk.Environment,
        *,
        queue: QueueStack,
        functions: FunctionsStack,
        api: ApiStack,
    ) -> None:
        super().__init__(
            scope, "observability", settings, env, "Ingestion lab: dashboard, alarms, log metrics, queries."
        )
        self._queue, self._functions, self._api = queue, functions, api
        self._own = OwnMetrics(self.names)
        self.objectives = self._objectives()
        self.topic = self._topic()
        self.alarms = self._alarms()
        self._log_metrics()
        self._queries()
        PipelineDashboard(
            self,
            "Dashboard",
            queue=queue,
            functions=functions,
            api=api,
            alarms=self.alarms.all,
            objectives=self.objectives,
        )
        self.output("AlarmsTopicArn", self.topic.topic_arn, "Where alarms are sent.")
        self.output("DashboardName", self.names.prefix, "The dashboard.")
        self.output(
            "MetricNamespace", self.names.metric_namespace, "Namespace of the functions' own metrics."
        )
        # in the stack that is deployed last: until then the former settings are the deployed ones
        self.output("Settings", json.dumps(settings.chosen, sort_keys=True), "Settings beside the defaults.")

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Alarms",
            topic_name=self.names.of("alarms"),
            enforce_ssl=True,
            master_key=self._queue.key,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(self.settings.alarm_email))
        return topic

    def _objectives(self) -> list[Objective]:
        seconds = self.settings.latency_objective_seconds
        return [
            Objective(
                "acceptance",
                ACCEPTANCE_PERCENT,
                refused_percent(self._api.api),
                "Requests are answered without a server error",
            ),
            Objective(
                "latency",
                LATENCY_PERCENT,
                self._own.late_or_dead_percent(1000 * seconds),
                f"Orders are processed within {seconds} s of their acceptance",
            ),
        ]

    def _alarms(self) -> Alarms:
        alarms = Alarms(self, "AlarmSet", self.topic)
        self._alarms_of_objectives(alarms)
        self._alarms_of_queues(alarms)
        self._alarms_of_functions(alarms)
        self._alarms_of_losses(alarms)
        alarms.add_any(
            "critical-customers-hurt",
            ["critical-acceptance-burn", "critical-latency-burn", "critical-queue-age"],
            meaning="Customers are hurt: their orders are refused, late or dead, or wait and wait.",
        )
        return alarms

    def _alarms_of_objectives(self, alarms: Alarms) -> None:
        settings = self.settings
        for objective in self.objectives:
            alarms.add_burns(objective)
        alarms.add(
            "critical-api-5xx",
            refused_percent(self._api.api),
            above=ERROR_PERCENT,
            meaning=f"More than {ERROR_PERCENT} % of the API's answers are server errors: "
            "clients cannot know whether it took their orders.",
        )
        slow = 1000 * settings.worker_timeout_seconds
        alarms.add(
            "warning-latency",
            self._own.emitted("EndToEndLatency", "worker", "p99"),
            above=slow,
            meaning=f"From accepted to processed takes more than {slow} ms, one worker timeout, for one order in a "
            "hundred (p99).",
        )

    def _alarms_of_queues(self, alarms: Alarms) -> None:
        queue, settings = self._queue, self.settings
        alarms.add(
            "critical-dlq-depth",
            messages_in(queue.dlq),
            above=0,
            meaning="Orders are in the dead-letter queue: they will not be processed until somebody acts. `lab status` "
            "names the groups that grew.",
        )
        alarms.add(
            "critical-dlq-age",
            queue.dlq.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            above=settings.dlq_age_alarm_seconds,
            meaning=f"The oldest dead letter died more than {settings.dlq_age_alarm_seconds} s ago. SQS deletes it "
            "14 days after its order was accepted.",
        )
        alarms.add(
            "critical-undelivered-events",
            messages_in(queue.undelivered_events),
            above=0,
            meaning="Outcomes of orders did not reach their topic: the orders are done, their readers not told.",
        )
        if queue.pauser_queue and queue.pauser_dlq:
            self._alarms_of_pauses(alarms, queue.pauser_queue, queue.pauser_dlq)
        backlog = settings.backlog_alarm_messages
        alarms.add(
            "warning-backlog",
            queue.orders.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            above=backlog,
            meaning=f"More than {backlog} orders wait: they arrive faster than the worker takes them.",
        )
        ages: dict[AlarmName, int] = {"warning-queue-age": 2, "critical-queue-age": 4}
        for name, timeouts in ages.items():
            old = timeouts * settings.queue_visibility_seconds
            alarms.add(
                name,
                self._own.oldest_order(queue.orders),
                above=old,
                meaning=f"The oldest order has waited for more than {old} s, {timeouts} visibility timeouts, since "
                "it was accepted or brought back, however often it was retried or requeued.",
                rule=ONE_OF_THREE,
            )

    def _alarms_of_pauses(self, alarms: Alarms, resume_messages: sqs.Queue, dlq: sqs.Queue) -> None:
        alarms.add(
            "critical-mapping-disabled",
            messages_in(dlq),
            above=0,
            meaning="A message that was to enable the worker's mapping is in a dead-letter queue: nothing else will.",
        )
        long = self.settings.pause_alarm_seconds
        alarms.add(
            "warning-pauser-age",
            resume_messages.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            above=long,
            meaning=f"A resume message is older than {long} s: the mapping is paused for longer than any pause.",
        )

    def _alarms_of_functions(self, alarms: Alarms) -> None:
        functions = self._functions
        failing: dict[AlarmName, PipelineFunction] = {
            "critical-worker-errors": functions.worker,
            "critical-ingest-errors": functions.ingest,
            "critical-redrive-errors": functions.redrive,
            "warning-authorizer-errors": functions.authorizer,
        }
        if functions.pauser:
            failing["warning-pauser-errors"] = functions.pauser
        for name, function in failing.items():
            alarms.add(
                name,
                failed_percent(function.function),
                above=ERROR_PERCENT,
                meaning=f"More than {ERROR_PERCENT} % of the invocations of the {function.shape.name} function fail "
                "as a whole.",
                rule=ONE_OF_THREE if name.startswith("warning-") else None,
            )
        alarms.add(
            "warning-throttles",
            functions.worker.function.metric_throttles(statistic="Sum"),
            above=0,
            meaning="Invocations of the worker are throttled. Each spends a receive of its messages: with "
            f"{self.settings.max_receive_count} spent a good order is in the DLQ.",
        )
        alarms.add(
            "warning-ingest-throttles",
            functions.ingest.function.metric_throttles(statistic="Sum"),
            above=0,
            meaning="Invocations of the ingest function are throttled: the API refuses orders with 5xx.",
        )

    def _alarms_of_losses(self, alarms: Alarms) -> None:
        """What happens once, and is not tried again by anybody."""
        queue, functions = self._queue, self._functions
        losses: dict[AlarmName, tuple[cloudwatch.Metric, str]] = {
            "warning-rule-failures": (
                failed_invocations(self.names.of("order-events"), queue.bus),
                "The rule cannot hand events to its target: see whether their dead-letter queue has them.",
            ),
            "warning-dropped-events": (
                functions.redrive.function.metric("AsyncEventsDropped", statistic="Sum"),
                "Lambda dropped an asynchronous event of the redrive function: an operation does not go on.",
            ),
            "warning-recursion": (
                functions.worker.function.metric("RecursiveInvocationsDropped", statistic="Sum"),
                "Lambda took requeued orders for a loop and stopped it: they die without a cause of death.",
            ),
        }
        for name, (metric, meaning) in losses.items():
            alarms.add(name, metric, above=0, meaning=meaning, rule=ONE_OF_THREE)

    def _log_metrics(self) -> None:
        sources = {f.shape.name: f.log_group for f in (self._functions.worker, self._functions.redrive)}
        for metric in LOG_METRICS:
            logs.MetricFilter(
                self,
                metric.name,
                filter_name=self.names.of(metric.name),
                log_group=sources[metric.function],
                filter_pattern=logs.FilterPattern.literal(metric.pattern),
                metric_namespace=self.names.log_metric_namespace,
                metric_name=metric.name,
                metric_value="1",
            )

    def _queries(self) -> None:
        functions = (self._functions.ingest, self._functions.worker, self._functions.redrive)
        for file in sorted(QUERIES.glob("*.logs")):
            logs.CfnQueryDefinition(
                self,
                f"Query-{file.stem}",
                name=f"{self.names.prefix}/{file.stem}",
                query_string=query_text(file),
                log_group_names=[function.log_group.log_group_name for function in functions],
            )


def query_text(file: Path) -> str:
    """A saved query without the comment lines that say what it answers."""
    return "\n".join(line for line in file.read_text().splitlines() if line and not line.startswith("#"))
