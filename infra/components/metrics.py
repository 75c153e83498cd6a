"""The metrics that alarms and the dashboard look at, each of one environment alone."""

from dataclasses import dataclass

from aws_cdk import aws_apigatewayv2 as apigwv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.components.names import Names


@dataclass(frozen=True)
class OwnMetrics:
    """What an environment's functions emit, and what is counted from their logs."""

    names: Names

    def emitted(self, name: str, service: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric that a function emits itself (EMF). No label: with one, its alarm becomes a metric query."""
        return cloudwatch.Metric(
            namespace=self.names.metric_namespace,
            metric_name=name,
            dimensions_map={"service": service},
            statistic=statistic,
        )

    def counted(self, name: str) -> cloudwatch.Metric:
        """A metric that a filter counts from the logs."""
        return cloudwatch.Metric(
            namespace=self.names.log_metric_namespace,
            metric_name=name,
            statistic="Sum",
            label=f"{name} (logs)",
        )

    def oldest_order(self, orders: sqs.Queue) -> cloudwatch.MathExpression:
        """How long the oldest order has been waiting, in seconds.

        SQS tells the age of the oldest message that was received less than three times, and a requeued copy is new to
        it. The worker tells the age of what it hides, ahead of time: that counts while anything is hidden.
        """

        def hidden(state: str) -> cloudwatch.Metric:
            return orders.metric(f"ApproximateNumberOfMessages{state}", statistic="Maximum")

        return cloudwatch.MathExpression(
            expression="MAX([age, IF(retried + requeued > 0, waiting, 0)])",
            using_metrics={
                "age": orders.metric_approximate_age_of_oldest_message(statistic="Maximum"),
                "retried": hidden("NotVisible"),
                "requeued": hidden("Delayed"),
                "waiting": self.emitted("OldestOrderWaiting", "worker", "Maximum"),
            },
            label="the oldest order's age, s",
        )

    def late_or_dead_percent(self, target_ms: int) -> cloudwatch.MathExpression:
        """The share of orders that were processed later than the target, or died, of those that were either.

        A redriven order has told already, by its death: the worker measures the latency of first lives only. An array
        passes over what has no data, such as deaths as long as there are none.
        """
        return cloudwatch.MathExpression(
            expression="100 * SUM([processed * (100 - in_time) / 100, died]) / SUM([processed, died])",
            using_metrics={
                "processed": self.emitted("EndToEndLatency", "worker", "SampleCount"),
                "in_time": self.emitted("EndToEndLatency", "worker", f"PR(:{target_ms})"),
                "died": self.emitted("OrdersDeadLettered", "worker"),
            },
            label="orders late or dead, %",
        )


def messages_in(queue: sqs.Queue) -> cloudwatch.MathExpression:
    """Messages in a queue that only people and redrives receive from: what they hide for a while counts, too."""
    return cloudwatch.MathExpression(
        expression="visible + hidden",
        using_metrics={
            "visible": queue.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            "hidden": queue.metric_approximate_number_of_messages_not_visible(statistic="Maximum"),
        },
        label="messages",
    )


def failed_percent(function: lambda_.Function) -> cloudwatch.MathExpression:
    """The share of a function's invocations that failed as a whole."""
    return cloudwatch.MathExpression(
        expression="100 * errors / invocations",
        using_metrics={
            "errors": function.metric_errors(statistic="Sum"),
            "invocations": function.metric_invocations(statistic="Sum"),
        },
        label="failed invocations, %",
    )


def refused_percent(api: apigwv2.HttpApi) -> cloudwatch.MathExpression:
    """The share of requests that the API answered with a server error. A client's own errors count as served."""
    return cloudwatch.MathExpression(
        expression="100 * refused / requests",
        using_metrics={
            "refused": api.metric_server_error(statistic="Sum"),
            "requests": api.metric_count(statistic="Sum"),
        },
        label="requests refused, %",
    )


def failed_invocations(rule_name: str, bus: events.EventBus) -> cloudwatch.Metric:
    """What a rule of a custom bus could not hand to a target in the end; nothing is emitted where there is none.

    By the rule's own name: a reference to it is the bus and the rule, which no metric is called by.
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="FailedInvocations",
        dimensions_map={"EventBusName": bus.event_bus_name, "RuleName": rule_name},
        statistic="Sum",
    )
