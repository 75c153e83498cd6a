"""Judges a pipeline by what it does to orders of its own; no setting is looked at but one, which takes days to show.

What an order came to is read by its id and its correlation id: in its effect, its event, the worker's log and its dead
letter. Whatever else is in the queue or the DLQ, such as the orders of an earlier check, is not judged.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.publish.envelope import Envelope
from functions.publish.key import idempotency_key
from functions.publish.message import order_message
from lab.common.clock import now_ms
from lab.common.output import several
from lab.common.polling import wait_for
from lab.common.results import Result, Verdict
from lab.dlq.browser import DlqBrowser, dead_letters
from lab.dlq.repair import discard
from lab.dlq.seed import bury
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults.changes import Change, Changes
from lab.faults.runtime_settings import MAPPING_PAUSED
from lab.pipeline.api import Accepted, Api
from lab.pipeline.metrics import Sums, counted
from lab.pipeline.observe import Pipeline, fields_of
from lab.pipeline.orders import order
from lab.pipeline.tap import Tap, tap

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient

PATIENCE_SECONDS = 6.0
"""How long a behaviour may take to show, on a machine that is not busy. All of them show within three seconds there."""

SLOWNESS = 12
"""On a busy machine it is so many times what the API took to accept the first order."""

ORDERS = 8
"""As many as are sent to see that every one is processed. A consumer that takes every second order leaves all of them
once in 256 times."""

CLIENTS = 4
TRIES = 4
FAULT_SECONDS = 60
BROWSED = 1000
ALARM_SECONDS = 10
"""One period of the alarm."""

SOON_SECONDS = 2
"""The alarm is heard within so long, as a rule; after that the check says how long it may take."""

HAND_SET_SECONDS = 12
"""A state that was set by hand holds until the alarm's next evaluation, a period later at most."""

SILENCE_SECONDS = 20
"""Two periods of the alarm."""

SETTLING_SECONDS = 60
"""The longest backoff of an order (`retryCapSeconds` of the local profile is 50), and the visibility timeout twice."""

UNKNOWN_VERSION = 3
"""A schema version that no worker knows."""


class NotTriedError(Exception):
    """A behaviour could not be looked at, for a reason that is none of the pipeline's doing."""


@dataclass(frozen=True)
class Behaviour:
    """What a healthy pipeline does. `show` says what was seen of it, and raises LabError where it is missing.

    It begins after others, and is not tried where one that it `needs` is missing.
    """

    name: str
    show: Callable[[], str]
    needs: str = ""
    after: tuple[str, ...] = ()


PROCESSED = "every accepted order is processed"
ANNOUNCED = "their events reach the topic"
KEPT = "a dead letter is kept for longer than an order may wait"
MOVED = "an order that SQS gives up is in the DLQ"
HEARD = "the DLQ alarm is heard"
SURVIVES = "an order survives a dependency's failure"
DIES = "a poisoned order dies with its cause"
COUNTED = "the death is counted"
REDRIVEN = "a redrive brings a dead order back"


class Check:
    """One run. Each behaviour has orders of its own, but those that follow from an order's death."""

    def __init__(
        self, pipeline: Pipeline, api: Api, events: Tap, notifications: Tap, say: Callable[[str], None]
    ) -> None:
        self._pipeline = pipeline
        self._api = api
        self._events = events
        self._notifications = notifications
        self._say = say
        self._changes = Changes(pipeline)
        self._sums = Sums(pipeline)
        self._deaths = counted(pipeline.stack, "OrdersDeadLettered")
        self._sqs: SQSClient = pipeline.aws.client("sqs")
        self._began = now_ms()
        self._own: set[str] = set()
        self._patience = PATIENCE_SECONDS
        self._dependency_is_back = threading.Event()

    def results(self) -> Iterator[Result]:
        """Every behaviour. Where one fails, those that need it are told as not tried. Leaves no dead letter behind."""
        try:
            yield from self._judged()
        finally:
            self._clear()

    def _judged(self) -> Iterator[Result]:
        """Those that have nothing to do with each other are shown side by side."""
        behaviours = self._behaviours()
        with ThreadPoolExecutor(len(behaviours)) as pool:
            shown: dict[str, Future[Result]] = {}
            for behaviour in behaviours:
                shown[behaviour.name] = pool.submit(self._tried, behaviour, dict(shown))
            for each in shown.values():
                yield each.result()

    def _behaviours(self) -> tuple[Behaviour, ...]:
        """In an order in which each stands behind those that it begins after."""
        # A letter that is written rings an alarm on what is sent to the DLQ, which is deaf to SQS's own moves: so none
        # is written until the alarm was heard.
        return (
            Behaviour(PROCESSED, self._processed),
            Behaviour(ANNOUNCED, self._announced, needs=PROCESSED),
            Behaviour(KEPT, self._kept),
            Behaviour(MOVED, self._moved, needs=PROCESSED),
            Behaviour(HEARD, self._heard, needs=MOVED),
            Behaviour(SURVIVES, self._survives, needs=PROCESSED, after=(MOVED,)),
            Behaviour(DIES, self._dies, needs=PROCESSED, after=(HEARD,)),
            Behaviour(COUNTED, self._counted, needs=DIES),
            Behaviour(REDRIVEN, self._redriven, needs=PROCESSED, after=(MOVED, DIES)),
        )

    def _tried(self, behaviour: Behaviour, before: dict[str, Future[Result]]) -> Result:
        for name in behaviour.after:
            before[name].result()
        if behaviour.needs and before[behaviour.needs].result().verdict is not Verdict.PROVED:
            return _untried(behaviour, f"it needs: {behaviour.needs}")
        try:
            return Result(name=behaviour.name, seen=behaviour.show(), verdict=Verdict.PROVED)
        except NotTriedError as reason:
            return _untried(behaviour, str(reason))
        except LabError as error:
            return Result(name=behaviour.name, seen=error.what, verdict=Verdict.REFUTED)

    def _processed(self) -> str:
        began = time.monotonic()
        self._sent = [self._submit()]
        self._patience = max(PATIENCE_SECONDS, SLOWNESS * (time.monotonic() - began))
        with ThreadPoolExecutor(CLIENTS) as clients:
            others = [clients.submit(self._submit) for _ in range(ORDERS - 1)]
            self._sent += [other.result() for other in others]
        waiting = lambda: self._unprocessed(self._sent)  # noqa: E731
        self._until("all of them are processed", lambda: not waiting(), waiting)
        return f"{ORDERS} of {ORDERS}"

    def _announced(self) -> str:
        def silent() -> list[Accepted]:
            details = [event.get("detail", {}) for event in self._events.notifications()]
            told = {detail.get("orderId") for detail in details}
            return [sent for sent in self._sent if sent.order_id not in told]

        self._until("the OrderProcessed events of all of them arrive", lambda: not silent(), silent)
        return "all of them"

    def _kept(self) -> str:
        """Nobody can wait for days: this is read. A message that moves keeps its age, so the DLQ must keep longer."""
        queue, dlq = (
            self._retention(url) for url in (self._pipeline.stack.queue_url, self._pipeline.stack.dlq_url)
        )
        if dlq <= queue:
            raise LabError(
                f"the DLQ deletes what is {dlq} s old, and an order may wait for {queue} s before it dies", ""
            )
        return f"{dlq // 86400} days, against {queue // 86400}"

    def _moved(self) -> str:
        """An order that comes meanwhile, after its backoff, is given back; it is tried again once that is processed."""
        for _ in range(TRIES - 1):
            with suppress(NotTriedError):
                return self._given_up()
        return self._given_up()

    def _given_up(self) -> str:
        """The worker's mapping is paused, and the order received as often as SQS allows. Raises NotTriedError."""
        self._require_quiet()
        self._await_silence()
        self._alarmed_before = self._alarms_heard()
        pause = Change(MAPPING_PAUSED, lambda _now, _pipeline: False, "the mapping is paused")
        with self._changes.temporarily(pause, why="lab check", seconds=FAULT_SECONDS):
            sent = self._produce(_order())
            gone = lambda: not self._received(sent) and bool(self._letters_of(sent))  # noqa: E731
            self._until("the order is in the DLQ", gone, lambda: [sent])
        return "after as many receives as it may have"

    def _heard(self) -> str:
        rings = lambda: self._alarms_heard() > self._alarmed_before  # noqa: E731
        within = max(self._patience, self._ringing_seconds)
        if not _comes(rings, SOON_SECONDS):
            self._say(f"no alarm yet: up to {within:.0f} s, as it is evaluated every {ALARM_SECONDS} s")
        what = "a notification of ALARM arrives of what SQS has moved"
        self._until(what, rings, list[Accepted], within - SOON_SECONDS, waited=SOON_SECONDS)
        return "notified"

    def _survives(self) -> str:
        slow = faults.failure_mode("slow_downstream")
        try:
            with self._changes.temporarily(slow, why="lab check", seconds=FAULT_SECONDS):
                sent = self._submit()
                failed = lambda: any(line["event"] == "order.failed" for line in self._lines_of(sent))  # noqa: E731
                self._until("the order fails as its dependency does", failed, lambda: [sent])
        finally:
            self._dependency_is_back.set()
        done = lambda: not self._unprocessed([sent])  # noqa: E731
        self._until("the order is processed, now that its dependency is back", done, lambda: [sent])
        return "processed once the dependency was back"

    def _dies(self) -> str:
        self._sums.watch(self._deaths)
        self._died_after = now_ms()
        dead = self._produce(_order() | {"schemaVersion": UNKNOWN_VERSION})
        cause = lambda: "VALIDATION" in self._causes_of(dead)  # noqa: E731
        self._until("its dead letter names the cause VALIDATION", cause, lambda: [dead])
        return "died of VALIDATION"

    def _counted(self) -> str:
        def missing() -> int:
            logged = [
                line for line in self._lines(self._died_after) if line["event"] == "order.dead_lettered"
            ]
            return max(1, len(logged)) - round(self._sums.of(self._deaths))

        self._until(f"the metric {self._deaths.name} counts it", lambda: missing() <= 0, list[Accepted])
        return "counted"

    def _redriven(self) -> str:
        self._dependency_is_back.wait(FAULT_SECONDS)
        (order_id,) = bury(self._pipeline, [_order()], age_seconds=0)
        self._own.add(order_id)
        operation = self._api.start_redrive(minAgeSeconds=0, bodyContains=order_id)
        dead = Accepted(order_id, "", "", "")
        over = lambda: self._api.redrive(operation)["status"] not in ("PENDING", "RUNNING")  # noqa: E731
        self._until("the redrive ends", over, list[Accepted])
        if self._unprocessed([dead]) and any(
            each.order_id == order_id for each in dead_letters(self._pipeline)
        ):
            raise LabError("the redrive has ended, and the order is in the DLQ as before", "")
        self._until("the order is processed", lambda: not self._unprocessed([dead]), lambda: [dead])
        return "processed"

    def _clear(self) -> None:
        """Discard this check's own letters: a poisoned one can be redriven by nobody."""
        browser = DlqBrowser(self._pipeline)
        mine = [
            envelope.message_id
            for envelope in browser.browse(BROWSED).envelopes
            if envelope.correlation_id in self._own or envelope.order_id in self._own
        ]
        for name in mine:
            with suppress(LabError), browser.take(name) as letter:
                discard(self._pipeline, browser, letter, "lab check")

    def _require_quiet(self) -> None:
        """What is received here is somebody's order, which would lose a receive. Raises NotTriedError.

        What an earlier check has left comes back after its backoff; what is delayed on its way in does not disturb.
        """
        if _comes(self._is_quiet, SOON_SECONDS):
            return
        self._say(f"other orders are on their way: up to {SETTLING_SECONDS} s, the longest backoff")
        if not _comes(self._is_quiet, SETTLING_SECONDS):
            raise NotTriedError("other orders wait in the queue, and each would be received")

    def _is_quiet(self) -> bool:
        depth = self._pipeline.queue()
        return not depth.visible + depth.in_flight

    def _await_silence(self) -> None:
        """An alarm that rings already would not ring again for this check's order.

        Where the DLQ is empty it is about to fall silent; where it is not, it is set to OK, and rings again.
        """
        self._ringing_seconds = ALARM_SECONDS
        if not self._is_ringing():
            return
        if not self._pipeline.dlq().total:
            self._say(
                f"the DLQ alarm rings for an earlier letter: up to {SILENCE_SECONDS} s until it is silent"
            )
            _comes(lambda: not self._is_ringing(), SILENCE_SECONDS)
        if self._is_ringing():
            self._ringing_seconds += HAND_SET_SECONDS
            cloudwatch: CloudWatchClient = self._pipeline.aws.client("cloudwatch")
            cloudwatch.set_alarm_state(
                AlarmName=self._alarm, StateValue="OK", StateReason="lab check listens"
            )

    def _is_ringing(self) -> bool:
        return self._pipeline.alarm_states().get("critical-dlq-depth") == "ALARM"

    def _received(self, sent: Accepted) -> bool:
        """Receive what is there, once. Raises NotTriedError if that is anything but this order."""
        found = self._sqs.receive_message(
            QueueUrl=self._pipeline.stack.queue_url, MaxNumberOfMessages=1, VisibilityTimeout=0
        ).get("Messages", [])
        if any(message.get("MessageId") != sent.message_id for message in found):
            raise NotTriedError("another order came to the queue meanwhile")
        return bool(found)

    def _submit(self) -> Accepted:
        sent = self._api.submit(_order())
        self._own |= {sent.order_id, sent.correlation_id}
        return sent

    def _produce(self, order: dict[str, Any]) -> Accepted:
        """Send an order to the queue past the API, as another producer does."""
        key, correlation_id = idempotency_key(order), str(uuid.uuid4())
        message = order_message(order, key, correlation_id=correlation_id, accepted_at=now_ms())
        attributes: Any = dict(message.attributes)
        answer = self._sqs.send_message(
            QueueUrl=self._pipeline.stack.queue_url, MessageBody=message.body, MessageAttributes=attributes
        )
        self._own |= {order["orderId"], correlation_id}
        return Accepted(order["orderId"], answer["MessageId"], key, correlation_id)

    def _unprocessed(self, sent: Sequence[Accepted]) -> list[Accepted]:
        done = {effect.order_id for effect in self._pipeline.effects([each.order_id for each in sent])}
        return [each for each in sent if each.order_id not in done]

    def _until(
        self,
        what: str,
        shown: Callable[[], bool],
        missing: Callable[[], Sequence[Accepted]],
        within: float | None = None,
        *,
        waited: float = 0,
    ) -> None:
        """Wait until something is shown, where so many seconds were `waited` already.

        Raises LabError with the orders that it is `missing` of, and what the worker last logged of the first.
        """
        within = self._patience if within is None else within
        try:
            wait_for(what, shown, bool, within=within)
        except LabError as error:
            raise LabError(
                f"waited {waited + within:.0f} s until {what}{self._told(missing())}", error.fix
            ) from error

    def _told(self, orders: Sequence[Accepted]) -> str:
        if not orders:
            return ""
        first, *more = orders
        lines = self._lines_of(first)
        last = _in_words(lines[-1]) if lines else "nothing"
        of = f"; not so {first.order_id}{f' and {len(more)} more' if more else ''}"
        return f"{of}; the worker's last word of it: {last}"

    def _letters_of(self, sent: Accepted) -> list[Envelope]:
        return [
            letter for letter in dead_letters(self._pipeline) if letter.correlation_id == sent.correlation_id
        ]

    def _causes_of(self, sent: Accepted) -> list[str]:
        return [letter.text("errorCategory") or "none" for letter in self._letters_of(sent)]

    def _lines_of(self, sent: Accepted) -> list[dict[str, Any]]:
        return [
            line
            for line in self._lines(self._began)
            if line.get("orderId") == sent.order_id or line.get("correlation_id") == sent.correlation_id
        ]

    def _lines(self, since: int) -> list[dict[str, Any]]:
        """The worker's lines about events, since a moment in epoch milliseconds."""
        logs: CloudWatchLogsClient = self._pipeline.aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self._pipeline.stack.worker_function_name}", startTime=since
        )
        lines = [fields_of(event.get("message", "")) for page in pages for event in page["events"]]
        return [line for line in lines if line and "event" in line]

    @property
    def _alarm(self) -> str:
        return self._pipeline.stack.alarm("critical-dlq-depth")

    def _alarms_heard(self) -> int:
        return self._notifications.alarm_transitions(self._alarm).count("ALARM")

    def _retention(self, url: str) -> int:
        """Seconds for which a queue keeps a message, from when it was first sent."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["MessageRetentionPeriod"])
        return int(attributes["Attributes"]["MessageRetentionPeriod"])


def check(pipeline: Pipeline, say: Callable[[str], None] = lambda _told: None) -> Iterator[Result]:
    """Judge the pipeline, a result a behaviour. `say` hears what takes long, for how long at most, and why."""
    stack, aws = pipeline.stack, pipeline.aws
    with (
        Api(aws, stack) as api,
        tap(aws, stack.order_events_topic_arn) as events,
        tap(aws, stack.alarms_topic_arn) as notifications,
    ):
        yield from Check(pipeline, api, events, notifications, say).results()


def leftovers(pipeline: Pipeline) -> str:
    """What lies in the queue and the DLQ although no check is under way; empty if nothing does."""
    queue, dlq = pipeline.queue().total, pipeline.dlq().total
    if not queue + dlq:
        return ""
    return f"{several(queue + dlq, 'leftover')} of earlier runs, not judged ({queue} in the queue, {dlq} in the DLQ)"


def _comes(shown: Callable[[], bool], within: float) -> bool:
    """Whether something is shown within so many seconds."""
    try:
        return wait_for("", shown, bool, within=within)
    except LabError:
        return False


def _untried(behaviour: Behaviour, why: str) -> Result:
    return Result(name=behaviour.name, seen=f"not tried, {why}", verdict=Verdict.UNREAD)


def _order() -> dict[str, Any]:
    return order(f"check-{uuid.uuid4().hex[:12]}", random.Random(1))  # noqa: S311  an order, no secret


def _in_words(line: dict[str, Any]) -> str:
    told = [line[name] for name in ("event", "errorCategory", "errorType") if name in line]
    return " ".join(map(str, told))
