"""Letters as strangers write them are parsed within bounds: no field of theirs ends the work on the others."""

import pytest
from hypothesis import given, settings

from functions.common import codec
from functions.publish.death import redriven, requeued
from functions.publish.envelope import LAST_MS, Envelope
from functions.redrive.plan import Plan
from functions.redrive.selection import judge
from functions.redrive.triage import age_seconds, describe, statistics
from tests.support.strangers import letters
from tests.unit.functions.builders import envelope


@settings(max_examples=200)
@given(letters)
def test_any_dead_letter_can_be_judged_described_and_sent_back(letter: Envelope) -> None:
    """Property: whatever a stranger put into it, it is read within bounds, and its description can be answered."""
    described = describe(letter, judge(Plan(), letter, 0), 0)
    assert codec.loads(codec.dumps(described))["messageId"] == letter.message_id
    assert 0 <= letter.accepted_at <= LAST_MS
    codec.dumps(statistics([letter]))
    for message in (redriven(letter, 0), requeued(letter, 0)):
        assert codec.loads(message.attributes["lineage"].get("StringValue", ""))


@pytest.mark.parametrize(
    "given_time", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "never"]
)
def test_a_death_at_the_ends_of_time_has_an_age(given_time: str) -> None:
    assert age_seconds(envelope(failedAt=given_time), 2_000) >= 0


@pytest.mark.parametrize("at", ["-1", "true", "1.5", "1e400", '"2"', "9" * 30, "null", "[]"])
def test_a_time_that_no_clock_shows_is_not_when_the_order_was_accepted(at: str) -> None:
    assert envelope(lineage=f'{{"acceptedAt":{at}}}', sent_at=7).accepted_at == 7
