"""Where tracing takes hold, if it is deployed; without it nothing is imported and nothing happens.

The setting enableTracing deploys `functions.tracing` beside a function, and its handler installs a tracer here.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

TRACEPARENT = "traceparent"
"""The header, and the message attribute, of the W3C Trace Context recommendation."""


class Tracer[M](Protocol):
    """What the pipeline asks of tracing."""

    def traceparent(self) -> str | None:
        """The span at hand as others refer to it, if there is one."""
        ...

    def process[T](self, process: Callable[[M], T], message: M, /) -> T:
        """Process a message in a span that belongs to the trace the message carries."""
        ...


_installed: list[Tracer[Any]] = []


def install(tracer: Tracer[Any]) -> None:
    """Trace with this from now on."""
    _installed[:] = [tracer]


def carried() -> "Mapping[str, Attribute]":
    """The attribute with which a message takes its trace along; none without tracing."""
    parent = _installed[0].traceparent() if _installed else None
    return {} if parent is None else {TRACEPARENT: {"DataType": "String", "StringValue": parent}}


def each_traced[M, T](process: Callable[[M], T]) -> Callable[[M], T]:
    """`process`, with a span around every message; itself without tracing."""
    if not _installed:
        return process
    tracer = _installed[0]
    return lambda message: tracer.process(process, message)
