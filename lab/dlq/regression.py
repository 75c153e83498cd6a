"""A dead letter as a small regression test against the worker's code: it fails until the worker can process the order.

The test runs what a deployed worker runs, without AWS: checks, pricing, and what would be written. Texts that may be
personal are replaced by others of the same shape, and a letter whose failure does not survive that is not written.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from functions.common import codec
from functions.common.errors import MalformedJsonError, type_of
from functions.common.observability import silence
from functions.idempotency import Effect, Result
from functions.processor import downstream
from functions.publish.envelope import Envelope
from functions.redrive.fingerprint import cause_of, schema_signature
from functions.worker.outcome import Failed
from functions.worker.process import MessageProcessor

KEPT_FIELDS = frozenset({"currency"})
"""Texts of a fixed vocabulary: they say nothing about anybody, and another word would not be one of it."""

TEMPLATE = '''\
"""Dead letter {name}, group {group}: died of {died_of}.

It fails with {failure}
until the worker can process the order. Texts that may be personal were replaced.
"""

from lab.dlq.regression import failure_of

BODY = {body}


def test_the_order_of_dead_letter_{name}_is_processed() -> None:
    assert failure_of(BODY) is None
'''


class _InMemory:
    """Every key is new, and nothing is written."""

    def run(self, key: str, payload: str, work: Callable[[], Effect]) -> Result:
        del key, payload
        return Result(work().response, replayed=False)


def failure_of(body: str) -> str | None:
    """What the worker's code objects to in an order, as `type: message`; None if it processes it."""
    processor = MessageProcessor(once=_InMemory(), orders_table="orders", price_service=downstream.healthy)
    with silence():
        outcome = processor.process(Envelope("letter", "", body, {}, receive_count=1, sent_at=0))
    return f"{type_of(outcome.error)}: {outcome.error}" if isinstance(outcome, Failed) else None


@dataclass(frozen=True)
class Regression:
    """A test's file name and text."""

    file: str
    text: str


def regression(envelope: Envelope) -> Regression | str:
    """The test of a letter; or why it has none."""
    failure = failure_of(envelope.body)
    if failure is None:
        return "the worker's code processes it: what killed it was not the order"
    try:
        body = codec.dumps(impersonal(codec.loads(envelope.body)))
    except MalformedJsonError:
        return "its body is no JSON, in which personal texts could be found and replaced"
    replaced = failure_of(body)
    if replaced is None or _kind(replaced) != _kind(failure):
        return "it fails for what a personal text holds"
    cause = cause_of(envelope)
    name = re.sub(r"\W", "_", envelope.message_id[:8], flags=re.ASCII)
    text = TEMPLATE.format(
        name=name,
        group=cause.fingerprint,
        died_of=_quotable(cause.error_type),
        failure=_quotable(_kind(replaced)),
        body=ascii(body),
    )
    return Regression(f"test_dead_letter_{name}.py", text)


def impersonal(document: Any, field: str = "") -> Any:
    """A document with letters and digits of its texts replaced; lengths, punctuation and numbers stay."""
    match document:
        case dict():
            members = cast("dict[str, Any]", document)
            return {name: impersonal(value, name) for name, value in members.items()}
        case list():
            return [impersonal(value, field) for value in cast("list[Any]", document)]
        case str() if field not in KEPT_FIELDS:
            return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", document))
        case _:
            return document


def _kind(failure: str) -> str:
    """A failure without what differs between orders."""
    kind, _, message = failure.partition(": ")
    return f"{kind}: {schema_signature(message)}"


def _quotable(text: str) -> str:
    """Text as it may stand in a docstring of the file, whoever wrote it."""
    return ascii(text)[1:-1].replace('"', "'")
