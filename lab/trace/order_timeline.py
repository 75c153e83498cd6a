"""An order's timeline: what was found about it, in the order in which it happened. No AWS here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.common import codec
from functions.redrive.error_types import error_category, error_type, is_attributed
from functions.redrive.selection import died_at
from lab.trace.collector import Evidence, Invocation, Line, Span

LOG = "log"
PLATFORM = "Lambda's log"
ACCESS_LOG = "access log"
EVENT_LOG = "event log"
ROW = "orders table"
AUDIT = "redrive table"
LETTER = "dead letter"
DEDUCED = "deduced"

OUTCOMES = {
    "order.processed": "processed, effect committed",
    "order.duplicate": "duplicate: an earlier delivery's effect stands",
    "order.failed": "failed",
}
"""How a receive ends, as the worker logs it."""

_COMMON = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "cold_start",
        "function_name",
        "function_arn",
        "event",
    }
    | {
        "function_memory_size",
        "function_request_id",
        "correlation_id",
        "orderId",
        "xray_trace_id",
        "sampling_rate",
    }
)


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `at` is epoch milliseconds, None where nobody noted the time.

    `after` is the time of what it cannot have come before, whatever the clocks say: a sender notes a message once it is
    sent, and by then it may have been received. `payload` is what was there of the order itself, where anybody kept it.
    """

    at: int | None
    where: str
    what: str
    source: str
    correlation_id: str = ""
    line: str = ""
    after: int = 0
    payload: str = ""


@dataclass(frozen=True)
class OrderTimeline:
    """An order's way: where it is now, and how it came there."""

    order_id: str
    correlation_ids: tuple[str, ...]
    state: str
    receives: int
    deaths: int
    redrives: int
    moments: tuple[Moment, ...]
    spans: tuple[Span, ...] = ()

    @property
    def milliseconds(self) -> int:
        """From the first to the last moment."""
        times = [moment.at for moment in self.moments if moment.at is not None]
        return max(times) - min(times) if times else 0

    def as_json(self) -> dict[str, Any]:
        """The timeline for other programs: times in epoch milliseconds."""
        return {
            "orderId": self.order_id,
            "correlationIds": list(self.correlation_ids),
            "state": self.state,
            "milliseconds": self.milliseconds,
            "receives": self.receives,
            "deaths": self.deaths,
            "redrives": self.redrives,
            "moments": [
                {
                    "at": moment.at,
                    "where": moment.where,
                    "what": moment.what,
                    "source": moment.source,
                    "correlationId": moment.correlation_id,
                    "line": moment.line,
                    "payload": moment.payload,
                }
                for moment in self.moments
            ],
            "spans": [
                {
                    "traceId": span.trace_id,
                    "spanId": span.span_id,
                    "parentSpanId": span.parent_id,
                    "name": span.name,
                    "service": span.service,
                    "startMs": span.start,
                    "durationMs": span.duration,
                    "failed": span.failed,
                    "attributes": span.attributes,
                }
                for span in self.spans
            ],
        }


def build_timeline(evidence: Evidence) -> OrderTimeline:
    """Put the evidence in order."""
    builder = _Builder(evidence)
    moments = list(builder.moments())
    moments.sort(key=lambda moment: (moment.at is None, max(moment.at or 0, moment.after)))
    count = builder.count
    return OrderTimeline(
        order_id=evidence.order_id,
        correlation_ids=tuple(evidence.correlation_ids),
        state=_state(evidence),
        receives=len(builder.receives),
        deaths=count("order.dead_lettered")
        + sum(not is_attributed(envelope) for envelope in evidence.letters),
        redrives=count("redrive.message_moved"),
        moments=tuple(moments),
        spans=tuple(evidence.spans),
    )


def _state(evidence: Evidence) -> str:
    """Where the order is now."""
    events = [line.event for line in evidence.lines]
    if evidence.effect:
        again = evidence.effect.executions
        return "processed" if again == 1 else f"processed {again} times: a double side effect"
    if evidence.discards:
        return "discarded"
    if evidence.letters:
        return "in the DLQ"
    fates = [event for event in events if event in ("order.dead_lettered", "redrive.message_moved")]
    if fates and fates[-1] == "order.dead_lettered":
        return "dead, but not visible in the DLQ: in flight there, deleted or expired"
    if "order.accepted" not in events and "order.rejected" in events:
        return "rejected"
    return "in the queue or in flight"


class _Builder:
    """Walks through the evidence of one order."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._sent: dict[str, int] = {}
        """When each message was sent, or failed last; epoch milliseconds by message id."""
        self.receives: dict[tuple[str, str], int] = {}
        """Receive count by message id and invocation."""
        self._bodies = {letter.message_id: letter.body for letter in evidence.letters}
        self._unannounced = {
            (line.get("messageId"), line.request_id)
            for line in evidence.lines
            if line.event == "order.failed" and line.get("errorType") in ("EventNotPublished", "CircuitOpen")
        }

    def count(self, event: str) -> int:
        """How many lines tell of an event."""
        return sum(line.event == event for line in self._evidence.lines)

    def moments(self) -> Iterator[Moment]:
        for line in self._evidence.lines:
            yield from self._of(line)
        yield from self._lost_receives()
        yield from self._effect()
        yield from self._announced()
        yield from self._letters()
        for row in self._evidence.discards:
            yield Moment(
                int(row.get("discardedAt", 0)),
                "DLQ",
                f"discarded by {row.get('discardedBy')}: {row.get('reason')}",
                AUDIT,
                str(row.get("correlationId", "")),
                payload=str(row.get("body", "")),
            )

    def _of(self, line: Line) -> Iterator[Moment]:
        match line.event:
            case "order.accepted":
                yield from self._request(line)
                self._sent[line.get("messageId")] = line.at
                yield _logged(line, "ingest", f"accepted as message {line.get('messageId')}")
            case "order.rejected":
                yield from self._request(line)
                yield _logged(line, "ingest", f"rejected with {line.get('status')}: {line.get('detail')}")
            case event if event in OUTCOMES:
                yield from self._receive(line)
                yield _logged(line, "worker", _outcome(line))
            case "order.dead_lettered":
                died = _logged(
                    line,
                    "DLQ",
                    f"dead of {line.get('errorCategory')} {line.get('errorType')} "
                    f"as message {line.get('dlqMessageId')}",
                )
                yield replace(died, payload=self._bodies.get(line.get("dlqMessageId"), ""))
                yield from self._announced_death(line)
            case "order.requeued":
                self._sent[line.get("newMessageId")] = line.at
                told = f"sent again as message {line.get('newMessageId')} (requeue {line.get('requeues')})"
                yield _logged(line, "queue", f"{told}, hidden for {line.get('delaySeconds')} s")
            case "redrive.message_moved":
                self._sent[line.get("messageId")] = line.at
                operation = self._evidence.operations.get(line.get("operationId"), {})
                yield _logged(
                    line,
                    "redrive",
                    f"moved back to the queue as message {line.get('messageId')} (redrive "
                    f"{line.get('redriveCount')}) by operation {line.get('operationId')} "
                    f"of {operation.get('requestedBy', 'somebody')}",
                )
            case event:
                details = ", ".join(
                    f"{k} {v}" for k, v in line.fields.items() if k not in _COMMON and k != "exception"
                )
                yield _logged(line, line.function, f"{event}: {details}" if details else event)

    def _request(self, line: Line) -> Iterator[Moment]:
        """What came before ingest's own line: the API's request, or else the invocation's start."""
        request = self._evidence.requests.get(line.get("apiRequestId"))
        invocation = self._invocation(line)
        if request:
            latency = request.get("responseLatency")
            at = request.at - int(latency) if latency.isdigit() else request.at
            told = f"{request.get('method')} {request.get('path')} {request.get('status')} in {latency} ms"
            yield Moment(at, "API", told, ACCESS_LOG, line.get("correlation_id"), request.text)
        if invocation.received is not None:
            yield self._started(invocation, line, "ingest", "invoked")

    def _receive(self, line: Line) -> Iterator[Moment]:
        """The receive that a line of the worker is about, once for each."""
        receive = (line.get("messageId"), line.request_id)
        if receive in self.receives:
            return
        self.receives[receive] = int(line.get("receiveCount") or 0)
        invocation = self._invocation(line)
        before = self._sent.get(line.get("messageId"))
        at = invocation.received
        waited = "" if at is None or before is None else f" after {max(0, at - before)} ms"
        told = f"receive {line.get('receiveCount')}{waited}"
        self._sent[line.get("messageId")] = line.at
        if at is None:
            yield Moment(line.at, "queue", told, LOG, line.get("correlation_id"))
        else:
            yield replace(self._started(invocation, line, "queue", told), after=before or 0)

    def _started(self, invocation: Invocation, line: Line, where: str, told: str) -> Moment:
        how = "" if invocation.init is None else f", cold start of {invocation.init:.0f} ms"
        took = "" if invocation.duration is None else f" (invocation of {invocation.duration:.0f} ms{how})"
        return Moment(invocation.received, where, f"{told}{took}", PLATFORM, line.get("correlation_id"))

    def _invocation(self, line: Line) -> Invocation:
        return self._evidence.invocations.get(line.request_id, Invocation())

    def _lost_receives(self) -> Iterator[Moment]:
        """Receives that the count tells of although nobody logged them."""
        counts: dict[str, set[int]] = {}
        for (message_id, _), number in self.receives.items():
            counts.setdefault(message_id, set()).add(number)
        for message_id, seen in counts.items():
            for number in sorted(set(range(1, max(seen) + 1)) - seen):
                told = (
                    f"receive {number} of message {message_id} left no line: "
                    "the invocation crashed, timed out or was throttled"
                )
                yield Moment(None, "queue", told, DEDUCED)

    def _effect(self) -> Iterator[Moment]:
        if effect := self._evidence.effect:
            told = f"effect, executions {effect.executions}"
            yield Moment(effect.processed_at, "table", told, ROW, payload=_text(self._evidence.row))

    def _announced(self) -> Iterator[Moment]:
        """The event of each receive that ended well: as the event log has it, or else as the worker's rule says."""
        for line in self._evidence.events:
            detail = line.fields.get("detail", {})
            told = f"{line.get('detail-type')} {detail.get('eventId')} matched the rule"
            correlation = str(detail.get("correlationId", ""))
            yield Moment(line.at, "event", told, EVENT_LOG, correlation, line.text, payload=_text(detail))
            yield self._notified(line.at, str(detail.get("correlationId", "")))
        if self._evidence.events:
            return
        for line in self._evidence.lines:
            done = line.event in ("order.processed", "order.duplicate")
            ended = self._invocation(line).ended
            if (
                done
                and ended is not None
                and (line.get("messageId"), line.request_id) not in self._unannounced
            ):
                told = "OrderProcessed on the bus, or the worker would not have acknowledged the order"
                yield Moment(ended, "event", told, DEDUCED, line.get("correlation_id"))
                yield self._notified(ended, line.get("correlation_id"))

    def _announced_death(self, line: Line) -> Iterator[Moment]:
        ended = self._invocation(line).ended
        if not self._evidence.events and ended is not None:
            told = "OrderFailed put on the bus, once: a death whose event fails is not told again"
            yield Moment(ended, "event", told, DEDUCED, line.get("correlation_id"))

    def _notified(self, at: int, correlation_id: str) -> Moment:
        readers = ", ".join(self._evidence.subscribers) or "nobody subscribes"
        told = f"to the topic ({readers}); SNS keeps no record of single messages"
        return Moment(at, "notification", told, DEDUCED, correlation_id)

    def _letters(self) -> Iterator[Moment]:
        for letter in self._evidence.letters:
            body = letter.body
            if is_attributed(letter):
                told = f"now in the DLQ: {error_category(letter)} {error_type(letter)}, message {letter.message_id}"
                if not self.count("order.dead_lettered"):
                    yield Moment(died_at(letter), "DLQ", told, LETTER, letter.correlation_id, payload=body)
            else:
                told = f"moved to the DLQ by SQS after its last receive, message {letter.message_id}"
                yield Moment(None, "DLQ", told, LETTER, letter.correlation_id, payload=body)


def _text(document: Mapping[str, Any]) -> str:
    """A document as JSON; empty where there is none."""
    return codec.dumps(document) if document else ""


def _logged(line: Line, where: str, what: str) -> Moment:
    return Moment(line.at, where, what, LOG, line.get("correlation_id"), line.text)


def _outcome(line: Line) -> str:
    told = OUTCOMES[line.event]
    if line.event != "order.failed":
        return told
    fate = "will be retried" if line.fields.get("willRetry") else "will not be retried"
    return f"{told}: {line.get('errorCategory')} {line.get('errorType')}, {fate} ({line.get('errorMessage')})"
