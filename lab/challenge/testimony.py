"""The history of a run: what was sent, what the witness told, and what is in the table, in the DLQ and on the bus."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from functions.redrive.dlq import messages_in
from lab.challenge.promises import unreceived
from lab.challenge.stand import Stand
from lab.common.clock import now_ms
from lab.history.events import Event, History, Kind, Source
from lab.pipeline.observe import fields_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

SOURCES = frozenset(Source) - {Source.AUDIT}
REPORT = "REPORT RequestId: "
ENDS = {
    "Status: timeout": "ran out of time",
    "Error Type: Runtime.OutOfMemory": "ran out of memory",
    "Status: error": "ended with an error of the runtime",
}
"""What Lambda's report of an invocation says of its end, first match first."""


@dataclass
class Testimony:
    """What is gathered of a run while it lasts; `gather` adds the rest."""

    stand: Stand
    run: str
    started: int = field(default_factory=now_ms)
    token: str = field(default_factory=lambda: uuid4().hex)
    """What the witness's lines carry, and no line that a handler prints."""

    events: list[Event] = field(default_factory=list[Event])
    _letters: dict[str, Event] = field(default_factory=dict[str, Event])
    _told: dict[str, Event] = field(default_factory=dict[str, Event])

    def sent(self, order_id: str, message_id: str, facts: Mapping[str, Any]) -> None:
        """SQS has taken a message of an order."""
        if not any(event.order_id == order_id for event in self.events):
            self.events.append(Event(now_ms(), Kind.ACCEPTED, order_id, facts=dict(facts)))
        self.events.append(Event(now_ms(), Kind.SENT, order_id, message_id=message_id))

    def did(self, what: str, order_id: str | None = None) -> None:
        """The nemesis has done something."""
        self.events.append(Event(now_ms(), Kind.NEMESIS, order_id, facts={"did": what}))

    def gather(self) -> History:
        """The history as it stands now."""
        told = list(self._told_by_the_witness())
        sent = {event.message_id: event.order_id for event in self.events if event.kind is Kind.SENT}
        self._look_into_the_dlq(sent)
        self._listen()
        events = [*self.events, *told, *self._rows(), *self._letters.values(), *self._told.values()]
        return History(
            run=self.run,
            started=self.started,
            ended=now_ms(),
            events=tuple(sorted(events, key=lambda event: event.time)),
            sources=SOURCES if self.stand.outcomes_url else SOURCES - {Source.TOPIC},
            queued=waiting(self.stand),
        )

    def _lines(self) -> list[tuple[int, str]]:
        group = f"/aws/lambda/{self.stand.function_name}"
        pages = self.stand.client("logs").get_paginator("filter_log_events")
        ours = f'?"{self.token}" ?"{REPORT}"'  # a handler may print a million lines besides
        return [
            (event["timestamp"], event["message"])
            for page in pages.paginate(logGroupName=group, startTime=self.started, filterPattern=ours)
            for event in page["events"]
        ]

    def _told_by_the_witness(self) -> Iterator[Event]:
        lines = [(at, text, fields_of(text) or {}) for at, text in self._lines()]
        batches: dict[str, list[str]] = {}
        for _, _, told in lines:
            if told.get("token") == self.token and told["event"] == "challenge.received":
                batches[told["invocation"]] = list(told["messages"])
        for at, text, told in lines:
            if told.get("token") == self.token:
                yield from events_of(told, batches)
            elif text.startswith(REPORT) and (reason := _end(text)):
                invocation = text.removeprefix(REPORT).split(maxsplit=1)[0]
                for message_id in batches.get(invocation, ()):
                    yield _ended(at, message_id, invocation, reason)

    def _rows(self) -> Iterator[Event]:
        client: DynamoDBClient = self.stand.client("dynamodb")
        wanted = {event.order_id for event in self.events}
        for page in client.get_paginator("scan").paginate(
            TableName=self.stand.table_name, ConsistentRead=True
        ):
            for row in page["Items"]:
                order_id = row[self.stand.key].get("S", "")
                if order_id in wanted:
                    times = int(Decimal(row.get("executions", {}).get("N", "1")))
                    yield Event(now_ms(), Kind.ROW_FOUND, order_id, facts={"executions": times})

    def _look_into_the_dlq(self, sent: Mapping[str | None, str | None]) -> None:
        for message in drained(self.stand, self.stand.dlq_url):
            attributes = message.get("MessageAttributes", {})
            given = {name: value.get("StringValue", "") for name, value in attributes.items()}
            by_name = given.get("orderId") or given.get("idempotencyKey")
            facts = {"errorType": given["errorType"]} if "errorType" in given else {}
            if group := message.get("Attributes", {}).get("MessageGroupId"):
                facts["group"] = group
            letter = message["MessageId"]
            order_id = sent.get(letter) or by_name
            self._letters[letter] = Event(now_ms(), Kind.LETTER_FOUND, order_id, letter=letter, facts=facts)

    def _listen(self) -> None:
        if not self.stand.outcomes_url:
            return
        for message in drained(self.stand, self.stand.outcomes_url):
            detail = (fields_of(message["Body"]) or {}).get("detail")
            if isinstance(detail, dict):
                told = cast("dict[str, Any]", detail)
                self._told[message["MessageId"]] = Event(
                    now_ms(), Kind.ANNOUNCED, str(told.get("orderId")), facts={"eventId": told.get("eventId")}
                )


def events_of(  # noqa: PLR0912  one branch for each line
    told: Mapping[str, Any], batches: Mapping[str, Iterable[str]]
) -> Iterator[Event]:
    """The events that one line of the witness tells of. `batches` are the messages of each invocation."""
    at, invocation = int(told["at"]), str(told["invocation"])

    def event(kind: Kind, message_id: str | None = None, **facts: Any) -> Event:
        order_id = told.get("orderId")
        return Event(at, kind, order_id, message_id=message_id, invocation=invocation, facts=facts)

    match str(told["event"]).removeprefix("challenge."):
        case "received":
            for message_id, receives in told["messages"].items():
                group = told["groups"].get(message_id)
                yield event(
                    Kind.RECEIVED, message_id, receiveCount=receives, **({"group": group} if group else {})
                )
        case "effect":
            yield event(Kind.EFFECT, late=True) if told["late"] else event(Kind.EFFECT)
        case "answered":
            for message_id, failed in told["messages"].items():
                yield event(
                    Kind.ANSWERED,
                    message_id,
                    willRetry=failed,
                    **({"why": told["why"]} if told["why"] else {}),
                )
        case "raised":
            reason = f"raised {told['error']}: {told['message']} ({told['where']})"
            for message_id in batches.get(invocation, ()):
                yield _ended(at, message_id, invocation, reason)
        case "killed":
            yield event(Kind.NEMESIS, did=f"killed the function at: {told['point']}")
            for message_id in batches.get(invocation, ()):
                yield _ended(at, message_id, invocation, "killed by the nemesis")
        case "redelivered":
            yield event(Kind.NEMESIS, told["messageId"], did="made the message visible again")
        case "refused":
            for order_id in told["orders"]:
                facts = {"did": "refused its row"}
                yield Event(at, Kind.NEMESIS, order_id, invocation=invocation, facts=facts)
        case "called":
            yield event(Kind.CALLED, failed=told["failed"])
        case _:
            return


def _ended(at: int, message_id: str, invocation: str, reason: str) -> Event:
    return Event(at, Kind.ENDED, message_id=message_id, invocation=invocation, facts={"reason": reason})


def _end(report: str) -> str | None:
    return next((reason for mark, reason in ENDS.items() if mark in report), None)


def untold(history: History) -> bool:
    """Whether lines of the log are still to come: the queue is empty, and nobody told how a message left it."""
    if history.queued:
        return False
    ended = {(event.message_id, event.invocation) for event in history.of(Kind.ANSWERED, Kind.ENDED)}
    received = {(event.message_id, event.invocation) for event in history.of(Kind.RECEIVED)}
    return bool(received - ended or unreceived(history))


def waiting(stand: Stand) -> int:
    """How many messages SQS counts in the queue: visible, hidden or delayed."""
    return messages_in(stand.client("sqs"), stand.queue_url)


def drained(stand: Stand, url: str) -> Iterator[Any]:
    """The messages of a queue that only its stand has an interest in; they are deleted."""
    client: SQSClient = stand.client("sqs")
    while messages := client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["MessageGroupId"],
    ).get("Messages"):
        for message in messages:
            client.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))
            yield json.loads(json.dumps(message, default=str))
