"""Books: what several processes write down adds up, whoever reports when."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.book import Book, Outcome

ids = st.lists(st.sampled_from([f"order-{n}" for n in range(30)]), max_size=8)


def test_an_order_that_was_sent_twice_is_accepted_once() -> None:
    book = Book()
    book.accept(["a", "b"])
    book.accept(["a"])
    assert book.accepted == {"a", "b"}
    assert book.counts[Outcome.ACCEPTED] == 3


def test_what_was_taken_is_not_taken_again() -> None:
    book = Book()
    book.accept(["a"])
    book.count(Outcome.THROTTLED, 2)
    assert book.take() == {"accepted": ["a"], "counts": {"orders accepted": 1, "requests throttled (429)": 2}}
    assert book.take() == {"accepted": [], "counts": {}}


@given(st.lists(st.tuples(st.integers(0, 2), ids, st.booleans()), max_size=40))
def test_merged_books_hold_what_one_book_would(steps: list[tuple[int, list[str], bool]]) -> None:
    """Property: three processes that report whenever they like add up to one that did everything."""
    workers, master, alone = [Book(), Book(), Book()], Book(), Book()
    for worker, accepted, reports in steps:
        for book in (workers[worker], alone):
            book.accept(accepted)
            book.count(Outcome.SENT, len(accepted))
        if reports:
            master.merge(workers[worker].take())
    for book in workers:
        master.merge(book.take())
    assert master.accepted == alone.accepted
    assert +master.counts == +alone.counts
