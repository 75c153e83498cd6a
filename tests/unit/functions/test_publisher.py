import random
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.common.errors import NoTimeLeftError
from functions.publish.message import OutgoingMessage, text
from functions.publish.publisher import ATTEMPTS, Publisher
from tests.unit.functions.builders import FakeSqs


def publisher(sqs: Any, max_bytes: int = 1000, naps: list[float] | None = None) -> Publisher:
    sleep = (lambda _seconds: None) if naps is None else naps.append
    return Publisher(sqs, "queue", max_bytes=max_bytes, sleep=sleep, rng=random.Random(1))


def messages(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(f"body-{number}", {"a": text("b")}) for number in range(count)]


@given(st.integers(min_value=0, max_value=40), st.sets(st.integers(min_value=0, max_value=39)))
def test_every_message_is_either_taken_or_reported(count: int, refused: set[int]) -> None:
    """Property: deliveries are in the order of the messages, and say of each what really happened to it."""
    sqs = FakeSqs(lambda entry, _: ("Bad", True) if int(entry["MessageBody"][5:]) in refused else None)
    deliveries = publisher(sqs).send(messages(count))
    assert [delivery.sent for delivery in deliveries] == [number not in refused for number in range(count)]
    assert sorted(entry["MessageBody"] for entry in sqs.taken) == sorted(
        f"body-{number}" for number in range(count) if number not in refused
    )


def test_only_failed_entries_are_sent_again() -> None:
    sqs = FakeSqs(lambda entry, n: ("Busy", False) if entry["MessageBody"] == "body-1" and n < 3 else None)
    naps: list[float] = []
    deliveries = publisher(sqs, naps=naps).send(messages(3))
    assert [len(call) for call in sqs.calls] == [3, 1, 1]
    assert all(delivery.sent for delivery in deliveries)
    assert len(naps) == 2


def test_tries_are_limited_and_the_last_error_is_reported() -> None:
    sqs = FakeSqs(lambda _entry, _attempt: ("Busy", False))
    [delivery] = publisher(sqs).send(messages(1))
    assert len(sqs.calls) == ATTEMPTS
    assert delivery.error == "Busy"


def test_an_entry_refused_by_the_senders_fault_is_not_retried() -> None:
    sqs = FakeSqs(lambda _entry, _attempt: ("InvalidMessageContents", True))
    publisher(sqs).send(messages(1))
    assert len(sqs.calls) == 1


def test_a_message_above_the_limit_is_reported_and_does_not_stop_the_others() -> None:
    sqs = FakeSqs()
    deliveries = publisher(sqs, max_bytes=100).send([OutgoingMessage("x" * 101, {}), *messages(1)])
    assert [delivery.error for delivery in deliveries] == ["MessageTooLong", ""]


class _Unreachable(FakeSqs):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def send_message_batch(self, *, QueueUrl: str, Entries: Any) -> Any:  # noqa: N803
        self.calls.append(list(Entries))
        raise self.error


def test_a_call_without_an_answer_is_repeated_and_then_reported() -> None:
    sqs = _Unreachable(EndpointConnectionError(endpoint_url="http://q"))
    [delivery] = publisher(sqs).send(messages(1))
    assert len(sqs.calls) == ATTEMPTS
    assert delivery.error == "EndpointConnectionError"


def test_a_queue_out_of_reach_is_not_asked_for_the_other_batches() -> None:
    sqs = _Unreachable(ReadTimeoutError(endpoint_url="http://q"))
    deliveries = publisher(sqs).send(messages(25))
    assert [len(call) for call in sqs.calls] == [10] * ATTEMPTS
    assert [delivery.error for delivery in deliveries] == ["ReadTimeoutError"] * 10 + ["NotSent"] * 15


def test_a_call_for_which_no_time_is_left_is_not_repeated() -> None:
    sqs = _Unreachable(NoTimeLeftError())
    assert {delivery.error for delivery in publisher(sqs).send(messages(2))} == {"NoTimeLeftError"}
    assert len(sqs.calls) == 1


def test_a_batch_that_is_refused_for_what_it_is_keeps_no_other_batch_back() -> None:
    error = {"Error": {"Code": "BadRequest"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    sqs = _Unreachable(ClientError(error, "SendMessageBatch"))  # type: ignore[arg-type]
    publisher(sqs).send(messages(25))
    assert [len(call) for call in sqs.calls] == [10, 10, 5]


def test_a_call_that_is_denied_is_not_repeated() -> None:
    error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    sqs = _Unreachable(ClientError(error, "SendMessageBatch"))  # type: ignore[arg-type]
    deliveries = publisher(sqs).send(messages(2))
    assert len(sqs.calls) == 1
    assert {delivery.error for delivery in deliveries} == {"AccessDenied"}
