"""OpenTelemetry set up for one function, and the spans that the pipeline makes itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext
from opentelemetry.context import Context
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.propagators.aws.aws_xray_propagator import (  # pyright: ignore[reportMissingTypeStubs]
    AwsXRayLambdaPropagator,
)
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from functions.common.errors import category_of, type_of
from functions.common.settings import TracingSettings
from functions.common.tracing import TRACEPARENT
from functions.tracing.lines import CORRELATION_ID, ORDER_ID, LogLines

if TYPE_CHECKING:
    from functions.publish.envelope import Envelope

EXPORT_SECONDS = 1
"""How long an invocation may wait for an OTLP endpoint at its end."""

CORRELATION_HEADER = "X-Correlation-Id"

_W3C = TraceContextTextMapPropagator()


class Telemetry:
    """One function's tracer. An environment serves one invocation at a time."""

    def __init__(self, settings: TracingSettings) -> None:
        self._lines = LogLines(settings.service)
        self._provider = TracerProvider(
            # Spans of every order, whatever X-Ray samples: its decision comes with the parent that Lambda hands over,
            # one order a second and a few more by default, and would leave all other orders without a tree.
            sampler=ALWAYS_ON,
            resource=Resource.create(
                {
                    "service.name": settings.service,
                    "service.version": settings.code_version,
                    "deployment.environment.name": settings.env_name,
                }
            ),
        )
        self._provider.add_span_processor(SimpleSpanProcessor(self._lines))
        if settings.exports_otlp:
            # Costs start-up time, so only who has an endpoint pays for it. It reads the OTEL_* variables itself.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )

            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
        self._tracer = self._provider.get_tracer("functions.tracing")
        self._invocation: SpanContext | None = None
        # No header of its own on calls: botocore sends Lambda's, whose lineage ends recursive loops.
        BotocoreInstrumentor().instrument(
            tracer_provider=self._provider, propagator=CompositePropagator([]), skip_dep_check=True
        )

    def invoke(
        self,
        handler: Callable[[dict[str, Any], LambdaContext], Any],
        event: dict[str, Any],
        context: LambdaContext,
    ) -> Any:
        """Run a handler in a span; all spans are out when it returns or raises."""
        self._lines.request_id = context.aws_request_id
        what = _what(event, context)
        try:
            with self._tracer.start_as_current_span(
                what.name,
                context=AwsXRayLambdaPropagator().extract(dict[str, str](), context=what.parent),
                kind=what.kind,
                attributes={"faas.invocation_id": context.aws_request_id, **what.attributes},
                links=what.links,
            ) as span:
                self._invocation = span.get_span_context()
                answer = handler(event, context)
                if what.kind is SpanKind.SERVER:
                    _note_answer(span, answer)
                return answer
        finally:
            self._provider.force_flush()

    def traceparent(self) -> str | None:
        """The span at hand in W3C's format."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get(TRACEPARENT)

    def process[T](self, process: "Callable[[Envelope], T]", envelope: "Envelope") -> T:
        """Process a message in a span of the trace that it carries, with a link to this invocation."""
        attributes = {
            "messaging.system": "aws_sqs",
            "messaging.message.id": envelope.message_id,
            CORRELATION_ID: envelope.correlation_id,
            ORDER_ID: envelope.order_id or "",
            "messaging.receive_count": envelope.receive_count,
            "messaging.redrive_count": envelope.redrive_count,
        }
        with self._tracer.start_as_current_span(
            "process order",
            context=_remote(envelope.traceparent),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=[Link(self._invocation)] if self._invocation else [],
        ) as span:
            outcome = process(envelope)
            error = getattr(outcome, "error", None)
            if isinstance(error, Exception):
                span.set_attribute("error.type", type_of(error))
                span.set_attribute("error.category", category_of(error).value)
                span.set_status(Status(StatusCode.ERROR))
            return outcome


@dataclass(frozen=True)
class _Invocation:
    """What an event is, in OpenTelemetry's terms."""

    name: str
    kind: SpanKind
    parent: Context
    attributes: dict[str, str | int] = field(default_factory=dict[str, str | int])
    links: tuple[Link, ...] = ()


def _what(event: Mapping[str, Any], context: LambdaContext) -> _Invocation:
    records: list[dict[str, Any]] = event.get("Records") or []
    if records:
        queue = str(records[0].get("eventSourceARN", "")).rpartition(":")[2]
        parents = [
            record.get("messageAttributes", {}).get(TRACEPARENT, {}).get("stringValue") for record in records
        ]
        spans = [get_current_span(_remote(parent)).get_span_context() for parent in parents if parent]
        return _Invocation(
            f"receive {queue}",
            SpanKind.CONSUMER,
            Context(),
            {
                "messaging.system": "aws_sqs",
                "messaging.destination.name": queue,
                "messaging.batch.message_count": len(records),
            },
            tuple(Link(span) for span in spans if span.is_valid),
        )
    if "routeKey" in event:
        http: Mapping[str, str] = event.get("requestContext", {}).get("http", {})
        headers: Mapping[str, str] = event.get("headers") or {}
        return _Invocation(
            str(event["routeKey"]),
            SpanKind.SERVER,
            _remote(headers.get(TRACEPARENT)),
            {"http.request.method": http.get("method", ""), "url.path": http.get("path", "")},
        )
    return _Invocation(f"invoke {context.function_name}", SpanKind.INTERNAL, Context())


def _remote(traceparent: str | None) -> Context:
    """The context of a span elsewhere; an empty one where there is none, or none that can be read."""
    return _W3C.extract({TRACEPARENT: traceparent} if traceparent else {}, context=Context())


def _note_answer(span: Span, answer: Any) -> None:
    """Status and correlation id of an HTTP answer; an authorizer's answer has neither."""
    document = cast(dict[str, Any], answer) if isinstance(answer, dict) else {}
    status, headers = document.get("statusCode"), cast(dict[str, str], document.get("headers", {}))
    if not isinstance(status, int):
        return
    span.set_attribute("http.response.status_code", status)
    if CORRELATION_HEADER in headers:
        span.set_attribute(CORRELATION_ID, headers[CORRELATION_HEADER])
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
