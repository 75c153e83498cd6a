"""Judges a pipeline by what it does to orders of its own; no setting is looked at.

What an order came to is read by its id and its correlation id: in its effect, its event, the worker's log and its dead
letter. Whatever else is in the queue or the DLQ, such as the orders of an earlier check, is not judged.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lab.common.clock import now_ms
from lab.common.polling import wait_for
from lab.common.results import Result, Verdict
from lab.dlq.browser import DlqBrowser, dead_letters
from lab.dlq.repair import discard
from lab.dlq.seed import bury
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults.changes import Changes
from lab.pipeline.api import Accepted, Api
from lab.pipeline.metrics import Sums, counted
from lab.pipeline.observe import Pipeline, fields_of
from lab.pipeline.orders import order
from lab.pipeline.tap import Tap, tap

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient

PATIENCE_SECONDS = 25
FAULT_SECONDS = 60
BROWSED = 1000


class Check:
    """One run. Each behaviour has an order of its own, but those that follow from an order's death."""

    def __init__(self, pipeline: Pipeline, api: Api, events: Tap, notifications: Tap) -> None:
        self._pipeline = pipeline
        self._api = api
        self._events = events
        self._notifications = notifications
        self._changes = Changes(pipeline)
        self._sums = Sums(pipeline)
        self._deaths = counted(pipeline.stack, "OrdersDeadLettered")
        self._began = now_ms()
        self._own: set[str] = set()

    def results(self) -> Iterator[Result]:
        """Every behaviour. Where one fails, those that need it are told as not tried. Leaves no dead letter behind."""
        try:
            yield from self._judged()
        finally:
            self._clear()

    def _judged(self) -> Iterator[Result]:
        processed, dies = "an accepted order is processed", "a poisoned order dies with its cause"
        behaviours: tuple[tuple[str, str, Callable[[], str]], ...] = (
            (processed, "", self._processed),
            ("its event reaches the topic", processed, self._announced),
            ("an order survives a dependency's failure", processed, self._survives),
            (dies, processed, self._dies),
            ("the death is counted", dies, self._counted),
            ("the DLQ alarm is heard", dies, self._heard),
            ("a redrive brings a dead order back", processed, self._redriven),
        )
        missing: dict[str, str] = {}
        for behaviour, needs, show in behaviours:
            if needs in missing:
                missing[behaviour] = missing[needs]
                told = f"not tried, it needs: {missing[needs]}"
                yield Result(name=behaviour, seen=told, verdict=Verdict.UNREAD)
                continue
            try:
                yield Result(name=behaviour, seen=show(), verdict=Verdict.PROVED)
            except LabError as error:
                missing[behaviour] = behaviour
                yield Result(name=behaviour, seen=error.what, verdict=Verdict.REFUTED)

    def _processed(self) -> str:
        self._first = self._submit()
        return self._until_processed(self._first)

    def _announced(self) -> str:
        def arrived() -> bool:
            details = [event.get("detail", {}) for event in self._events.notifications()]
            return self._first.order_id in [detail.get("orderId") for detail in details]

        self._until("its OrderProcessed event arrives", arrived, self._first)
        return "arrived"

    def _survives(self) -> str:
        slow = faults.failure_mode("slow_downstream")
        with self._changes.temporarily(slow, why="lab check", seconds=FAULT_SECONDS):
            sent = self._submit()
            failed = lambda: any(line["event"] == "order.failed" for line in self._lines_of(sent))  # noqa: E731
            self._until("the order fails as its dependency does", failed, sent)
        return f"{self._until_processed(sent)} once the dependency was back"

    def _dies(self) -> str:
        self._hush_alarm()
        self._sums.watch(self._deaths)
        self._alarmed_before = self._alarms_heard()
        self._died_after = now_ms()
        poison = faults.failure_mode("poison_payload")
        with self._changes.temporarily(poison, why="lab check", seconds=FAULT_SECONDS):
            self._dead = self._submit()
            cause = lambda: "VALIDATION" in self._causes_of(self._dead)  # noqa: E731
            self._until("its dead letter names the cause VALIDATION", cause, self._dead)
        return "died of VALIDATION"

    def _counted(self) -> str:
        logged = [line for line in self._lines(self._died_after) if line["event"] == "order.dead_lettered"]
        counted = wait_for(
            f"{len(logged)} logged deaths in the metric {self._deaths.name}",
            lambda: round(self._sums.of(self._deaths)),
            lambda n: n >= len(logged),
            within=PATIENCE_SECONDS,
        )
        return f"{counted} counted"

    def _heard(self) -> str:
        rings = lambda: self._alarms_heard() > self._alarmed_before  # noqa: E731
        self._until("a notification of ALARM arrives", rings, self._dead)
        return "notified"

    def _redriven(self) -> str:
        (order_id,) = bury(self._pipeline, [_order()], age_seconds=0)
        self._own.add(order_id)
        operation = self._api.start_redrive(minAgeSeconds=0, bodyContains=order_id)
        wait_for(
            "the redrive to finish",
            lambda: self._api.redrive(operation)["status"],
            lambda status: status not in ("PENDING", "RUNNING"),
            within=PATIENCE_SECONDS,
        )
        return self._until_processed(Accepted(order_id, "", "", ""))

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

    def _submit(self) -> Accepted:
        sent = self._api.submit(_order())
        self._own |= {sent.order_id, sent.correlation_id}
        return sent

    def _until_processed(self, sent: Accepted) -> str:
        done = lambda: any(self._pipeline.effects([sent.order_id]))  # noqa: E731
        self._until("the order is processed", done, sent)
        return "processed"

    def _until(self, what: str, shown: Callable[[], bool], sent: Accepted) -> None:
        """Wait until something is shown. Raises LabError with what the worker last logged of the order."""
        try:
            wait_for(what, shown, bool, within=PATIENCE_SECONDS)
        except LabError as error:
            lines = self._lines_of(sent)
            last = _in_words(lines[-1]) if lines else "nothing"
            raise LabError(
                f"waited {PATIENCE_SECONDS} s until {what}; the worker's last word of {sent.order_id}: {last}",
                error.fix,
            ) from error

    def _causes_of(self, sent: Accepted) -> list[str]:
        return [
            letter.text("errorCategory") or "none"
            for letter in dead_letters(self._pipeline)
            if letter.correlation_id == sent.correlation_id
        ]

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

    def _hush_alarm(self) -> None:
        """An alarm that rings already, of what lay in the DLQ before, would not ring again for this check's letter."""
        cloudwatch: CloudWatchClient = self._pipeline.aws.client("cloudwatch")
        if self._pipeline.alarm_states().get("critical-dlq-depth") == "ALARM":
            cloudwatch.set_alarm_state(
                AlarmName=self._alarm, StateValue="OK", StateReason="lab check listens"
            )


def check(pipeline: Pipeline) -> Iterator[Result]:
    """Judge the pipeline, a result a behaviour."""
    stack, aws = pipeline.stack, pipeline.aws
    with (
        Api(aws, stack) as api,
        tap(aws, stack.order_events_topic_arn) as events,
        tap(aws, stack.alarms_topic_arn) as notifications,
    ):
        yield from Check(pipeline, api, events, notifications).results()


def leftovers(pipeline: Pipeline) -> str:
    """What lies in the queue and the DLQ although no check is under way; empty if nothing does."""
    queue, dlq = pipeline.queue().total, pipeline.dlq().total
    if not queue + dlq:
        return ""
    several = "leftovers" if queue + dlq > 1 else "leftover"
    return f"{queue + dlq} {several} of earlier runs, not judged ({queue} in the queue, {dlq} in the DLQ)"


def _order() -> dict[str, Any]:
    return order(f"check-{uuid.uuid4().hex[:12]}", random.Random(1))  # noqa: S311  an order, no secret


def _in_words(line: dict[str, Any]) -> str:
    told = [line[name] for name in ("event", "errorCategory", "errorType") if name in line]
    return " ".join(map(str, told))
