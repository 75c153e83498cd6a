"""Break/fix: one hidden misconfiguration of the deployed stack, to be found by its symptoms and repaired.

What is wrong is recorded like any other change (lab/faults/changes.py), under a reason that gives nothing away.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.common.polling import wait_for
from lab.dlq.browser import dead_letters
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults import runtime_settings
from lab.faults.changes import HIDDEN, ActiveChange, Change, Changes
from lab.pipeline.api import Accepted, Api
from lab.pipeline.metrics import LOG_NAMESPACE, Metric, Sums
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import order
from lab.pipeline.tap import Tap, tap

PATIENCE_SECONDS = 25


@dataclass(frozen=True)
class Puzzle:
    """One misconfiguration: how it is made, what is seen of it, and what it was."""

    name: str
    change: Change
    hints: tuple[str, ...]
    revealed: str


def _to(setting: runtime_settings.RuntimeSetting, value: Any) -> Change:
    return Change(setting, lambda _now, _pipeline: value, "hidden")


def _with(setting: runtime_settings.RuntimeSetting, **variables: str) -> Change:
    return Change(setting, lambda now, _pipeline: now | variables, "hidden")


PUZZLES = (
    Puzzle(
        "mapping-off",
        _to(runtime_settings.MAPPING_ENABLED, value=False),
        ("Orders are accepted. Where do they wait?", "Who takes messages from the queue, and does it?"),
        "The worker's event source mapping is disabled. Enable it (UpdateEventSourceMapping, Enabled=true).",
    ),
    Puzzle(
        "impatient-queue",
        Change(
            runtime_settings.QUEUE_REDRIVE_POLICY,
            lambda now, _pipeline: json.dumps(json.loads(now) | {"maxReceiveCount": 1}),
            "hidden",
        ),
        ("Which dead letters have no cause of death?", "How many receives does a message get?"),
        "The queue's maxReceiveCount is 1: the first failure moves a message to the DLQ. Set it to 5.",
    ),
    Puzzle(
        "late-delivery",
        _to(runtime_settings.QUEUE_DELAY, value="900"),
        (
            "Orders are accepted and the queue seems empty. What else can a message be but visible?",
            "Compare ApproximateNumberOfMessagesDelayed with what it usually is.",
        ),
        "The queue's DelaySeconds is 900. Set it to 0; messages that are delayed already keep their delay.",
    ),
    Puzzle(
        "deaf-rule",
        _to(runtime_settings.ORDER_EVENTS_RULE, value="DISABLED"),
        ("Orders are processed. Who learns of it?", "Follow one event from the bus to the topic."),
        "The rule from the event bus to the SNS topic is disabled. Enable it (EnableRule).",
    ),
    Puzzle(
        "mute-alarm",
        _to(runtime_settings.DLQ_ALARM_ACTIONS, value=False),
        ("Poison an order. Does the alarm ring, and does anybody hear it?", "What may an alarm do on ALARM?"),
        "The DLQ alarm's actions are disabled. Enable them (EnableAlarmActions).",
    ),
    Puzzle(
        "blind-metric",
        _to(runtime_settings.DEAD_LETTER_FILTER, value='{ $.event = "order.deadlettered" }'),
        (
            "Compare what the DLQ holds with what the metrics counted.",
            "What does the log line say, to the letter?",
        ),
        "The metric filter OrdersDeadLettered looks for order.deadlettered; the event is order.dead_lettered.",
    ),
    Puzzle(
        "circular-redrive",
        Change(
            runtime_settings.REDRIVE_ENVIRONMENT,
            lambda now, _pipeline: now | {"QUEUE_URL": now["DLQ_URL"]},
            "hidden",
        ),
        ("A redrive succeeds. Where are its messages now?", "Where does the redrive function send to?"),
        "The redrive function's QUEUE_URL is the DLQ's. Set it to the queue's.",
    ),
    Puzzle(
        "closed-door",
        _to(runtime_settings.INGEST_CONCURRENCY, value=0),
        ("What does the API answer?", "How many ingest functions may run at once?"),
        "The ingest function's reserved concurrency is 0. Delete the reservation.",
    ),
    Puzzle(
        "hurried-worker",
        _to(runtime_settings.WORKER_TIMEOUT, value=1),
        (
            "Orders are received again and again. What do the worker's logs say of why?",
            "How long may the worker run, and how much of that does it keep for settling a batch?",
        ),
        "The worker's timeout is 1 s, less than it keeps in reserve. Set it to what the stack says (local: 5 s).",
    ),
    Puzzle(
        "second-parameter",
        Change(
            runtime_settings.PLAIN_FAILURE_MODE,
            lambda now, _pipeline: dict.fromkeys(now, "slow_downstream"),
            "hidden",
        ),
        (
            "`lab status` says that no failure mode is in force. Do the functions' logs agree?",
            "Which parameters do the functions read? See their environment.",
        ),
        "The parameter /ingestion/failure_mode, which functions of `dev` read, too, says slow_downstream. "
        "Set it to none.",
    ),
    Puzzle(
        "lost-table",
        _with(runtime_settings.WORKER_ENVIRONMENT, ORDERS_TABLE="ingestion-orders"),
        ("What category do the failures have?", "Which table does the worker write to?"),
        "The worker's ORDERS_TABLE names a table that does not exist. Set it to the orders table.",
    ),
)


def puzzle_of(setting: str) -> Puzzle:
    """The puzzle that changed a setting."""
    return next(puzzle for puzzle in PUZZLES if puzzle.change.setting.name == setting)


def active(pipeline: Pipeline) -> ActiveChange | None:
    """The puzzle in force, if there is one."""
    return next((change for change in Changes(pipeline).active() if change.hidden), None)


def break_it(pipeline: Pipeline, seed: int | None) -> None:
    """Put one puzzle in force. Raises LabError if there is one already."""
    if active(pipeline):
        raise LabError("Something is broken already.", "Find it (lab hint, lab check) or give up: lab repair")
    puzzle = random.Random(seed).choice(PUZZLES)  # noqa: S311  a game
    Changes(pipeline).make(puzzle.change, why=HIDDEN, seconds=None)


def require_broken(pipeline: Pipeline) -> Puzzle:
    """The puzzle in force. Raises LabError if nothing is broken."""
    found = active(pipeline)
    if found is None:
        raise LabError("Nothing is broken.", "Run: lab break")
    return puzzle_of(found.setting)


@dataclass(frozen=True)
class Judgement:
    """One behaviour of a healthy pipeline, and whether it was shown."""

    behaviour: str
    shown: bool
    seen: str


class Check:
    """Judges a pipeline by what it does; no setting is looked at. Each behaviour needs an order of its own."""

    def __init__(self, pipeline: Pipeline, api: Api, events: Tap, notifications: Tap) -> None:
        self._pipeline = pipeline
        self._api = api
        self._events = events
        self._notifications = notifications
        self._changes = Changes(pipeline)

    def judge(self) -> Iterator[Judgement]:
        """Every behaviour, until one is missing that the others need."""
        behaviours: tuple[tuple[str, Callable[[], str]], ...] = (
            ("an accepted order is processed", self._processed),
            ("its event reaches the topic", self._announced),
            ("an order survives a dependency's failure", self._survives),
            ("a poisoned order dies with its cause", self._dies),
            ("the death is counted", self._counted),
            ("the DLQ alarm is heard", self._heard),
            ("a redrive brings it back", self._redriven),
        )
        self._sums = Sums(self._pipeline)
        self._deaths = Metric(LOG_NAMESPACE, "OrdersDeadLettered")
        self._sums.watch(self._deaths)
        for number, (behaviour, show) in enumerate(behaviours):
            try:
                yield Judgement(behaviour, shown=True, seen=show())
            except LabError as error:
                yield Judgement(behaviour, shown=False, seen=error.what)
                if number == 0:
                    return

    def _submit(self) -> Accepted:
        return self._api.submit(order(f"check-{uuid.uuid4().hex[:12]}", random.Random(1)))  # noqa: S311  an order, no secret

    def _until_processed(self, sent: Accepted) -> None:
        wait_for(
            f"the order {sent.order_id} to be processed",
            lambda: any(self._pipeline.effects([sent.order_id])),
            bool,
            within=PATIENCE_SECONDS,
        )

    def _processed(self) -> str:
        self._first = self._submit()
        self._until_processed(self._first)
        return "processed"

    def _announced(self) -> str:
        wait_for(
            "its OrderProcessed event",
            lambda: [e["detail"].get("orderId") for e in self._events.notifications() if "detail" in e],
            lambda ids: self._first.order_id in ids,
            within=PATIENCE_SECONDS,
        )
        return "arrived"

    def _survives(self) -> str:
        slow = faults.failure_mode("slow_downstream")
        with self._changes.temporarily(slow, why="lab check", seconds=60):
            sent = self._submit()
            wait_for(
                "the order to fail and wait",
                lambda: (self._pipeline.queue().total, self._pipeline.dlq().total),
                lambda depths: depths == (1, 0),
                within=PATIENCE_SECONDS,
            )
        self._until_processed(sent)
        return "processed once the dependency was back"

    def _dies(self) -> str:
        poison = faults.failure_mode("poison_payload")
        with self._changes.temporarily(poison, why="lab check", seconds=60):
            self._dead = self._submit()
            causes = wait_for(
                "one dead letter with its cause",
                lambda: [letter.text("errorCategory") for letter in dead_letters(self._pipeline)],
                lambda found: found == ["VALIDATION"],
                within=PATIENCE_SECONDS,
            )
        return f"died of {causes[0]}"

    def _counted(self) -> str:
        wait_for(
            "one death in the metric OrdersDeadLettered",
            lambda: round(self._sums.of(self._deaths)),
            lambda n: n == 1,
            within=PATIENCE_SECONDS,
        )
        return "1 counted"

    def _heard(self) -> str:
        name = self._pipeline.stack.alarm("critical-dlq-depth")
        wait_for(
            "the notification of ALARM",
            lambda: self._notifications.alarm_transitions(name),
            lambda states: "ALARM" in states,
            within=PATIENCE_SECONDS,
        )
        return "notified"

    def _redriven(self) -> str:
        operation = self._api.start_redrive(minAgeSeconds=0, maxMessages=10)
        wait_for(
            "the redrive to finish",
            lambda: self._api.redrive(operation)["status"],
            lambda status: status not in ("PENDING", "RUNNING"),
            within=PATIENCE_SECONDS,
        )
        self._until_processed(self._dead)
        return "processed"


def check(pipeline: Pipeline) -> Iterator[Judgement]:
    """Judge the pipeline. Queues should be empty before: what lies in them is judged as well."""
    stack, aws = pipeline.stack, pipeline.aws
    with (
        Api(aws, stack) as api,
        tap(aws, stack.order_events_topic_arn) as events,
        tap(aws, stack.alarms_topic_arn) as notifications,
    ):
        yield from Check(pipeline, api, events, notifications).judge()
