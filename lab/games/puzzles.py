"""The puzzles: one misconfiguration each, with what people say of it, its hints and its solution.

A puzzle's name tells nothing of what is broken; its `answer` does, and is a name, too, for whoever sets it. What to
look at and how to cure it is in ops/runbooks/settings.md, under the heading `section`.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lab.faults import runtime_settings
from lab.faults.changes import Change
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sts import STSClient

type Level = Literal[1, 2, 3]

PAR_MINUTES: dict[Level, int] = {1: 10, 2: 20, 3: 30}
"""How long somebody who knows the runbooks takes at most."""


@dataclass(frozen=True)
class Puzzle:
    """One misconfiguration: what people say, how it is made, and what it was."""

    name: str
    level: Level
    symptom: str
    answer: str
    section: str
    change: Change
    hints: tuple[str, ...]
    revealed: str

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is wrong, which has to be found out as well."""
        return self.change.setting is runtime_settings.NOTHING


def _to(setting: runtime_settings.RuntimeSetting, value: Any) -> Change:
    return Change(setting, lambda _now, _pipeline: value, "hidden")


def _with(setting: runtime_settings.RuntimeSetting, **variables: str) -> Change:
    return Change(setting, lambda now, _pipeline: now | variables, "hidden")


def _circular(now: dict[str, str], _pipeline: Pipeline) -> dict[str, str]:
    return now | {"QUEUE_URL": now["DLQ_URL"]}


def _one_receive(now: str, _pipeline: Pipeline) -> str:
    return json.dumps(json.loads(now) | {"maxReceiveCount": 1})


def _longer_than_visibility(_now: int, pipeline: Pipeline) -> int:
    """Seconds; Lambda takes 300 at most."""
    return min(300, int(runtime_settings.QUEUE_VISIBILITY.read(pipeline)) + 30)


def _deaf_to_moves(now: str, pipeline: Pipeline) -> str:
    """The DLQ's alarm on what is sent to it, which is not what SQS moves there."""
    definition = json.loads(now)
    period = definition.get("Period") or definition["Metrics"][1]["MetricStat"]["Period"]
    watched: dict[str, Any] = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"Name": "QueueName", "Value": pipeline.stack.dlq_name}],
        "Statistic": "Sum",
        "Period": period,
    }
    kept = {name: value for name, value in definition.items() if name != "Metrics"}
    return json.dumps(kept | watched, sort_keys=True)


def _key_for_the_account_alone(_now: str, pipeline: Pipeline) -> str:
    """A new key, with the policy that KMS gives to a key that nobody gave one."""
    kms: KMSClient = pipeline.aws.client("kms")
    sts: STSClient = pipeline.aws.client("sts")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{sts.get_caller_identity()['Account']}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = kms.create_key(Description=f"{pipeline.stack.prefix} alarms", Policy=policy)
    return made["KeyMetadata"]["KeyId"]


PUZZLES = (
    Puzzle(
        "waiting-room",
        1,
        "Customers got an order id, and hear nothing more.",
        "mapping-off",
        "The event source mapping is disabled",
        _to(runtime_settings.MAPPING_ENABLED, value=False),
        ("Orders are accepted. Where do they wait?", "Who takes messages from the queue, and does it?"),
        "The worker's event source mapping is disabled. Enable it (UpdateEventSourceMapping, Enabled=true).",
    ),
    Puzzle(
        "no-sale",
        1,
        "The web shop says that it cannot place orders.",
        "closed-door",
        "The ingest function may not run",
        _to(runtime_settings.INGEST_CONCURRENCY, value=0),
        ("What does the API answer?", "How many ingest functions may run at once?"),
        "The ingest function's reserved concurrency is 0. Delete the reservation.",
    ),
    Puzzle(
        "last-orders",
        1,
        "Yesterday's orders went through. Today's do not, and nobody sees an error.",
        "no-workers",
        "The worker may not run",
        _to(runtime_settings.WORKER_CONCURRENCY, value=0),
        (
            "The worker logs nothing at all. Was it invoked? Compare Invocations with Throttles.",
            "How many workers may run at once? Each throttled invocation spends a receive of its messages.",
        ),
        "The worker's reserved concurrency is 0: every invocation is throttled, and good orders would be in the DLQ "
        "after maxReceiveCount receives. Delete the reservation.",
    ),
    Puzzle(
        "dead-line",
        1,
        "The shipping team says that no more orders come to them.",
        "deaf-rule",
        "The event rule is disabled",
        _to(runtime_settings.ORDER_EVENTS_RULE, value="DISABLED"),
        ("Orders are processed. Who learns of it?", "Follow one event from the bus to the topic."),
        "The rule from the event bus to the SNS topic is disabled. Enable it (EnableRule).",
    ),
    Puzzle(
        "silent-night",
        1,
        "There were dead letters at night, and nobody was called.",
        "mute-alarm",
        "The alarm's actions are disabled",
        _to(runtime_settings.DLQ_ALARM_ACTIONS, value=False),
        ("Poison an order. Does the alarm ring, and does anybody hear it?", "What may an alarm do on ALARM?"),
        "The DLQ alarm's actions are disabled. Enable them (EnableAlarmActions).",
    ),
    Puzzle(
        "short-fuse",
        2,
        "Since the price service had a hiccup, good orders are in the DLQ.",
        "impatient-queue",
        "The queue gives up too soon",
        Change(runtime_settings.QUEUE_REDRIVE_POLICY, _one_receive, "hidden"),
        ("Which dead letters have no cause of death?", "How many receives does a message get?"),
        "The queue's maxReceiveCount is 1: the first failure moves a message to the DLQ. Set it to 5.",
    ),
    Puzzle(
        "slow-boat",
        2,
        "Orders arrive, but a quarter of an hour late.",
        "late-delivery",
        "The queue delays its messages",
        _to(runtime_settings.QUEUE_DELAY, value="900"),
        (
            "Orders are accepted and the queue seems empty. What else can a message be but visible?",
            "Compare ApproximateNumberOfMessagesDelayed with what it usually is.",
        ),
        "The queue's DelaySeconds is 900. Set it to 0; messages that are delayed already keep their delay.",
    ),
    Puzzle(
        "flat-line",
        2,
        "The dashboard says that no order died. The DLQ says otherwise.",
        "blind-metric",
        "The metric filter matches nothing",
        _to(runtime_settings.DEAD_LETTER_FILTER, value='{ $.event = "order.deadlettered" }'),
        (
            "Compare what the DLQ holds with what the metrics counted.",
            "What does the log line say, to the letter?",
        ),
        "The metric filter OrdersDeadLettered looks for order.deadlettered; the event is order.dead_lettered.",
    ),
    Puzzle(
        "zero-sum",
        2,
        "Orders die, the filter finds each of them, and the sum stays 0.",
        "empty-count",
        "The metric filter counts nothing",
        _to(runtime_settings.DEAD_LETTER_VALUE, value="0"),
        (
            "Is there a data point in the metric, and what is its value? SampleCount is not Sum.",
            "A filter that matches publishes a value for each line. Which?",
        ),
        "The metric filter OrdersDeadLettered matches, and publishes 0 for each line. Set metricValue to 1.",
    ),
    Puzzle(
        "running-late",
        2,
        "Orders take forever since somebody saved money on Lambda.",
        "hurried-worker",
        "The worker has too little time",
        _to(runtime_settings.WORKER_TIMEOUT, value=1),
        (
            "Orders are received again and again. What do the worker's logs say of why?",
            "How long may the worker run, and how much of that does it keep for settling a batch?",
        ),
        "The worker's timeout is 1 s, less than it keeps in reserve. Set it to what the stack says (local: 5 s).",
    ),
    Puzzle(
        "no-reply",
        2,
        "Orders are done. The shipping team waits for their events.",
        "empty-pattern",
        "The event rule matches nothing",
        _to(
            runtime_settings.ORDER_EVENTS_PATTERN,
            value=json.dumps(
                {"source": ["ingestion.order"], "detail-type": ["OrderProcessed", "OrderFailed"]}
            ),
        ),
        (
            "The rule is enabled. Does it match? Look at its metric MatchedEvents.",
            "Compare the pattern with the source and detail-type of an event, to the letter.",
        ),
        "The rule's pattern wants the source ingestion.order; events come from ingestion.orders.",
    ),
    Puzzle(
        "held-breath",
        2,
        "One order alone takes a minute. A hundred at once are done in seconds.",
        "long-window",
        "The batching window is too long",
        Change(runtime_settings.BATCH_WINDOW, _longer_than_visibility, "hidden"),
        (
            "Messages are in flight, and the worker is not invoked. Who holds them, and what for?",
            "For how long may Lambda gather a batch? Compare that with the queue's visibility timeout.",
        ),
        "The mapping's batching window is longer than the queue's visibility timeout: messages that wait for a batch "
        "to fill are visible again before it is handed over. Set MaximumBatchingWindowInSeconds to 0.",
    ),
    Puzzle(
        "thin-ice",
        2,
        "There were dead letters before lunch. Afterwards there were none, and nobody had touched them.",
        "short-memory",
        "The DLQ forgets too soon",
        _to(runtime_settings.DLQ_RETENTION, value="60"),
        (
            "Nobody deleted them. What else takes a message out of a queue?",
            "A message keeps its age when it moves to the DLQ. How old may it become in each of the two queues?",
        ),
        "The DLQ's MessageRetentionPeriod is 60 s, below the queue's: what waited for longer is gone the moment it "
        "dies. Set it to 1209600 (14 days).",
    ),
    Puzzle(
        "round-trip",
        3,
        "Redrives succeed, and the DLQ stays as full as it was.",
        "circular-redrive",
        "The redrive function has a wrong variable",
        Change(runtime_settings.REDRIVE_ENVIRONMENT, _circular, "hidden"),
        ("A redrive succeeds. Where are its messages now?", "Where does the redrive function send to?"),
        "The redrive function's QUEUE_URL is the DLQ's. Set it to the queue's.",
    ),
    Puzzle(
        "two-voices",
        3,
        "Orders fail as if the price service were slow. Its team says that it is well.",
        "second-parameter",
        "A second parameter is in force",
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
        "wrong-address",
        3,
        "Nothing is processed any more, since the variables were tidied up.",
        "lost-table",
        "The worker has a wrong variable",
        _with(runtime_settings.WORKER_ENVIRONMENT, ORDERS_TABLE="ingestion-orders"),
        ("What category do the failures have?", "Which table does the worker write to?"),
        "The worker's ORDERS_TABLE names a table that does not exist. Set it to the orders table.",
    ),
    Puzzle(
        "half-asleep",
        3,
        "The DLQ alarm rang for poison in the morning. After the crashes at noon it did not.",
        "deaf-alarm",
        "The alarm watches what is sent",
        Change(runtime_settings.DLQ_ALARM_DEFINITION, _deaf_to_moves, "hidden"),
        (
            "What the worker sends to the DLQ rings the alarm. Who else puts messages there?",
            "Which metric does the alarm watch, and does SQS count its own moves in it?",
        ),
        "The DLQ alarm watches NumberOfMessagesSent, which SQS does not count for what its redrive policy moves. "
        "Watch the depth: ApproximateNumberOfMessagesVisible.",
    ),
    Puzzle(
        "sealed-letter",
        3,
        "Security encrypted something last night. The alarm rings on the dashboard, and no mail comes.",
        "locked-topic",
        "The topic's key keeps CloudWatch out",
        Change(runtime_settings.ALARMS_TOPIC_KEY, _key_for_the_account_alone, "hidden"),
        (
            "The alarm's actions are enabled. Did they succeed? Its history says so.",
            "Who must be allowed to use the key of an encrypted topic, and what does the key's policy say?",
        ),
        "The alarms topic is encrypted with a key whose policy does not let cloudwatch.amazonaws.com use it. Allow it "
        "kms:Decrypt and kms:GenerateDataKey*, or take the key off the topic.",
    ),
    Puzzle(
        "open-drawer",
        3,
        "About half of the orders vanish: not processed, not queued, not dead.",
        "second-consumer",
        "Two consumers share the queue",
        _to(runtime_settings.SECOND_CONSUMER, value=True),
        (
            "Compare NumberOfMessagesDeleted of the queue with what the worker has processed.",
            "Who else takes messages from this queue, and what does it do with them?",
        ),
        "A second function, ingestion-ENV-audit, has an event source mapping on the orders queue: what it takes is "
        "deleted when it returns. Delete the mapping.",
    ),
    Puzzle(
        "foggy-morning",
        3,
        "The on-call engineer has a bad feeling about the pipeline, and cannot say why.",
        "nothing",
        "Nothing is wrong",
        _to(runtime_settings.NOTHING, value=True),
        (
            "What does lab check say, and what is there that it does not look at?",
            "If every behaviour is there, the depths are 0 and no alarm rings: what follows?",
        ),
        "Nothing was wrong. To say so takes as much evidence as to name a fault.",
    ),
)

BY_NAME = {puzzle.name: puzzle for puzzle in PUZZLES} | {puzzle.answer: puzzle for puzzle in PUZZLES}
"""By name, and by answer for whoever sets them."""
