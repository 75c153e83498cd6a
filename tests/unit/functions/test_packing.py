import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from functions.publish.message import OutgoingMessage, number, text
from functions.publish.packing import MAX_ENTRIES, pack

sizes = st.lists(st.integers(min_value=0, max_value=150), max_size=60)
LIMIT = 100


@given(sizes)
def test_packing_keeps_every_entry_in_order(given_sizes: list[int]) -> None:
    """Property: batches one after the other are the input without what is oversize."""
    packed = pack(enumerate(given_sizes), lambda one: one[1], max_bytes=LIMIT)
    fitting = [entry for entry in enumerate(given_sizes) if entry[1] <= LIMIT]
    assert [thing for batch in packed.batches for thing in batch] == fitting
    assert packed.oversize == [entry for entry in enumerate(given_sizes) if entry[1] > LIMIT]


@example([1] * 25)
@given(sizes)
def test_every_batch_is_within_both_limits(given_sizes: list[int]) -> None:
    """Property: at most ten entries and at most the byte limit, and no batch is empty."""
    for batch in pack(given_sizes, lambda size: size, max_bytes=LIMIT).batches:
        assert 1 <= len(batch) <= MAX_ENTRIES
        assert sum(batch) <= LIMIT


@example([1] * 25)
@given(sizes)
def test_no_batch_has_room_for_the_next_entry(given_sizes: list[int]) -> None:
    """Property: a batch ends only when the next thing does not fit, so that calls are as few as can be."""
    batches = pack(given_sizes, lambda size: size, max_bytes=LIMIT).batches
    for batch, following in itertools.pairwise(batches):
        assert len(batch) == MAX_ENTRIES or sum(batch) + following[0] > LIMIT


def test_a_message_counts_body_and_attributes_in_utf8_bytes() -> None:
    message = OutgoingMessage("ä", {"name": text("wert"), "n": number(12)})
    assert message.size == 2 + len("nameStringwert") + len("nNumber12")
