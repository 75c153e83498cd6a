"""A dependency that accepts and never answers: whoever calls it is back before the invocation's time is over."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.common import aws, deadline
from functions.common.errors import NoTimeLeftError
from functions.common.failure_modes import SsmParameters
from functions.events.event_publisher import EventPublisher
from functions.events.order_events import OrderEvent
from functions.pauser.handler import Pauser
from functions.pauser.resume_message import ResumeMessage
from functions.publish.message import OutgoingMessage
from functions.publish.publisher import Publisher
from functions.publish.visibility import Hidden, hide
from functions.worker import handler as worker
from functions.worker.circuits import Circuits
from tests.support.silent import Silence, silence
from tests.unit.functions.builders import envelope
from tests.unit.functions.test_settings import WORKER

LIMIT = 2.5
READ = 0.3
MARGIN = 0.5
"""For a machine that is busy with other things."""


@dataclass
class Context:
    """An invocation with so many seconds left."""

    seconds: float = LIMIT
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn"
    aws_request_id: str = "request"

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._ends - time.monotonic()) * 1000))


def context(seconds: float = LIMIT) -> Any:
    return Context(seconds)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silence]:
    """All of AWS is silent, and a call takes a third of a second at most."""
    monkeypatch.setattr(deadline, "READ_SECONDS", READ)
    monkeypatch.setattr(deadline, "CONNECT_SECONDS", READ)
    monkeypatch.setattr(deadline, "CALL_SECONDS", READ + MARGIN)
    monkeypatch.setattr(aws, "PATIENT_READ_SECONDS", READ)
    with silence() as service:
        for name, value in (
            ("AWS_ENDPOINT_URL", service.endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        aws._made.cache_clear()  # pyright: ignore[reportPrivateUsage]
        yield service
    aws._made.cache_clear()  # pyright: ignore[reportPrivateUsage]


def publish_orders() -> None:
    """A full batch of POST /events/batch: fifty calls, if each were tried."""
    messages = [OutgoingMessage(f"body-{number}", {}) for number in range(500)]
    deliveries = Publisher(aws.sqs_once(), "http://queue", max_bytes=262_144).send(messages)
    assert len(deliveries) == 500
    assert not any(delivery.sent for delivery in deliveries)


def announce() -> None:
    events = [OrderEvent("OrderProcessed", "{}")] * 100
    assert all(EventPublisher(aws.events_once(), "bus").publish(events))


def change_visibility() -> None:
    hide(aws.sqs_once(), "http://queue", [Hidden(envelope(str(number)), 5) for number in range(100)])


def read_failure_modes() -> None:
    assert SsmParameters(5).values(["/ingestion/dev/failure_mode"]) == {}


def look_at_circuits() -> None:
    assert not Circuits("circuits", aws.dynamodb_once(), 30).is_open("event-bus")


def pause() -> None:
    pauser = Pauser(aws.lambda_once(), aws.sqs_once(), "mapping", "http://queue")
    assert not pauser.apply(ResumeMessage("c", round(time.time()) + 60).as_text(), "handle")


CALLERS = [publish_orders, announce, change_visibility, read_failure_modes, look_at_circuits, pause]


@pytest.mark.parametrize("call", CALLERS)
def test_a_caller_of_a_silent_service_is_back_in_time(silent: Silence, call: Callable[[], None]) -> None:
    invocation = context()
    with deadline.of_invocation(invocation):
        call()
    assert invocation.get_remaining_time_in_millis() > 0
    assert silent.connections > 0


def test_a_silent_table_of_circuits_holds_up_the_first_message_alone(silent: Silence) -> None:
    """Its state counts as closed, and is not asked for by each message in its turn."""
    circuits = Circuits("circuits", aws.dynamodb_once(), 30)
    call = circuits.guard("a-service", lambda: "done", failure_threshold=7)
    assert [call() for _ in range(5)] == ["done"] * 5
    assert silent.connections == 1


def test_a_call_that_might_outlast_the_invocation_is_not_begun(silent: Silence) -> None:
    with deadline.of_invocation(context()):
        time.sleep(LIMIT - READ - MARGIN / 2)
        with pytest.raises(NoTimeLeftError):
            aws.sqs_once().get_queue_url(QueueName="queue")
    assert silent.connections == 0


def test_the_next_invocation_has_its_own_time() -> None:
    with deadline.of_invocation(context(0)), pytest.raises(NoTimeLeftError):
        deadline.require_time_for_a_call()
    with deadline.of_invocation(context()):
        deadline.require_time_for_a_call()


def test_the_worker_answers_with_its_whole_batch_in_time_when_all_of_aws_is_silent(
    silent: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (WORKER | {"IDEMPOTENCY_IN_PROGRESS_SECONDS": "4"}).items():
        monkeypatch.setenv(name, value)
    worker._worker.cache_clear()  # pyright: ignore[reportPrivateUsage]
    records = [
        {
            "messageId": f"m-{number}",
            "receiptHandle": f"r-{number}",
            "body": json.dumps({"orderId": f"o-{number}", "amount": 5}),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1000"},
            "messageAttributes": {},
        }
        for number in range(10)
    ]
    invocation = context(4)
    answer = worker.lambda_handler({"Records": records}, invocation)
    left = invocation.get_remaining_time_in_millis()
    worker._worker.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == [f"m-{n}" for n in range(10)]
    assert left > 0
    assert silent.connections > 0
