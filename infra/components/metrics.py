"""The metrics that alarms and the dashboard look at, each of one environment alone."""

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
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
