"""One order's whole way through the pipeline, put together from what AWS APIs know about it."""

from lab.trace.evidence import Evidence, Span, collect
from lab.trace.story import Moment, Story, tell

__all__ = ["Evidence", "Moment", "Span", "Story", "collect", "tell"]
