"""Probes: the numbers that predictions are about, each from an AWS API."""

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from functions.common.errors import Category
from functions.redrive.operations import Status
from infra.components.names import AlarmName
from lab.dlq.browser import dead_letters
from lab.pipeline import metrics
from lab.pipeline.circuits import circuit_states
from lab.pipeline.metrics import Metric
from lab.scenario import rules
from lab.scenario.answers import NUMBER, Choice, Counts
from lab.scenario.model import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.pipeline.observe import Effect, Pipeline
    from lab.scenario.experiment import Experiment


EMF = "embedded metric format"
LOG_FILTER = "a metric filter with a pattern"
ALARM = "an alarm whose metric rises and falls (period 10 s)"
FAIRNESS = "a quiet group's message behind a noisy group's backlog"
"""Questions of `lab probe` that probes rely on."""

ALARM_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
CIRCUIT_STATES = ("CLOSED", "OPEN", "HALF_OPEN")
LETTERS = {
    "errorCategory": (Counts("5 x VALIDATION", tuple(Category)), rules.CATEGORY),
    "errorType": (Counts("5 x SchemaViolation"), rules.TYPE),
    "receiveCount": (Counts("2 x 1 for two letters received once"), rules.FIRST_RECEIVE),
    "redriveCount": (Counts("2 x 0 for two letters never redriven"), rules.REDRIVE_COUNT),
}
REDRIVE_STATUS = Choice(tuple(status.value for status in Status if status.final))
MOVE_TASK_ANSWERS = {
    "Status": Choice(("RUNNING", "COMPLETED", "CANCELLING", "CANCELLED", "FAILED")),
    "FailureReason": Choice(("AccessDenied", "CouldNotDetermineMessageSource", "NonExistentQueue")),
}


def _effects(run: "Experiment") -> "list[Effect]":
    return list(run.pipeline.effects(run.accepted))


def processed() -> Probe:
    """Orders of this run that have their effect."""
    return Probe("DynamoDB BatchGetItem of the orders", lambda run: len(_effects(run)), why=rules.PROCESSED)


def most_executions() -> Probe:
    """The most often any order's effect ran: 1 unless a side effect was repeated."""
    return Probe(
        "DynamoDB BatchGetItem of the orders, `executions`",
        lambda run: max((effect.executions for effect in _effects(run)), default=0),
        why=rules.ONCE,
    )


def slowest_ms() -> Probe:
    """The longest way of an order from its acceptance to its effect, in milliseconds."""
    return Probe(
        "DynamoDB BatchGetItem of the orders, processedAt - acceptedAt",
        lambda run: max((effect.latency_ms for effect in _effects(run)), default=0),
        why=rules.SECONDS,
    )


def ahead(noisy: str, quiet: str, relies_on: str = "") -> Probe:
    """How many orders under one label had their effect before the last under another."""

    def read(run: "Experiment") -> int | None:
        at = {effect.order_id: effect.processed_at for effect in _effects(run)}
        waited = [at[order_id] for order_id in run.accepted_as(quiet) if order_id in at]
        flood = [at[order_id] for order_id in run.accepted_as(noisy) if order_id in at]
        return sum(each < max(waited) for each in flood) if waited else None

    return Probe("DynamoDB BatchGetItem of the orders, processedAt", read, relies_on=relies_on)


def most_receives(label: str) -> Probe:
    """The highest receive count that the worker logged for an order submitted under a label."""

    def read(run: "Experiment") -> int:
        ids = run.accepted_as(label)
        counts = [
            int(line.fields["receiveCount"])
            for line in run.log_lines()
            if line.fields.get("orderId") in ids and "receiveCount" in line.fields
        ]
        return max(counts, default=0)

    return Probe("CloudWatch Logs FilterLogEvents of the worker, receiveCount", read)


def queue_depth() -> Probe:
    """Messages in the queue: visible, in flight, delayed."""
    return Probe(
        "SQS GetQueueAttributes of the queue", lambda run: run.pipeline.queue().total, why=rules.QUEUED
    )


def dlq_depth() -> Probe:
    """Messages in the DLQ."""
    return Probe("SQS GetQueueAttributes of the DLQ", lambda run: run.pipeline.dlq().total, why=rules.DEATH)


def deepest_dlq() -> Probe:
    """The most messages that were in the DLQ at once."""
    return Probe(
        "SQS GetQueueAttributes of the DLQ, sampled",
        lambda run: max((sample.dlq for sample in run.timeline.samples), default=0),
        why=rules.DEATH,
    )


def letters(attribute: str) -> Probe:
    """Dead letters by one attribute of their cause of death; `none` for letters without it."""

    def read(run: "Experiment") -> dict[str, int]:
        found = dead_letters(run.pipeline)
        return dict(Counter(letter.text(attribute) or "none" for letter in found))

    source = f"SQS ReceiveMessage of the DLQ, attribute {attribute}"
    answer, why = LETTERS[attribute]
    return Probe(source, read, answer=answer, why=why)


def letters_saying(text: str) -> Probe:
    """Dead letters whose error message contains a text."""
    return Probe(
        f"SQS ReceiveMessage of the DLQ, errorMessage contains {text}",
        lambda run: sum(text in (letter.text("errorMessage") or "") for letter in dead_letters(run.pipeline)),
        why=rules.POINTER,
    )


def letters_holding(pattern: str) -> Probe:
    """Dead letters whose body matches a regular expression somewhere."""
    return Probe(
        f"SQS ReceiveMessage of the DLQ, body matches {pattern}",
        lambda run: sum(bool(re.search(pattern, letter.body)) for letter in dead_letters(run.pipeline)),
        why=rules.CORRUPT,
    )


def alarm(name: AlarmName) -> Probe:
    """The state of an alarm."""
    return Probe(
        f"CloudWatch DescribeAlarms, {name}",
        lambda run: run.pipeline.alarm_states().get(name, "missing"),
        relies_on=ALARM,
        answer=Choice(ALARM_STATES),
        why=rules.ALARMS.get(name, ""),
        alarms=name,
    )


def notified(name: AlarmName) -> Probe:
    """States of an alarm that SNS has told, by how often."""

    def read(run: "Experiment") -> dict[str, int]:
        return dict(Counter(run.notifications.alarm_transitions(run.pipeline.stack.alarm(name))))

    answer = Counts("1 x ALARM", ALARM_STATES)
    source = f"SNS notifications of {name}"
    return Probe(source, read, relies_on=ALARM, answer=answer, why=rules.TOLD_ONCE, alarms=name)


def alarms_that_rang(severity: str) -> Probe:
    """How many different alarms, `critical` ones or `warning` ones, went to ALARM during the run."""
    return Probe(
        "CloudWatch DescribeAlarms, sampled",
        lambda run: len(
            {
                name
                for sample in run.timeline.samples
                for name, state in sample.alarms.items()
                if state == "ALARM" and name.startswith(f"{severity}-")
            }
        ),
        relies_on=ALARM,
        why=rules.NO_CRITICAL,
        alarms=f"{severity}-*",
    )


def emitted(name: str, service: str = "worker") -> Probe:
    """The sum of a metric that a function emits (EMF)."""
    return _sum(
        f"CloudWatch GetMetricData, {name} of {service}",
        lambda pipeline: metrics.emitted(pipeline.stack, name, service),
        rules.METRICS.get(name, rules.COUNTED),
        EMF,
    )


def counted(name: str) -> Probe:
    """The sum of a metric that a filter counts from the logs."""
    return _sum(
        f"CloudWatch GetMetricData, {name} of the log's metric filter",
        lambda pipeline: metrics.counted(pipeline.stack, name),
        rules.METRICS.get(name, rules.COUNTED),
        LOG_FILTER,
    )


def worker(name: str) -> Probe:
    """The sum of one of Lambda's own metrics of the worker."""

    def metric(pipeline: "Pipeline") -> Metric:
        return Metric("AWS/Lambda", name, (("FunctionName", pipeline.stack.worker_function_name),))

    return _sum(
        f"CloudWatch GetMetricData, AWS/Lambda {name} of the worker", metric, rules.LAMBDA.get(name, "")
    )


def queue(name: str) -> Probe:
    """The sum of one of SQS's own metrics of the queue."""

    def metric(pipeline: "Pipeline") -> Metric:
        return Metric("AWS/SQS", name, (("QueueName", pipeline.stack.queue_name),))

    return _sum(f"CloudWatch GetMetricData, AWS/SQS {name} of the queue", metric, rules.SQS.get(name, ""))


def _sum(source: str, metric: "Callable[[Pipeline], Metric]", why: str, relies_on: str = "") -> Probe:
    return Probe(source, lambda run: round(run.sums.of(metric(run.pipeline))), metric, relies_on, why=why)


def announced(detail_type: str) -> Probe:
    """Different events of one type about this run's orders that came through the bus, by their eventId."""

    def read(run: "Experiment") -> int:
        return len(
            {
                event["detail"]["eventId"]
                for event in run.events.notifications()
                if event.get("detail-type") == detail_type and event["detail"].get("orderId") in run.accepted
            }
        )

    return Probe(f"EventBridge rule to SNS, {detail_type} by eventId", read, why=rules.ANNOUNCED)


def deliveries(detail_type: str) -> Probe:
    """Events of one type about this run's orders that came through the bus, repeated ones counted again."""
    return Probe(
        f"EventBridge rule to SNS, {detail_type}",
        lambda run: sum(
            event.get("detail-type") == detail_type and event["detail"].get("orderId") in run.accepted
            for event in run.events.notifications()
        ),
        why=rules.ANNOUNCED,
    )


def circuit(name: str) -> Probe:
    """The state of a circuit breaker."""
    return Probe(
        f"DynamoDB Scan of the circuits table, {name}",
        lambda run: circuit_states(run.pipeline).get(name, "CLOSED"),
        answer=Choice(CIRCUIT_STATES),
        why=rules.CIRCUIT,
    )


def answers(status: int) -> Probe:
    """How many requests the API answered with one status."""
    source = f"HTTP status {status} of POST /events"
    return Probe(source, lambda run: run.answers.count(status), why=rules.ANSWERS.get(status, ""))


def redrive(field: str) -> Probe:
    """One number of the latest redrive operation; `skipped.REASON` for skipped ones."""
    group, _, key = field.partition(".")

    def read(run: "Experiment") -> Any:
        value = run.redrives[-1][group] if run.redrives else None
        return value.get(key, 0) if key and value is not None else value

    answer = REDRIVE_STATUS if field == "status" else NUMBER
    return Probe(f"GET /redrive/ID, {field}", read, answer=answer, why=rules.REDRIVE.get(field, ""))


def edited() -> Probe:
    """Different orders of this run whose dead letter was edited and sent."""
    return Probe(
        "SQS SendMessageBatch of edited letters",
        lambda run: len({edit.order_id for edit in run.edits}),
        why=rules.EDITED,
    )


def move_task(field: str) -> Probe:
    """One field of the latest of SQS's own move tasks."""
    source = f"SQS ListMessageMoveTasks, {field}"
    answer = MOVE_TASK_ANSWERS.get(field, NUMBER)
    why = rules.MOVE_TASK.get(field, "")
    return Probe(source, lambda run: run.move_task.get(field), answer=answer, why=why)
