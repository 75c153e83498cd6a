"""The rules of Lambda's logs and of SQS batches, which need no engine."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_localstack.lambda_ import report, sqs_records
from lab_localstack.lambda_.output import MARK, OutputParser

pytestmark = pytest.mark.evidence(
    "documented", source="Lambda guide, Using Lambda with Amazon SQS, and Telemetry API reference"
)

LINES = st.text(st.characters(exclude_characters="\n\x00", exclude_categories=["Cs"]), min_size=1).filter(
    str.strip
)
WRITTEN = st.lists(st.tuples(st.sampled_from(["line", "record"]), LINES))


def framed(message: str) -> bytes:
    """What awslambdaric's telemetry log sink writes for a record."""
    raw = message.encode()
    return MARK + b"\x0f" + len(raw).to_bytes(4) + (1_700_000_000_000_000).to_bytes(8) + raw


@pytest.mark.evidence("ours")
@given(WRITTEN, st.data())
def test_lines_and_records_are_found_however_the_output_is_cut(
    written: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Property: the messages do not depend on where one read ends and the next begins."""
    raw = b"".join(text.encode() + b"\n" if kind == "line" else framed(text) for kind, text in written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)))))
    parser = OutputParser()
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        parser.feed(raw[start:end])
    assert [event.message for event in parser.take()] == [text + "\n" for _, text in written]


@pytest.mark.evidence("ours")
def test_events_are_in_the_order_of_time_although_records_bring_their_own() -> None:
    parser = OutputParser()
    parser.feed(b"a line\n" + framed("a record of long ago"))
    first, second = parser.take()
    assert first.timestamp <= second.timestamp


@pytest.mark.evidence("ours")
def test_a_line_without_an_end_counts_when_the_invocation_ends() -> None:
    parser = OutputParser()
    parser.feed(b"whole\nhalf")
    assert [event.message for event in parser.take()] == ["whole\n", "half\n"]
    assert parser.take() == []


@given(st.lists(st.integers(1, 3_000_000)))
def test_no_batch_exceeds_the_payload_limit_and_no_record_is_lost(sizes: list[int]) -> None:
    """Property: batches hold all records in their order, and none but a single large one is over the limit."""
    records = [{"messageId": str(number), "body": "x" * size} for number, size in enumerate(sizes)]
    batches = list(sqs_records.batches(records))
    assert [record for batch in batches for record in batch] == records
    for batch in batches:
        assert len(json.dumps({"Records": batch})) <= sqs_records.PAYLOAD_LIMIT


@given(st.sets(st.text(min_size=1)), st.data())
def test_reported_messages_are_the_failed_ones(message_ids: set[str], data: st.DataObject) -> None:
    """Property: an answer that names messages of the batch fails these and no others."""
    failed = data.draw(st.sets(st.sampled_from(sorted(message_ids)))) if message_ids else set[str]()
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in failed]}).encode()
    assert sqs_records.failed_message_ids(answer, message_ids) == failed


@pytest.mark.parametrize("answer", [b"{", b"\xff", b"[]", b'"text"', b"1", b'{"batchItemFailures": [null]}'])
def test_an_invalid_partial_batch_response_fails_the_batch(answer: bytes) -> None:
    with pytest.raises(sqs_records.BatchFailedError):
        sqs_records.failed_message_ids(answer, {"a"})


@pytest.mark.parametrize(
    ("returncode", "reason"),
    [
        (1, "Runtime exited with error: exit status 1"),
        (0, "Runtime exited without providing a reason"),
        (-15, "Runtime exited with error: signal: terminated"),
        (-6, "Runtime exited with error: signal: aborted"),
    ],
)
def test_the_end_of_a_process_is_put_as_lambda_puts_it(returncode: int, reason: str) -> None:
    failure = report.exited("1-2-3", returncode)
    assert json.loads(failure.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: 1-2-3 Error: {reason}",
    }


def test_the_end_for_want_of_memory_is_a_kill_and_reported_with_its_cause() -> None:
    failure = report.out_of_memory("1-2-3")
    assert json.loads(failure.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: 1-2-3 Error: Runtime exited with error: signal: killed",
    }
    figures = report.Report("1-2-3", duration=10, memory_size=128, max_memory_used=128, failure=failure)
    assert report.TextLog.end(figures)[-1].endswith(
        "Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\t"
    )
    record = json.loads(report.JsonLog.end(figures)[-1])["record"]
    assert (record["status"], record["errorType"]) == ("error", "Runtime.OutOfMemory")


def test_the_billed_duration_is_whole_milliseconds_with_the_init_phase() -> None:
    figures = report.Report("id", duration=10.2, memory_size=128, max_memory_used=40, init_duration=100.1)
    assert figures.billed_duration == 111
    assert report.TextLog.end(figures)[-1] == (
        "REPORT RequestId: id\tDuration: 10.20 ms\tBilled Duration: 111 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 40 MB\tInit Duration: 100.10 ms\t"
    )
