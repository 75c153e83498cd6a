"""What does not add up in an account is a refuted result that names it."""

import pytest

from lab.common.results import Verdict
from lab.history import Account, Event, History, Kind
from lab.history.places import batch_sizes
from lab.history.results import results
from tests.support.histories import died, event, history, lies, processed, submitted

TWO_WRONGS = history(submitted("a"), submitted("b"), died("b"), lies("b"), lies("b", "l-2"))


def refuted(judged: History, ends_with: int | None = None) -> dict[str, str]:
    found = results(Account.of(judged), ends_with=ends_with)
    return {result.name: result.seen for result in found if result.verdict is Verdict.REFUTED}


def test_a_sound_run_has_no_refuted_result() -> None:
    assert refuted(history(submitted("a"), processed("a")), ends_with=0) == {}


def test_a_lost_order_and_a_second_letter_are_both_refuted_by_name() -> None:
    found = refuted(TWO_WRONGS)
    assert found["orders lost"] == "1: a"
    assert found["orders with a repeated effect"] == "1: b (2 letters: l-b, l-2)"
    assert found["the contract"].startswith("one place: order a: it is lost")


@pytest.mark.parametrize(("ends_with", "said"), [(1, {}), (0, {"orders left in the DLQ": "1"}), (None, {})])
def test_dead_orders_are_right_where_they_are_meant_to_be(
    ends_with: int | None, said: dict[str, str]
) -> None:
    assert refuted(history(submitted("a"), died("a"), lies("a")), ends_with) == said


def test_batch_sizes_count_the_messages_of_each_invocation_of_the_worker() -> None:
    def received(message: str, invocation: str) -> Event:
        return event(Kind.RECEIVED, None, message, invocation=invocation)

    judged = history(received("m-1", "i-1"), received("m-2", "i-2"), received("m-3", "i-2"))
    assert batch_sizes(judged) == [1, 2]
    assert batch_sizes(history()) == []
