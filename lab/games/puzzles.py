"""The puzzles: one misconfiguration each, with its hints and its solution."""

import json
from dataclasses import dataclass
from typing import Any

from lab.faults import runtime_settings
from lab.faults.changes import Change


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
