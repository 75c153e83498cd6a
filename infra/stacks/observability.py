"""What shows and tells: metrics from logs, alarms and whom they notify, the dashboard, saved queries."""

# pyright: reportArgumentType=false
# CDK's classes name parameters otherwise than their interfaces do, so pyright refuses one for the other. jsii
# checks the types whenever Python runs without -O, as it does in the tests.

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.components.alarms import Alarms
from infra.components.dashboard import PipelineDashboard
from infra.components.function import PipelineFunction
from infra.components.log_metrics import LOG_METRICS
from infra.components.metrics import OwnMetrics
from infra.components.names import AlarmName
from infra.components.stack import LabStack
from infra.settings import Settings
from infra.stacks.api import ApiStack
from infra.stacks.functions import FunctionsStack
from infra.stacks.queue import QueueStack

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
        self.topic = self._topic()
        self.alarms = self._alarms()
        self._log_metrics()
        self._queries()
        PipelineDashboard(
            self, "Dashboard", queue=queue, functions=functions, api=api, alarms=self.alarms.all
        )
        self.output("AlarmsTopicArn", self.topic.topic_arn, "Where alarms are sent.")
        self.output("DashboardName", self.names.prefix, "The dashboard.")
        self.output(
            "MetricNamespace", self.names.metric_namespace, "Namespace of the functions' own metrics."
        )

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

    def _alarms(self) -> Alarms:
        queue, functions, settings = self._queue, self._functions, self.settings
        own = OwnMetrics(self.names)
        alarms = Alarms(self, "AlarmSet", self.topic)
        alarms.add(
            "critical-dlq-depth",
            queue.dlq.metric_approximate_number_of_messages_visible(),
            "Maximum",
            above=0,
            meaning="Orders are in the dead-letter queue: they will not be processed until somebody acts.",
        )
        alarms.add(
            "critical-undelivered-events",
            queue.undelivered_events.metric_approximate_number_of_messages_visible(),
            "Maximum",
            above=0,
            meaning="Outcomes of orders did not reach their topic: the orders are done, their readers not told.",
        )
        errors: dict[AlarmName, PipelineFunction] = {
            "critical-worker-errors": functions.worker,
            "critical-ingest-errors": functions.ingest,
            "critical-redrive-errors": functions.redrive,
        }
        for name, function in errors.items():
            alarms.add(
                name,
                function.function.metric_errors(),
                "Sum",
                above=0,
                meaning=f"Invocations of the {function.shape.name} function fail as a whole.",
            )
        alarms.add(
            "critical-api-5xx",
            self._api.api.metric_server_error(),
            "Sum",
            above=0,
            meaning="The API answers with server errors: clients cannot know whether it took their orders.",
        )
        backlog = settings.backlog_alarm_messages
        alarms.add(
            "warning-backlog",
            queue.orders.metric_approximate_number_of_messages_visible(),
            "Maximum",
            above=backlog,
            meaning=f"More than {backlog} orders wait: they arrive faster than the worker takes them.",
        )
        ages: dict[AlarmName, int] = {"warning-queue-age": 2, "critical-queue-age": 4}
        for name, timeouts in ages.items():
            old = timeouts * settings.queue_visibility_seconds
            alarms.add_age(
                name,
                own.oldest_order(queue.orders),
                above=old,
                meaning=f"The oldest order has waited for more than {old} s, {timeouts} visibility timeouts, since "
                "it was accepted or brought back, however often it was retried or requeued.",
            )
        slow = 1000 * settings.worker_timeout_seconds
        alarms.add(
            "warning-latency",
            own.emitted("EndToEndLatency", "worker"),
            "Average",
            above=slow,
            meaning=f"From accepted to processed takes more than {slow} ms on average, one worker timeout.",
        )
        alarms.add(
            "warning-throttles",
            functions.worker.function.metric_throttles(),
            "Sum",
            above=0,
            meaning="Invocations of the worker are throttled. Each spends a receive of its messages: with "
            f"{settings.max_receive_count} spent a good order is in the DLQ.",
        )
        return alarms

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
