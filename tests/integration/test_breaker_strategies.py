"""One outage, longer than maxReceiveCount x visibility timeout, under each breaker strategy."""

import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from functions.pauser.resume_message import ResumeMessage
from functions.redrive.error_types import error_type
from lab.deployment.deploy import deploy
from lab.dlq.browser import DlqBrowser
from lab.engines.clients import Aws
from lab.engines.direct import DIRECT
from lab.faults import Fault, FaultProxy, routed
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.queues import purge
from support.eventually import eventually

pytestmark = pytest.mark.long

ENV = "breaker"
TIMEOUT, RECEIVES = 3, 3
"""Short, but a worker that starts has to fit into its time on a busy machine."""

VISIBILITY = 6 * TIMEOUT
OUTAGE_SECONDS = RECEIVES * VISIBILITY + 2
ORDERS = 40


@pytest.fixture(params=["none", "defer", "pause"])
def strategy(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def victim(local: Aws, strategy: str) -> Iterator[Pipeline]:
    """A pipeline of its own with times as short as the settings' rules allow."""
    pipeline = Pipeline(local, deploy(local, ENV, settings_with(strategy), print))
    yield pipeline
    pipeline.set_failure_mode("none")
    sqs = local.client("sqs")
    for url in (pipeline.stack.queue_url, pipeline.stack.dlq_url):
        purge(sqs, url)


def settings_with(strategy: str) -> dict[str, str]:
    return {
        "breakerStrategy": strategy,
        "maxReceiveCount": str(RECEIVES),
        "workerTimeoutSeconds": str(TIMEOUT),
        "queueVisibilitySeconds": str(VISIBILITY),
    }


def mapping_state(pipeline: Pipeline) -> str:
    mapping = pipeline.stack.worker_event_source_mapping_id
    return pipeline.aws.client("lambda").get_event_source_mapping(UUID=mapping)["State"]


def logged(pipeline: Pipeline, event: str, since: float) -> int:
    """How often the worker logged an event since a time (epoch seconds)."""
    function = pipeline.stack.worker_function_name
    pages = (
        pipeline.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{function}",
            filterPattern=f'{{ $.event = "{event}" }}',
            startTime=round(since * 1000),
        )
    )
    return sum(len(page["events"]) for page in pages)


def causes(pipeline: Pipeline) -> Counter[tuple[str, str]]:
    """What the dead died of, and at which receive."""
    return Counter(
        (error_type(envelope), envelope.text("receiveCount") or "-")
        for envelope in DlqBrowser(pipeline).browse(100).envelopes
    )


def submit(pipeline: Pipeline) -> set[str]:
    """All orders in one request, so that the worker gets full batches."""
    events = list(orders(ORDERS, label="outage"))
    answer = httpx.post(
        f"{pipeline.stack.api_url}/events/batch", json={"events": events}, timeout=30, **DIRECT
    )
    assert answer.json()["accepted"] == ORDERS
    return {str(event["orderId"]) for event in events}


def done(pipeline: Pipeline, ids: set[str]) -> set[str]:
    return ids & {effect.order_id for effect in pipeline.effects(ids)}


@pytest.mark.timeout(600)
def test_a_long_outage_fills_the_dlq_unless_receives_are_saved(
    victim: Pipeline, local: Aws, strategy: str, record_property: Callable[[str, object], None]
) -> None:
    victim.set_failure_mode("slow_downstream")
    time.sleep(1.5)  # the functions' cached failure mode may be this old
    began, since = time.monotonic(), time.time()
    ids = submit(victim)
    seen: set[str] = set()

    def outage_is_over() -> bool:
        seen.add(mapping_state(victim))
        return time.monotonic() - began >= OUTAGE_SECONDS

    eventually(outage_is_over, within=OUTAGE_SECONDS + 5, every=0.3)
    assert not done(victim, ids)
    victim.set_failure_mode("none")
    eventually(lambda: victim.queue().total == 0, within=120, every=1)
    dead, processed = victim.dlq().total, len(done(victim, ids))
    figures = {
        "strategy": strategy,
        "outage s": OUTAGE_SECONDS,
        "processed": processed,
        "in the DLQ": dead,
        "requeued": logged(victim, "order.requeued", since),
        "died of": causes(victim),
    }
    record_property("outage", figures | {"settled after s": round(time.monotonic() - began)})
    assert processed + dead >= ORDERS, figures
    assert ("Disabled" in seen) is (strategy == "pause"), seen
    assert logged(victim, "circuit.changed", since) > 0
    if strategy == "none":
        assert dead > 0, figures
        assert figures["requeued"] == 0
    else:
        assert (dead, processed) == (0, ORDERS), figures
        assert figures["requeued"] > 0, "no message came near its last receive"
        eventually(lambda: mapping_state(victim) == "Enabled", within=20)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("strategy", ["pause"], indirect=True)
def test_leaving_the_strategy_enables_a_mapping_that_is_paused_at_that_moment(
    victim: Pipeline, local: Aws
) -> None:
    victim.aws.client("lambda").update_event_source_mapping(
        UUID=victim.stack.worker_event_source_mapping_id, Enabled=False
    )
    eventually(lambda: mapping_state(victim) == "Disabled", within=20)
    settings = settings_with("defer")
    left = Pipeline(local, deploy(local, ENV, settings, print))
    eventually(lambda: mapping_state(left) == "Enabled", within=30)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("strategy", ["pause"], indirect=True)
def test_a_mapping_is_resumed_although_the_call_that_hides_its_reminder_hangs(
    victim: Pipeline, local: Aws
) -> None:
    """The pauser gives the call up in time. The resume message comes back sooner than it should, and does no harm."""
    assert local.endpoint
    pauser = f"{victim.stack.prefix}-valve"
    sqs = local.client("sqs")
    queue_url = sqs.get_queue_url(QueueName=pauser)["QueueUrl"]
    with FaultProxy(local.endpoint) as proxy, routed(victim, [pauser], proxy.endpoint, ["SQS"]):
        proxy.inject(Fault(service="sqs", operation="ChangeMessageVisibility", latency_ms=60_000, times=1))
        message = ResumeMessage("price-service", round(time.time()) + 5)
        sqs.send_message(QueueUrl=queue_url, MessageBody=message.as_text())
        eventually(lambda: mapping_state(victim) == "Disabled", within=30)
        eventually(lambda: given_up(local, pauser), within=30)
        eventually(lambda: mapping_state(victim) == "Enabled", within=2 * VISIBILITY)
        assert len(proxy.fired("sqs", "ChangeMessageVisibility")) == 1


def given_up(aws: Aws, function: str) -> bool:
    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/{function}", filterPattern='"visibility.unchanged"')
    )
    return any(page["events"] for page in pages)
