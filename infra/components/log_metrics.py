"""What is counted from the functions' structured logs, beside the metrics that they emit themselves."""

from dataclasses import dataclass

FAILURE_CATEGORIES = ("VALIDATION", "PERMANENT", "TRANSIENT", "TIMEOUT", "PROCESSING")


@dataclass(frozen=True)
class LogMetric:
    """A count of the log lines of one function that match a filter pattern."""

    name: str
    function: str
    pattern: str


def _event(name: str) -> str:
    return f'$.event = "{name}"'


LOG_METRICS = (
    LogMetric("OrdersProcessed", "worker", f"{{ {_event('order.processed')} }}"),
    LogMetric("OrdersDuplicate", "worker", f"{{ {_event('order.duplicate')} }}"),
    LogMetric("OrdersFailed", "worker", f"{{ {_event('order.failed')} }}"),
    LogMetric("OrdersDeadLettered", "worker", f"{{ {_event('order.dead_lettered')} }}"),
    *(
        LogMetric(
            f"Failed{category.capitalize()}",
            "worker",
            f'{{ ({_event("order.failed")}) && ($.errorCategory = "{category}") }}',
        )
        for category in FAILURE_CATEGORIES
    ),
    LogMetric("CircuitsOpened", "worker", f'{{ ({_event("circuit.changed")}) && ($.toState = "OPEN") }}'),
    LogMetric("CircuitsClosed", "worker", f'{{ ({_event("circuit.changed")}) && ($.toState = "CLOSED") }}'),
    LogMetric("OrdersRedriven", "redrive", f"{{ {_event('redrive.message_moved')} }}"),
)
