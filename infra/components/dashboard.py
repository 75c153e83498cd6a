"""The dashboard: alarms, queues, functions, API, and the orders themselves."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.components.log_metrics import FAILURE_CATEGORIES
from infra.components.metrics import OwnMetrics
from infra.components.slo import Objective
from infra.components.stack import LabStack
from infra.stacks.api import ApiStack
from infra.stacks.functions import FunctionsStack
from infra.stacks.queue import QueueStack

_ROW_HEIGHT = 6


class PipelineDashboard(Construct):
    """One page on which to see that an order went through, or where it is stuck."""

    def __init__(
        self,
        scope: LabStack,
        construct_id: str,
        *,
        queue: QueueStack,
        functions: FunctionsStack,
        api: ApiStack,
        alarms: Sequence[cloudwatch.AlarmBase],
        objectives: Sequence[Objective],
    ) -> None:
        super().__init__(scope, construct_id)
        own = OwnMetrics(scope.names)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=scope.names.prefix,
            default_interval=cdk.Duration.hours(1),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3)],
                _objectives(objectives),
                _queues(queue, own),
                _functions(functions),
                _api(api),
                _orders(own),
                _failures(own),
            ],
        )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    right: Sequence[cloudwatch.IMetric] | None = None,
    *,
    width: int = 8,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=None if right is None else list(right),
        width=width,
        height=_ROW_HEIGHT,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        right_y_axis=cloudwatch.YAxisProps(min=0),
    )


def _objectives(objectives: Sequence[Objective]) -> list[cloudwatch.IWidget]:
    return [_graph(f"{objective.promise}: not so, %", [objective.bad], width=12) for objective in objectives]


def _queues(queue: QueueStack, own: OwnMetrics) -> list[cloudwatch.IWidget]:
    def of(source: sqs.Queue, name: str, label: str) -> cloudwatch.Metric:
        return source.metric(name, statistic="Maximum", label=label)

    quiet = [of(queue.orders, "ApproximateNumberOfMessagesVisibleInQuietGroups", "waiting, quiet customers")]
    return [
        _graph(
            "Queue depth",
            [
                of(queue.orders, "ApproximateNumberOfMessagesVisible", "waiting"),
                *(quiet if queue.settings.fair_queues else []),
                of(queue.orders, "ApproximateNumberOfMessagesNotVisible", "in flight"),
                of(queue.orders, "ApproximateNumberOfMessagesDelayed", "delayed"),
            ],
        ),
        _graph(
            "Dead letters",
            [
                of(queue.dlq, "ApproximateNumberOfMessagesVisible", "orders"),
                of(queue.undelivered_events, "ApproximateNumberOfMessagesVisible", "undelivered events"),
            ],
        ),
        _graph(
            "Age of the oldest message, s",
            [
                own.oldest_order(queue.orders).with_(label="orders, since accepted"),
                of(queue.orders, "ApproximateAgeOfOldestMessage", "queue"),
                of(queue.dlq, "ApproximateAgeOfOldestMessage", "DLQ (since the move)"),
            ],
        ),
    ]


def _functions(stack: FunctionsStack) -> list[cloudwatch.IWidget]:
    shown = [
        stack.ingest,
        stack.worker,
        stack.redrive,
        stack.authorizer,
        *([stack.pauser] if stack.pauser else []),
    ]

    def each(name: str, statistic: str = "Sum") -> list[cloudwatch.Metric]:
        return [
            function.function.metric(name, statistic=statistic, label=function.shape.name)
            for function in shown
        ]

    return [
        _graph("Invocations", each("Invocations"), width=6),
        _graph("Function errors", each("Errors"), width=6),
        _graph("Throttles", each("Throttles"), width=6),
        _graph("Average duration, ms", each("Duration", "Average"), width=6),
    ]


def _api(api: ApiStack) -> list[cloudwatch.IWidget]:
    http = api.api
    return [
        _graph("Requests", [http.metric_count(statistic="Sum", label="requests")]),
        _graph(
            "API errors",
            [
                http.metric_client_error(statistic="Sum", label="4xx"),
                http.metric_server_error(statistic="Sum", label="5xx"),
            ],
        ),
        _graph(
            "API latency, ms",
            [
                http.metric_latency(statistic="Average", label="average"),
                http.metric_latency(statistic="Maximum", label="maximum"),
            ],
        ),
    ]


def _orders(own: OwnMetrics) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Orders",
            [
                own.emitted("OrdersAccepted", "ingest"),
                own.emitted("OrdersRejected", "ingest"),
                own.emitted("OrdersProcessed", "worker"),
                own.emitted("OrdersDuplicate", "worker"),
                own.emitted("OrdersRedriven", "redrive"),
            ],
        ),
        _graph(
            "From accepted to processed, ms",
            [
                own.emitted("EndToEndLatency", "worker", "Average").with_(label="average"),
                own.emitted("EndToEndLatency", "worker", "Maximum").with_(label="maximum"),
            ],
        ),
        _graph("Messages in a batch", [own.emitted("BatchSize", "worker", "Average")]),
    ]


def _failures(own: OwnMetrics) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Failures",
            [
                own.emitted("OrdersFailed", "worker"),
                own.emitted("OrdersRequeued", "worker"),
                own.emitted("OrdersDeadLettered", "worker"),
            ],
        ),
        _graph(
            "Failures by category",
            [own.counted(f"Failed{category.capitalize()}") for category in FAILURE_CATEGORIES],
        ),
        _graph("Circuit breakers", [own.counted("CircuitsOpened"), own.counted("CircuitsClosed")]),
    ]
