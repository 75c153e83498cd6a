"""A sender's attributes on a message's whole way: whatever SQS took once is never lost, and never too many."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import LinesExceedAmountError
from functions.common.settings import SQS_MAX_BYTES
from functions.publish.death import dead_letter, redriven, requeued
from functions.publish.envelope import MAX_COUNT, Envelope
from functions.publish.message import MAX_ATTRIBUTES, OutgoingMessage
from functions.publish.publisher import Publisher
from lab.dlq.repair import repaired
from tests.unit.functions.builders import FakeSqs, as_received, envelope, order

BODY = codec.dumps(order())
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
OWN = (
    *("correlationId", "idempotencyKey", "lineage", "redriveCount", "errorType", "errorCategory"),
    *("errorMessage", "failedAt", "receiveCount", "codeVersion"),
)

type Attribute = Mapping[str, Any]

own_names = st.sampled_from(OWN)
names = st.from_regex(r"\A[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20})?\Z").filter(
    lambda name: name not in OWN and not name.lower().startswith(("aws.", "amazon."))
)
labels = st.sampled_from(["", ".int", ".png", ".a custom type"])
characters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
numbers = st.one_of(
    st.integers(-(10**37), 10**37).map(str), st.sampled_from(["0.10", "-1e5", "+5", ".5", "1E-100"])
)


def attribute(kind: str, field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Attribute]:
    return st.tuples(labels, values).map(lambda drawn: {"DataType": f"{kind}{drawn[0]}", field: drawn[1]})


binaries = attribute("Binary", "BinaryValue", st.binary(min_size=1, max_size=300))
attributes = st.one_of(
    attribute("String", "StringValue", st.text(characters, min_size=1, max_size=300)),
    attribute("Number", "StringValue", numbers),
    binaries,
)
senders = st.one_of(
    st.dictionaries(names, attributes, max_size=MAX_ATTRIBUTES),
    st.dictionaries(names | own_names, binaries, max_size=MAX_ATTRIBUTES),
)


def died(of: Envelope) -> Envelope:
    error = LinesExceedAmountError("too much")
    return as_received(dead_letter(of, error, key="key", failed_at=AT, code_version="v1"))


def after_redrive(of: Envelope) -> Envelope:
    return as_received(redriven(of, 0))


def theirs(of: Envelope) -> dict[str, Attribute]:
    """The sender's attributes, wherever the message has them."""
    kept = codec.loads(of.text("lineage") or "{}").get("foreign", {})
    decoded = {
        name: given | {"BinaryValue": base64.b64decode(given["BinaryValue"])}
        if "BinaryValue" in given
        else given
        for name, given in kept.items()
    }
    there = {
        name: dict(value)
        for name, value in of.attributes.items()
        if name not in OWN or "BinaryValue" in value
    }
    assert not decoded.keys() & there.keys()
    return decoded | there


def sent(given: Mapping[str, Attribute]) -> Envelope:
    attached: Any = given
    return Envelope("m-1", "handle", BODY, attached, 1, 1_000)


@given(senders)
def test_any_attributes_survive_deaths_requeues_redrives_and_an_edit_unchanged(given: Any) -> None:
    """Property: at every stage at most ten attributes, and every one of the sender's with its type and value."""
    message = sent(given)
    for stage in (requeued_once, died, after_redrive, died, after_redrive, requeued_once, died, edited, died):
        message = stage(message)
        assert theirs(message) == given
    assert message.redrive_count == 3
    assert len(message.lineage["history"]) == 3


def requeued_once(of: Envelope) -> Envelope:
    return as_received(requeued(of, 0))


def edited(of: Envelope) -> Envelope:
    return as_received(repaired(of, BODY, at=1, by="ann"))


@pytest.mark.parametrize("count", [1, 6, 10])
def test_an_attribute_kept_in_the_lineage_is_restored_where_there_is_room(count: int) -> None:
    given = {f"x{number}": {"DataType": "Number.int", "StringValue": str(number)} for number in range(count)}
    message = after_redrive(died(sent(given)))
    assert len(given.keys() & message.attributes.keys()) == min(count, 6)
    assert ("foreign" in message.lineage) is (count > 6)


@pytest.mark.parametrize("count", [7, 8, 10])
def test_a_letter_of_nothing_but_foreign_attributes_is_redriven_and_edited_within_ten(count: int) -> None:
    given = {f"x{number}": {"DataType": "String", "StringValue": "v"} for number in range(count)}
    assert theirs(after_redrive(sent(given))) == given
    assert theirs(edited(sent(given))) == given


def test_a_lineage_of_the_senders_own_is_kept_beside_the_pipelines() -> None:
    given = {"lineage": {"DataType": "String", "StringValue": "data team 7"}}
    message = after_redrive(died(sent(given)))
    assert message.lineage["foreign"] == given
    assert message.accepted_at == 1_000


def test_ids_keep_the_type_they_were_sent_with() -> None:
    given = {
        name: {"DataType": "String.uuid", "StringValue": "u-1"}
        for name in ("correlationId", "idempotencyKey")
    }
    message = after_redrive(died(sent(given)))
    assert {name: message.attributes[name] for name in given} == given


@pytest.mark.parametrize(
    "foreign",
    [
        {"a b": {"DataType": "String", "StringValue": "v"}},
        {"AWS.trace": {"DataType": "String", "StringValue": "v"}},
        {"x": {"DataType": "Text", "StringValue": "v"}},
        {"x": {"DataType": "String", "StringValue": ""}},
        {"x": {"DataType": "String", "StringValue": "\x00"}},
        {"x": {"DataType": "Number", "StringValue": "ten"}},
        {"x": {"DataType": "Binary", "BinaryValue": "not base64"}},
        {"x": {"DataType": "Binary", "BinaryValue": 7}},
        {"redriveCount": {"DataType": "Number", "StringValue": "0"}},
        {"idempotencyKey": {"DataType": "String", "StringValue": "another"}},
        {"x": 7},
        7,
        [1],
    ],
)
def test_a_lineage_that_somebody_made_up_makes_no_attribute_that_sqs_or_the_pipeline_would_mind(
    foreign: Any,
) -> None:
    letter = envelope(lineage=codec.dumps({"foreign": foreign}), redriveCount=3)
    message = after_redrive(letter)
    assert set(message.attributes) == {"correlationId", "lineage", "redriveCount"}
    assert message.redrive_count == 4


@pytest.mark.parametrize("lineage", ['{"history":5,"edited":5}', '{"history":{"a":1},"edited":"x"}'])
def test_a_lineage_of_the_wrong_shape_can_be_redriven_and_edited(lineage: str) -> None:
    message = edited(envelope(body=BODY, lineage=lineage, errorType="X"))
    assert [death["errorType"] for death in message.lineage["history"]] == ["X"]
    assert [edit["by"] for edit in message.lineage["edited"]] == ["ann"]


def test_a_death_that_sqs_own_move_task_left_on_a_message_becomes_history() -> None:
    again = died(died(envelope(idempotencyKey="key")))
    assert [death["errorType"] for death in again.lineage["history"]] == ["LinesExceedAmount"]


def test_a_large_attribute_survives_as_long_as_its_encoding_fits() -> None:
    given = {"x": {"DataType": "Binary.zip", "BinaryValue": b"x" * 600_000}}
    letter = died(sent(given))
    assert OutgoingMessage(letter.body, letter.attributes).size < SQS_MAX_BYTES
    assert theirs(after_redrive(letter)) == given


def test_a_copy_that_outgrows_sqs_limit_is_refused_with_its_size() -> None:
    huge = sent({"x": {"DataType": "Binary", "BinaryValue": b"x" * (SQS_MAX_BYTES - 1_000)}})
    assert redriven(huge, 0).size < SQS_MAX_BYTES
    sqs = FakeSqs()
    publisher = Publisher(sqs, "queue", max_bytes=SQS_MAX_BYTES)
    letter = dead_letter(huge, LinesExceedAmountError("x"), key="key", failed_at=AT, code_version="v1")
    (delivery,) = publisher.send([letter])
    assert (delivery.error, delivery.senders_fault, sqs.taken) == ("MessageTooLong", True, [])
    assert f"{letter.size} bytes" in delivery.reason


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0", 0),
        ("2", 2),
        ("-5", 0),
        ("-1e30", 0),
        ("1e5", 100_000),
        ("0.2", 1),
        ("1E+126", MAX_COUNT),
        ("9" * 38, MAX_COUNT),
        ("1e99999999999999999999", 1),
        ("NaN", 1),
        ("many", 1),
    ],
)
def test_a_redrive_count_however_written_is_bounded_and_hides_no_redrive(written: str, read: int) -> None:
    given = envelope(redriveCount=written)
    assert given.redrive_count == read
    assert read < after_redrive(given).redrive_count <= MAX_COUNT or read == MAX_COUNT


@pytest.mark.parametrize(
    ("written", "read"), [("-7", 0), ("7", 7), ("1" * 30, MAX_COUNT), ("true", 1), ('"7"', 0), ("1.5", 0)]
)
def test_a_count_of_requeues_in_a_lineage_is_bounded(written: str, read: int) -> None:
    assert envelope(lineage=f'{{"requeues":{written}}}').requeues == read
