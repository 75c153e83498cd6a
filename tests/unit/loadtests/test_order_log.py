"""Order logs: what several processes write down adds up, whoever reports when."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.order_log import OrderLog, Outcome

ids = st.lists(st.sampled_from([f"order-{n}" for n in range(30)]), max_size=8)


def test_an_order_that_was_sent_twice_is_accepted_once() -> None:
    order_log = OrderLog()
    order_log.accept(["a", "b"], 10.0)
    order_log.accept(["a"], 11.0)
    assert order_log.accepted == {"a": 10.0, "b": 10.0}
    assert order_log.counts[Outcome.ACCEPTED] == 3


def test_a_taken_entry_is_not_taken_again() -> None:
    order_log = OrderLog()
    order_log.accept(["a"], 10.0)
    order_log.count(Outcome.THROTTLED, 2)
    order_log.answered["/events"].add(12.3)
    assert order_log.take() == {
        "accepted": [("a", 10.0)],
        "counts": {"orders accepted": 1, "requests throttled (429)": 2},
        "answered": {"/events": [(13, 1)]},
    }
    assert order_log.take() == {"accepted": [], "counts": {}, "answered": {}}


@given(st.lists(st.tuples(st.integers(0, 2), ids, st.booleans()), max_size=40))
def test_merged_books_are_equal_to_one_book(steps: list[tuple[int, list[str], bool]]) -> None:
    """Property: three processes that report whenever they like add up to one that did everything."""
    workers, master, alone = [OrderLog(), OrderLog(), OrderLog()], OrderLog(), OrderLog()
    for now, (worker, accepted, reports) in enumerate(steps):
        for order_log in (workers[worker], alone):
            order_log.accept(accepted, float(now))
            order_log.count(Outcome.SENT, len(accepted))
            order_log.answered["/events"].add(len(accepted))
        if reports:
            master.merge(workers[worker].take())
    for order_log in workers:
        master.merge(order_log.take())
    assert master.accepted == alone.accepted
    assert +master.counts == +alone.counts
    assert master.answered == alone.answered
