"""The functions' one logger and one set of metrics.

Log lines are JSON; `event` is from a closed vocabulary that metric filters and queries go by, and
`correlation_id` is on every line about an order.
"""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

# ASCII, other than Powertools' own: half a surrogate pair, which an order id in JSON can spell, has no other encoding,
# and a line that cannot be encoded is lost.
logger = Logger(use_rfc3339=True, json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
metrics = Metrics()


def log_event(
    event: str, *, correlation_id: str | None = None, order_id: str | None = None, **fields: object
) -> None:
    """Write one line about an event at level INFO; what is None is left out."""
    logger.info(event, stacklevel=3, extra=_fields(event, correlation_id, order_id, fields))


def log_problem(
    event: str, *, correlation_id: str | None = None, order_id: str | None = None, **fields: object
) -> None:
    """Write one line about an event that is a failure at level WARNING."""
    logger.warning(event, stacklevel=3, extra=_fields(event, correlation_id, order_id, fields))


def count(name: str, value: float = 1) -> None:
    """Add to a counted metric. Not thread-safe: for the thread of the handler alone."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def milliseconds(name: str, value: float) -> None:
    """Add a duration. Not thread-safe: for the thread of the handler alone."""
    metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=value)


def seconds_at(name: str, value: float, at: float) -> None:
    """Write a duration at once, with a time of its own (epoch seconds), which may lie up to two hours ahead."""
    with single_metric(
        name, MetricUnit.Seconds, value, default_dimensions={"service": metrics.service or ""}
    ) as metric:
        metric.set_timestamp(round(at * 1000))


@contextmanager
def metrics_of_invocation() -> Generator[None]:
    """Write the metrics once at the end, whatever happened; nothing if there are none (a health check)."""
    try:
        yield
    finally:
        if metrics.metric_set:
            metrics.flush_metrics()


@contextmanager
def silence() -> Generator[None]:
    """No log line for a `with` block: what happens there is no event of the pipeline's."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _fields(
    event: str, correlation_id: str | None, order_id: str | None, fields: dict[str, Any]
) -> dict[str, Any]:
    known = {"event": event, "correlation_id": correlation_id, "orderId": order_id, **fields}
    return {name: value for name, value in known.items() if value is not None}
