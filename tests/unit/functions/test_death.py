from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import Category, DependencyTimeoutError, LinesExceedAmountError
from functions.publish.death import MAX_HISTORY, MESSAGE_LENGTH, dead_letter, redriven, requeued, short
from functions.publish.envelope import Envelope, from_lambda
from functions.publish.message import MAX_ATTRIBUTES, OutgoingMessage
from tests.unit.functions.builders import envelope

AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
names = st.text("abcdefgh", min_size=1, max_size=12)


def letter(of: Envelope, error: Exception | None = None) -> OutgoingMessage:
    return dead_letter(
        of, error or LinesExceedAmountError("too much"), key="key", failed_at=AT, code_version="v1"
    )


def died(of: Envelope) -> Envelope:
    message = letter(of)
    return Envelope("dead", "handle", message.body, message.attributes, 1, of.sent_at)


def test_a_dead_letter_says_why_it_died() -> None:
    message = letter(envelope(receive_count=3, correlationId="c", idempotencyKey="key", redriveCount=1))
    values = {name: attribute.get("StringValue") for name, attribute in message.attributes.items()}
    assert values == {
        "correlationId": "c",
        "idempotencyKey": "key",
        "lineage": '{"acceptedAt":1000,"history":[]}',
        "redriveCount": "1",
        "errorType": "LinesExceedAmount",
        "errorCategory": "PERMANENT",
        "errorMessage": "too much",
        "failedAt": "2026-11-01T12:00:00.000+00:00",
        "receiveCount": "3",
        "codeVersion": "v1",
    }


@given(st.dictionaries(names, st.text("xyz", min_size=1), max_size=10))
def test_a_dead_letter_never_has_more_attributes_than_sqs_takes(foreign: dict[str, str]) -> None:
    """Property: whatever a sender attached, there are ten attributes; what is foreign is in the lineage."""
    message = letter(envelope(**foreign))
    assert len(message.attributes) == MAX_ATTRIBUTES
    lineage = codec.loads(message.attributes["lineage"].get("StringValue", ""))
    assert {name: kept["StringValue"] for name, kept in lineage.get("foreign", {}).items()} == foreign


@given(st.text())
def test_an_error_message_becomes_a_short_printable_line(text: str) -> None:
    """Property: at most 256 printable ASCII characters, which SQS takes in any attribute."""
    line = short(text)
    assert len(line) <= MESSAGE_LENGTH
    assert line.isascii()
    assert line.isprintable()


def test_an_error_without_words_still_has_a_message() -> None:
    assert letter(envelope(), DependencyTimeoutError()).attributes["errorMessage"].get("StringValue") == (
        "DependencyTimeout"
    )


def test_a_redrive_keeps_attributes_and_turns_the_death_into_history() -> None:
    message = redriven(died(envelope(correlationId="c", idempotencyKey="key")), delay_seconds=7)
    assert set(message.attributes) == {"correlationId", "idempotencyKey", "lineage", "redriveCount"}
    assert message.attributes["redriveCount"].get("StringValue") == "1"
    assert message.delay_seconds == 7
    [death] = codec.loads(message.attributes["lineage"].get("StringValue", ""))["history"]
    assert death["errorCategory"] == Category.PERMANENT
    assert death["redriveCount"] == 0


def test_history_is_kept_across_deaths_and_bounded() -> None:
    current = envelope(idempotencyKey="key")
    for _ in range(MAX_HISTORY + 5):
        message = redriven(died(current), 0)
        current = Envelope("m", "h", message.body, message.attributes, 1, 1000)
    history = current.lineage["history"]
    assert len(history) == MAX_HISTORY
    assert history[-1]["redriveCount"] == MAX_HISTORY + 4
    assert current.redrive_count == MAX_HISTORY + 5


def test_a_message_without_attributes_can_be_redriven() -> None:
    message = redriven(envelope("native", body="{}"), 0)
    assert message.attributes["correlationId"].get("StringValue") == "native"
    assert message.attributes["redriveCount"].get("StringValue") == "1"


def received(message: OutgoingMessage) -> Envelope:
    return Envelope("m", "h", message.body, message.attributes, 1, 99_000)


def test_a_requeued_message_is_the_same_order_with_one_more_requeue() -> None:
    before = envelope("m-1", correlationId="c", idempotencyKey="key", redriveCount=2, sent_at=42)
    again = received(requeued(received(requeued(before, 7)), 7))
    assert (again.body, again.redrive_count, again.requeues) == (before.body, 2, 2)
    assert again.attributes["idempotencyKey"] == before.attributes["idempotencyKey"]
    assert (again.correlation_id, again.accepted_at) == ("c", 42)


def test_a_requeued_message_gets_no_idempotency_key_that_nobody_gave_it() -> None:
    """Its content is its key; SQS's message id, which is another one now, must not become it."""
    again = received(requeued(envelope("native"), 0))
    assert again.text("idempotencyKey") is None
    assert again.correlation_id == "native"


def test_a_redriven_message_may_be_requeued_as_often_as_a_new_one() -> None:
    letter_of_requeued = died(received(requeued(envelope("m-1"), 0)))
    assert letter_of_requeued.requeues == 1
    assert received(redriven(letter_of_requeued, 0)).requeues == 0


@given(st.dictionaries(names, st.text("xyz", min_size=1), max_size=10))
def test_a_requeued_message_never_has_more_attributes_than_sqs_takes(foreign: dict[str, str]) -> None:
    """Property: what is foreign is in the lineage, also after a requeue and a death."""
    again = received(requeued(envelope(**foreign), 0))
    assert len(again.attributes) <= MAX_ATTRIBUTES
    lineage = codec.loads(letter(again).attributes["lineage"].get("StringValue", ""))
    assert {name: kept["StringValue"] for name, kept in lineage.get("foreign", {}).items()} == foreign


@pytest.mark.parametrize("lineage", ["", "no json", "[]", '{"acceptedAt":"soon"}'])
def test_a_broken_lineage_falls_back_to_the_time_the_message_was_sent(lineage: str) -> None:
    assert envelope(lineage=lineage, sent_at=42).accepted_at == 42


def test_a_message_stays_in_its_group_through_death_redrive_and_requeue() -> None:
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "{}",
        "attributes": {"MessageGroupId": "c-1"},
    }
    received = from_lambda(record)
    letter = dead_letter(
        received, LinesExceedAmountError("x"), key="k", failed_at=datetime.now(UTC), code_version="v"
    )
    sent = [letter, redriven(received, 0), redriven(received, 0, edit={}), requeued(received, 0)]
    assert [message.group for message in sent] == ["c-1"] * 4


def test_a_lambda_record_becomes_an_envelope() -> None:
    record = {
        "messageId": "m",
        "receiptHandle": "h",
        "body": '{"orderId":"o"}',
        "attributes": {"ApproximateReceiveCount": "4", "SentTimestamp": "99"},
        "messageAttributes": {
            "correlationId": {"stringValue": "c", "dataType": "String"},
            "redriveCount": {"stringValue": "2", "dataType": "Number"},
            "blob": {"binaryValue": "aGk=", "dataType": "Binary"},
        },
    }
    received = from_lambda(record)
    assert (received.receive_count, received.sent_at, received.order_id) == (4, 99, "o")
    assert (received.correlation_id, received.redrive_count) == ("c", 2)
    assert received.attributes["blob"].get("BinaryValue") == b"hi"
