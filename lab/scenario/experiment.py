"""A scenario under way: what it may do to the pipeline, and what it has done."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common import codec
from lab.common.polling import wait_for
from lab.common.results import shown
from lab.dlq.browser import DlqBrowser
from lab.dlq.repair import Repaired, send_repaired
from lab.errors import LabError
from lab.faults.changes import Change, Changes
from lab.history import Recorder
from lab.pipeline import orders as supply
from lab.pipeline.api import Accepted, Api, accepted_in
from lab.pipeline.logs import LogLine, Logs
from lab.pipeline.metrics import Sums
from lab.pipeline.observe import Pipeline
from lab.pipeline.tap import Tap
from lab.pipeline.timeline import Timeline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CLIENTS = 4
"""Client threads that submit at once."""

MAX_RATE = 50
"""Orders a second that a scenario may send: it runs on a laptop beside everything else."""


@dataclass
class Experiment:
    """The verbs of a scenario. Raises LabError when something does not happen in time.

    `differs` tells, by question of `lab probe`, where the engine does not answer as AWS does. Waits take `pace` times
    as long as they say, and no longer than `patience` seconds.
    """

    name: str
    pipeline: Pipeline
    api: Api
    events: Tap
    notifications: Tap
    timeline: Timeline
    sums: Sums
    logs: Logs
    recorder: Recorder
    seconds: float
    patience: float
    pace: float = 1.0
    differs: Mapping[str, str] = field(default_factory=dict[str, str])
    accepted: dict[str, Accepted] = field(default_factory=dict[str, Accepted])
    answers: list[int] = field(default_factory=list[int])
    redrives: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    edits: list[Repaired] = field(default_factory=list[Repaired])
    move_task: dict[str, Any] = field(default_factory=dict[str, Any])
    figures: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds
        self._changes = Changes(self.pipeline)
        self._made: list[str] = []
        self._recording = threading.Lock()

    @property
    def seconds_left(self) -> float:
        """Until the scenario's time is up."""
        return self._deadline - time.monotonic()

    def submit(self, count: int, *, label: str = "order", **fields: Any) -> list[Accepted]:
        """POST `count` orders, several at once; `fields` replace or add to those of every order."""
        made = [order | fields for order in supply.orders(count, label=label)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(self.post, made))

    def submit_batch(self, count: int, *, label: str = "order", **fields: Any) -> list[Accepted]:
        """POST `count` orders in one request: they reach the queue together, and mostly the worker, too."""
        accepted = self.api.submit_batch([order | fields for order in supply.orders(count, label=label)])
        for order in accepted:
            self._accept(order)
        return accepted

    def submit_at(self, per_second: float, count: int, *, label: str = "order") -> list[Accepted]:
        """POST `count` orders at a steady rate."""
        if per_second > MAX_RATE:
            raise ValueError(f"{per_second}/s is more than {MAX_RATE}/s")
        start = time.monotonic()

        def at_its_time(numbered: tuple[int, dict[str, Any]]) -> Accepted:
            number, order = numbered
            time.sleep(max(0.0, start + number / per_second - time.monotonic()))
            return self.post(order)

        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(at_its_time, enumerate(supply.orders(count, label=label))))

    def post(self, order: dict[str, Any]) -> Accepted:
        """POST one order that the API must accept."""
        accepted = self.api.submit(order)
        with self._recording:
            self._accept(accepted)
            self.answers.append(202)
        return accepted

    def _accept(self, order: Accepted) -> None:
        self.accepted[order.order_id] = order
        self.recorder.accepted(order)

    def accepted_as(self, label: str) -> set[str]:
        """The ids of the orders submitted under one label."""
        return {order_id for order_id in self.accepted if order_id.startswith(f"{label}-")}

    def offer(self, orders: Iterable[dict[str, Any]]) -> None:
        """POST orders that the API may refuse; its answers are kept."""
        for order in orders:
            answer = self.api.post_order(order)
            self.answers.append(answer.status_code)
            if answer.status_code == 202:
                self._accept(accepted_in(answer.json()))

    def enqueue(self, orders: Iterable[dict[str, Any]]) -> None:
        """Put orders on the queue past the API, as a producer with an outdated contract would."""
        sqs: SQSClient = self.pipeline.aws.client("sqs")
        for order in orders:
            sent = sqs.send_message(QueueUrl=self.pipeline.stack.queue_url, MessageBody=json.dumps(order))
            message_id = sent["MessageId"]
            self.accepted[order["orderId"]] = Accepted(order["orderId"], message_id, "", message_id)
            self.recorder.produced(order["orderId"], message_id)

    def processed(self, sent: Iterable[Accepted] | None = None, within: float = 40) -> None:
        """Wait until these orders, or all, have their effect."""
        wanted = {order.order_id for order in (self.accepted.values() if sent is None else sent)}
        self.until(
            f"{len(wanted)} orders to be processed (still missing)",
            lambda: sorted(wanted - {effect.order_id for effect in self.pipeline.effects(wanted)}),
            lambda missing: not missing,
            within,
        )

    def dead(self, count: int, within: float = 40) -> None:
        """Wait until `count` messages lie in the DLQ and the queue is empty."""
        self.until(
            f"{count} messages in the DLQ and none queued",
            lambda: (self.pipeline.dlq().visible, self.pipeline.queue().total),
            lambda depths: depths == (count, 0),
            within,
        )

    def drained(self, within: float = 60) -> None:
        """Wait until the queue is empty."""
        self.until("an empty queue", lambda: self.pipeline.queue().total, lambda total: total == 0, within)

    def redrive(self, **parameters: Any) -> dict[str, Any]:
        """Redrive the DLQ through the API and wait for the end of the operation."""
        operation = self.api.start_redrive(**{"minAgeSeconds": 0, "maxMessages": 1000} | parameters)
        row = self.until(
            "the redrive to finish",
            lambda: self.api.redrive(operation),
            lambda row: row["status"] not in ("PENDING", "RUNNING"),
            within=60,
        )
        self.redrives.append(row)
        return row

    def edit(self, mend: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replace the body of each of this run's dead letters by a mended one, as `lab dlq edit` does."""
        browser = DlqBrowser(self.pipeline)
        letters = browser.browse(len(self.accepted)).envelopes
        for letter in (letter for letter in letters if letter.order_id in self.accepted):
            with browser.take(letter.message_id) as taken:
                body = codec.dumps(mend(taken.document))
                self.edits.append(send_repaired(self.pipeline, browser, taken, body))

    def move_natively(self, *, to_the_queue: bool) -> None:
        """Have SQS itself move the DLQ (StartMessageMoveTask) and wait for the end of the task.

        To the queue by name, or to where each message came from as far as SQS knows.
        """
        sqs: SQSClient = self.pipeline.aws.client("sqs")
        dlq, queue = (
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            for url in (self.pipeline.stack.dlq_url, self.pipeline.stack.queue_url)
        )
        if to_the_queue:
            sqs.start_message_move_task(SourceArn=dlq, DestinationArn=queue)
        else:
            sqs.start_message_move_task(SourceArn=dlq)
        self.move_task = dict(
            self.until(
                "the move task to finish",
                lambda: sqs.list_message_move_tasks(SourceArn=dlq)["Results"][0],
                lambda task: task.get("Status") not in ("RUNNING", "CANCELLING"),
                within=60,
            )
        )

    def hold(self, seconds: float) -> None:
        """Let `seconds` pass: the length of an outage is part of the fault, not a wait for something."""
        time.sleep(min(seconds, max(0.0, self.seconds_left)))

    def note(self, name: str, value: object) -> None:
        """Keep a figure for the report: something worth comparing that no prediction is about."""
        self.figures[name] = shown(value)

    def until[T](self, what: str, look: Callable[[], T], done: Callable[[T], bool], within: float) -> T:
        """Poll a condition; the scenario's own time is the last deadline."""
        if self.seconds_left <= 0:
            raise LabError(
                f"The scenario {self.name} took more than {self.seconds:g} s.",
                "See its report for how far it got.",
            )
        return wait_for(what, look, done, within=min(within * self.pace, self.seconds_left, self.patience))

    def change(self, change: Change) -> None:
        """Put a fault in force. It is undone with its phase, at the end of the run, or when its time is up."""
        self._made.append(change.setting.name)
        self._changes.make(change, why=f"scenario {self.name}", seconds=self.seconds)

    def undo(self) -> None:
        """Undo every change of this experiment. Raises LabError with those that could not be undone."""
        if self._made:
            self._changes.undo_all(
                [change for change in self._changes.active() if change.setting in self._made]
            )
            self._made.clear()

    def log_lines(self, **fields: Any) -> list[LogLine]:
        """Log lines of the worker about this experiment's orders whose fields have these values."""
        return [
            line
            for line in self.logs.lines(self.pipeline.stack.worker_function_name)
            if line.fields.get("orderId") in self.accepted
            and all(line.fields.get(name) == value for name, value in fields.items())
        ]
