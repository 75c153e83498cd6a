"""Spans as JSON lines of the function's log, one each, for `lab trace` and for queries."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import format_span_id, format_trace_id

CORRELATION_ID = "messaging.message.conversation_id"
"""OpenTelemetry's name for a correlation id (semantic conventions for messaging)."""

ORDER_ID = "order.id"


class LogLines(SpanExporter):
    """Writes spans as they end. `request_id` is the invocation's, as in every other line of the log."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.request_id = ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write; a line at a time, as several threads do."""
        for span in spans:
            sys.stdout.write(f"{json.dumps(self._line(span))}\n")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """There is nothing to close."""

    def _line(self, span: ReadableSpan) -> dict[str, Any]:
        attributes = dict(span.attributes or {})
        start, end = span.start_time or 0, span.end_time or 0
        line = {
            "event": "span",
            "service": self._service,
            "name": span.name,
            "kind": span.kind.name,
            "traceId": format_trace_id(span.context.trace_id) if span.context else "",
            "spanId": format_span_id(span.context.span_id) if span.context else "",
            "parentSpanId": format_span_id(span.parent.span_id) if span.parent else None,
            "startMs": start / 1e6,
            "durationMs": round((end - start) / 1e6, 3),
            "status": span.status.status_code.name,
            "function_request_id": self.request_id,
            "correlation_id": attributes.pop(CORRELATION_ID, None),
            "orderId": attributes.pop(ORDER_ID, None),
            "attributes": attributes or None,
            "links": [
                {
                    "traceId": format_trace_id(link.context.trace_id),
                    "spanId": format_span_id(link.context.span_id),
                }
                for link in span.links
            ]
            or None,
        }
        return {name: value for name, value in line.items() if value is not None}
