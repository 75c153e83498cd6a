"""One order's whole way through the pipeline, put together from what AWS APIs know about it."""

from lab.trace.collector import Evidence, Span, collect
from lab.trace.order_timeline import Moment, OrderTimeline, build_timeline

__all__ = ["Evidence", "Moment", "OrderTimeline", "Span", "build_timeline", "collect"]
