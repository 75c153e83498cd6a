"""Every deployed alarm rings for a cause of its own, tells the topic, and is silent again after the cure.

The pipeline here is one of its own whose thresholds are as low as the settings' rules allow, so that a cause need not
last for minutes. All causes are real ones except that of `warning-recursion`: the engine detects no loops, so the test
sets the alarm's state, which shows whom it tells and that it ends, not what it looks at.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from functions.pauser.resume_message import ResumeMessage
from infra.components.names import ALARMS, EVENT_DETAIL_TYPES, EVENT_SOURCE
from lab.common.polling import wait_until_updated
from lab.deployment.deploy import deploy
from lab.dlq.browser import dead_letters
from lab.engines.clients import Aws
from lab.faults import runtime_settings
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from lab.pipeline.tap import tap
from support.eventually import eventually
from tests.support.turned import turned

pytestmark = pytest.mark.long

TIMEOUT, BACKLOG, LETTER_AGE = 2, 5, 20
SETTINGS = {
    "workerTimeoutSeconds": str(TIMEOUT),
    "queueVisibilitySeconds": str(6 * TIMEOUT),
    "backlogAlarmMessages": str(BACKLOG),
    "dlqAgeAlarmSeconds": str(LETTER_AGE),
    "latencyObjectiveSeconds": str(TIMEOUT),
}
RINGS_WITHIN, SILENT_WITHIN = 75, 90
"""Seconds: the slowest alarm needs an age of four visibility timeouts; silence needs three periods."""

PERIOD = 10
HURT = "critical-customers-hurt"
OUTAGE_RINGS_WITHIN, OUTAGE_SERVED_WITHIN = 100, 180
"""An order has to be four visibility timeouts old, and is then hidden for twice its age at most."""

type Cause = Callable[[Pipeline, Api], AbstractContextManager[Callable[[], object] | None]]
"""In force for a `with` block; what it yields, if anything, is repeated until the alarm rings."""


@pytest.fixture(scope="module")
def watched(local: Aws) -> Pipeline:
    return Pipeline(local, deploy(local, "alarms", SETTINGS, print))


@pytest.fixture(scope="module")
def front(watched: Pipeline) -> Iterator[Api]:
    with Api(watched.aws, watched.stack) as api:
        yield api


@contextmanager
def broken_code(pipeline: Pipeline, function: str) -> Iterator[None]:
    """A deployment whose handler does not exist: every invocation fails as a whole."""
    client = pipeline.aws.client("lambda")

    def set_handler(handler: str) -> None:
        client.update_function_configuration(FunctionName=function, Handler=handler)
        wait_until_updated(client, function)

    before = client.get_function_configuration(FunctionName=function)["Handler"]
    set_handler(f"{before}_that_is_missing")
    try:
        yield
    finally:
        set_handler(before)


@contextmanager
def a_message_that_is_no_order(pipeline: Pipeline, _api: Api) -> Iterator[None]:
    sqs = pipeline.aws.client("sqs")
    sqs.send_message(QueueUrl=pipeline.stack.queue_url, MessageBody="no order")
    yield
    purge(sqs, pipeline.stack.dlq_url)


@contextmanager
def a_rule_whose_topic_is_missing(pipeline: Pipeline, _api: Api) -> Iterator[Callable[[], object]]:
    """The rule's target is another topic, which does not exist: what it matches ends in the dead-letter queue."""
    events, stack = pipeline.aws.client("events"), pipeline.stack
    rule = {"Rule": stack.order_events_rule_name, "EventBusName": stack.event_bus_name}
    targets = events.list_targets_by_rule(**rule)["Targets"]
    wrong = [target | {"Arn": f"{target['Arn']}-that-is-missing"} for target in targets]
    entry = {
        "Source": EVENT_SOURCE,
        "DetailType": EVENT_DETAIL_TYPES[0],
        "Detail": "{}",
        "EventBusName": stack.event_bus_name,
    }
    events.put_targets(**rule, Targets=wrong)
    try:
        yield lambda: events.put_events(Entries=[entry])
    finally:
        events.put_targets(**rule, Targets=targets)
    purge(pipeline.aws.client("sqs"), stack.undelivered_events_queue_url)


@contextmanager
def a_worker_without_its_handler(pipeline: Pipeline, api: Api) -> Iterator[None]:
    with broken_code(pipeline, pipeline.stack.worker_function_name):
        api.submit(next(orders(1, label="worker")))
        yield


@contextmanager
def an_ingest_without_its_handler(pipeline: Pipeline, api: Api) -> Iterator[Callable[[], object]]:
    with broken_code(pipeline, pipeline.stack.ingest_function_name):
        yield lambda: api.post_order(next(orders(1, label="ingest")))


@contextmanager
def a_redrive_that_forgot_its_table(pipeline: Pipeline, _api: Api) -> Iterator[Callable[[], object]]:
    """An operation's invocation fails when it cannot find its own row."""
    client, name = pipeline.aws.client("lambda"), pipeline.stack.redrive_function_name
    environment = runtime_settings.REDRIVE_ENVIRONMENT.read(pipeline)
    payload = json.dumps({"redriveOperation": str(uuid.uuid4())}).encode()
    with turned(
        runtime_settings.REDRIVE_ENVIRONMENT,
        pipeline,
        {k: v for k, v in environment.items() if k != "REDRIVE_TABLE"},
    ):
        yield lambda: client.invoke(FunctionName=name, Payload=payload)


@contextmanager
def a_redrive_without_concurrency(pipeline: Pipeline, _api: Api) -> Iterator[Callable[[], object]]:
    client, name = pipeline.aws.client("lambda"), pipeline.stack.redrive_function_name
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield lambda: client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    finally:
        client.delete_function_concurrency(FunctionName=name)


@contextmanager
def an_authorizer_without_its_handler(pipeline: Pipeline, _api: Api) -> Iterator[Callable[[], object]]:
    name = f"{pipeline.stack.prefix}-authorizer"
    with broken_code(pipeline, name):
        yield lambda: pipeline.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")


@contextmanager
def a_pauser_without_its_handler(pipeline: Pipeline, _api: Api) -> Iterator[Callable[[], object]]:
    name = f"{pipeline.stack.prefix}-valve"
    with broken_code(pipeline, name):
        yield lambda: pipeline.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")


@contextmanager
def a_resume_message_that_died(pipeline: Pipeline, _api: Api) -> Iterator[None]:
    sqs = pipeline.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{pipeline.stack.prefix}-valve-dlq")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a resume message")
    yield
    purge(sqs, url)


@contextmanager
def a_pause_that_does_not_end(pipeline: Pipeline, _api: Api) -> Iterator[None]:
    sqs, url = pipeline.aws.client("sqs"), pipeline.stack.valve_queue_url
    assert url
    with turned(runtime_settings.MAPPING_ENABLED, pipeline, True):
        message = ResumeMessage("a-service", round(time.time()) + 3600)
        sqs.send_message(QueueUrl=url, MessageBody=message.as_text())
        yield
        purge(sqs, url)


@contextmanager
def a_loop_that_lambda_would_stop(pipeline: Pipeline, _api: Api) -> Iterator[None]:
    pipeline.aws.client("cloudwatch").set_alarm_state(
        AlarmName=pipeline.stack.alarm("warning-recursion"), StateValue="ALARM", StateReason="a test"
    )
    yield


@contextmanager
def an_ingest_without_concurrency(pipeline: Pipeline, api: Api) -> Iterator[Callable[[], object]]:
    with turned(runtime_settings.INGEST_CONCURRENCY, pipeline, 0):
        yield lambda: api.post_order(next(orders(1, label="throttled")))


@contextmanager
def more_orders_than_anybody_takes(pipeline: Pipeline, api: Api) -> Iterator[None]:
    with turned(runtime_settings.MAPPING_ENABLED, pipeline, False):
        for order in orders(BACKLOG + 1, label="backlog"):
            api.submit(order)
        yield


@contextmanager
def an_order_that_nobody_takes(pipeline: Pipeline, api: Api) -> Iterator[None]:
    with turned(runtime_settings.MAPPING_ENABLED, pipeline, False):
        api.submit(next(orders(1, label="old")))
        yield


@contextmanager
def orders_that_wait_before_they_are_processed(
    pipeline: Pipeline, api: Api
) -> Iterator[Callable[[], object]]:
    with turned(runtime_settings.QUEUE_DELAY, pipeline, str(TIMEOUT + 1)):
        yield lambda: api.submit(next(orders(1, label="late")))


@contextmanager
def a_worker_without_concurrency(pipeline: Pipeline, api: Api) -> Iterator[None]:
    with turned(runtime_settings.WORKER_CONCURRENCY, pipeline, 0):
        api.submit(next(orders(1, label="refused")))
        yield


CAUSES: dict[str, Cause] = {
    "critical-customers-hurt": an_ingest_without_concurrency,
    "critical-acceptance-burn": an_ingest_without_concurrency,
    "warning-acceptance-burn": an_ingest_without_concurrency,
    "critical-latency-burn": orders_that_wait_before_they_are_processed,
    "warning-latency-burn": orders_that_wait_before_they_are_processed,
    "critical-dlq-depth": a_message_that_is_no_order,
    "critical-dlq-age": a_message_that_is_no_order,
    "critical-undelivered-events": a_rule_whose_topic_is_missing,
    "critical-worker-errors": a_worker_without_its_handler,
    "critical-ingest-errors": an_ingest_without_its_handler,
    "critical-redrive-errors": a_redrive_that_forgot_its_table,
    "critical-api-5xx": an_ingest_without_concurrency,
    "warning-backlog": more_orders_than_anybody_takes,
    "warning-queue-age": an_order_that_nobody_takes,
    "critical-queue-age": an_order_that_nobody_takes,
    "warning-latency": orders_that_wait_before_they_are_processed,
    "warning-throttles": a_worker_without_concurrency,
    "warning-ingest-throttles": an_ingest_without_concurrency,
    "warning-authorizer-errors": an_authorizer_without_its_handler,
    "warning-pauser-errors": a_pauser_without_its_handler,
    "warning-pauser-age": a_pause_that_does_not_end,
    "critical-mapping-disabled": a_resume_message_that_died,
    "warning-rule-failures": a_rule_whose_topic_is_missing,
    "warning-dropped-events": a_redrive_without_concurrency,
    "warning-recursion": a_loop_that_lambda_would_stop,
}


def test_every_deployed_alarm_has_a_cause_here(watched: Pipeline) -> None:
    assert CAUSES.keys() == watched.alarm_states().keys() == set(ALARMS)


@pytest.mark.parametrize("alarm", CAUSES)
def test_an_alarm_rings_tells_the_topic_and_is_silent_after_the_cure(
    watched: Pipeline, front: Api, alarm: str
) -> None:
    def state() -> str:
        return watched.alarm_states()[alarm]

    with tap(watched.aws, watched.stack.alarms_topic_arn) as notifications:
        eventually(lambda: state() == "OK", within=SILENT_WITHIN, every=0.5)
        with CAUSES[alarm](watched, front) as again:

            def rings() -> bool:
                if again:
                    again()
                return state() == "ALARM"

            began = time.monotonic()
            eventually(rings, within=RINGS_WITHIN, every=0.5)
            rang = time.monotonic()
        eventually(lambda: state() == "OK", within=SILENT_WITHIN, every=0.5)
        silent = time.monotonic()
        print(f"{alarm}: rang after {rang - began:.1f} s, silent {silent - rang:.1f} s later")  # noqa: T201
        name = f"{watched.stack.prefix}-{alarm}"
        eventually(lambda: notifications.alarm_transitions(name) == ["ALARM", "OK"], within=10)


def test_letters_that_somebody_looks_at_keep_their_alarm_ringing(watched: Pipeline) -> None:
    """A preview or a redrive hides letters for a while: none of them is gone for it."""
    sqs, stack = watched.aws.client("sqs"), watched.stack
    sqs.send_message(QueueUrl=stack.dlq_url, MessageBody="no order")
    eventually(lambda: watched.alarm_states()["critical-dlq-depth"] == "ALARM", within=RINGS_WITHIN)
    (hidden,) = sqs.receive_message(QueueUrl=stack.dlq_url, VisibilityTimeout=120)["Messages"]
    seen: set[str] = set()
    until = time.monotonic() + 3 * PERIOD

    def outlasted() -> bool:
        seen.add(watched.alarm_states()["critical-dlq-depth"])
        return time.monotonic() > until

    eventually(outlasted, within=5 * PERIOD, every=0.5)
    sqs.delete_message(QueueUrl=stack.dlq_url, ReceiptHandle=hidden["ReceiptHandle"])
    assert seen == {"ALARM"}
    eventually(lambda: watched.alarm_states()["critical-dlq-depth"] == "OK", within=SILENT_WITHIN)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("strategy", ["defer", "pause"])
def test_an_outage_rings_critically_and_without_a_pause_until_no_order_waits(
    watched: Pipeline, front: Api, strategy: str
) -> None:
    """Retried and requeued orders are hidden most of the time, and SQS's own age of them begins again."""
    ages = ("warning-queue-age", "critical-queue-age")

    def ringing() -> set[str]:
        return {name for name, state in watched.alarm_states().items() if state == "ALARM"}

    def interrupted() -> set[str]:
        before, silent, after = watched.queue().total, set(ages) - ringing(), watched.queue().total
        return silent if before and after else set()

    eventually(lambda: not ringing(), within=SILENT_WITHIN, every=0.5)
    with outage(watched, strategy):
        accepted = front.submit_batch(list(orders(12, label="outage")))
        eventually(lambda: ringing() >= {*ages, HURT}, within=OUTAGE_RINGS_WITHIN, every=0.5)
    interruptions: list[set[str]] = []

    ids = {order.order_id for order in accepted}

    def served() -> bool:
        interruptions.append(interrupted())
        return {effect.order_id for effect in watched.effects(ids)} == ids

    eventually(served, within=OUTAGE_SERVED_WITHIN, every=0.5)
    assert len(interruptions) > 2 * PERIOD, "the orders did not outlast the outage: nothing was observed"
    assert not any(interruptions)
    eventually(lambda: not ringing(), within=SILENT_WITHIN, every=0.5)


@pytest.mark.timeout(400)
def test_an_outage_without_a_breaker_strategy_rings_for_the_orders_that_die(
    watched: Pipeline, front: Api
) -> None:
    """Every order is dead or done at the end, and all alarms are silent once somebody has dealt with the dead."""

    def ringing() -> set[str]:
        return {name for name, state in watched.alarm_states().items() if state == "ALARM"}

    eventually(lambda: not ringing(), within=SILENT_WITHIN, every=0.5)
    with outage(watched, "none"):
        accepted = {order.order_id for order in front.submit_batch(list(orders(12, label="outage")))}
        eventually(lambda: ringing() >= {"critical-dlq-depth", HURT}, within=120, every=0.5)
    eventually(lambda: watched.queue().total == 0, within=60, every=0.5)
    dead = {letter.order_id for letter in dead_letters(watched)}
    done = {effect.order_id for effect in watched.effects(accepted)}
    assert dead
    assert (dead | done, dead & done) == (accepted, set())
    purge(watched.aws.client("sqs"), watched.stack.dlq_url)
    eventually(lambda: not ringing(), within=SILENT_WITHIN, every=0.5)


@contextmanager
def outage(pipeline: Pipeline, strategy: str) -> Iterator[None]:
    """The price service answers nobody, and the worker keeps to a breaker strategy."""
    environment = runtime_settings.WORKER_ENVIRONMENT.read(pipeline)
    with (
        turned(runtime_settings.WORKER_ENVIRONMENT, pipeline, environment | {"BREAKER_STRATEGY": strategy}),
        turned(runtime_settings.FAILURE_MODE, pipeline, pipeline.parameters_for("slow_downstream")),
    ):
        yield
